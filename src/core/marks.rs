//! What a person writes on a pod: a request, its withdrawal, or an approval. The change is data, and one PATCH makes it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::core::selector::{Operator, Selector};
use crate::core::words::{PREFIX, annotation};

/// Labels or annotations of an object.
type Map = BTreeMap<String, String>;
/// Keys to set, or with `None` to remove.
pub(crate) type Change = BTreeMap<String, Option<String>>;

/// Changes of a pod's labels and annotations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Marks {
    pub labels: Change,
    pub annotations: Change,
}

/// What a detector or a person knows of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Detection {
    pub symptom: Option<String>,
    pub probable_cause: Option<String>,
    /// From 0 to 1, as it was written.
    pub confidence: Option<String>,
    pub incident: Option<String>,
    /// The only runbook that may answer.
    pub runbook: Option<String>,
}

impl Marks {
    /// The label alone, on a pod with these labels: as little as makes the selector match.
    pub(crate) fn asking(labels: &Map, selector: &Selector) -> Self {
        let mut change = Change::new();
        for requirement in &selector.0 {
            let key = &requirement.key;
            let present = labels.get(key);
            let value = match &requirement.operator {
                Operator::In(values) if !present.is_some_and(|value| values.contains(value)) => values.first().cloned(),
                Operator::Exists if present.is_none() => Some(String::new()),
                Operator::NotIn(values) if present.is_some_and(|value| values.contains(value)) => None,
                Operator::DoesNotExist if present.is_some() => None,
                _ => continue,
            };
            change.insert(key.clone(), value);
        }
        Self { labels: change, annotations: Change::new() }
    }

    /// A request by this person. What an earlier request left on the pod goes. A pod that asks already is asked for anew as of `now`.
    pub(crate) fn request(labels: &Map, annotations: &Map, selector: &Selector, detection: &Detection, by: &str, now: Timestamp) -> Self {
        let mut marks = Self { annotations: without_request(annotations), ..Self::asking(labels, selector) };
        let Detection { symptom, probable_cause, confidence, incident, runbook } = detection;
        let renewed = selector.matches(labels).then(|| format!("{now:.0}"));
        for (key, value) in [
            (annotation::SYMPTOM, symptom.clone()),
            (annotation::PROBABLE_CAUSE, probable_cause.clone()),
            (annotation::CONFIDENCE, confidence.clone()),
            (annotation::INCIDENT, incident.clone()),
            (annotation::RUNBOOK, runbook.clone()),
            (annotation::REQUESTED_BY, Some(by.to_owned())),
            (annotation::REQUESTED_AT, renewed),
        ] {
            if value.is_some() {
                marks.annotations.insert(key.to_owned(), value);
            }
        }
        marks
    }

    /// The withdrawal of a request: the label goes, and all that the request said. `None`: the selector has no label of this program's
    /// own, and whether another one may go is not for it to say.
    pub(crate) fn withdrawal(annotations: &Map, selector: &Selector) -> Option<Self> {
        let wanted = |operator: &Operator| matches!(operator, Operator::In(_) | Operator::Exists);
        let ours = selector.0.iter().find(|one| wanted(&one.operator) && one.key.starts_with(PREFIX))?;
        Some(Self { labels: Change::from([(ours.key.clone(), None)]), annotations: without_request(annotations) })
    }

    /// This person's approval of the plan with this id.
    pub(crate) fn approval(plan: &str, by: &str) -> Self {
        let annotations = [(annotation::APPROVE, plan), (annotation::APPROVED_BY, by)];
        let annotations = annotations.into_iter().map(|(key, value)| (key.to_owned(), Some(value.to_owned()))).collect();
        Self { labels: Change::new(), annotations }
    }

    /// Makes the changes.
    pub(crate) fn apply(&self, labels: &mut Map, annotations: &mut Map) {
        for (change, on) in [(&self.labels, labels), (&self.annotations, annotations)] {
            for (key, value) in change {
                match value {
                    Some(value) => on.insert(key.clone(), value.clone()),
                    None => on.remove(key),
                };
            }
        }
    }
}

fn without_request(annotations: &Map) -> Change {
    annotation::OF_A_REQUEST.iter().filter(|key| annotations.contains_key(**key)).map(|key| ((*key).to_owned(), None)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(pairs: &[(&str, &str)]) -> Map {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[track_caller]
    fn check(selector: &str, expected: &[(&str, &str)]) {
        let mut labels = own(&[("app", "web"), ("tier", "front")]);
        let selector: Selector = selector.parse().unwrap();
        Marks::asking(&labels, &selector).apply(&mut labels, &mut Map::new());
        assert_eq!(labels, own(expected));
        assert!(selector.matches(&labels));
    }

    #[test]
    fn as_little_is_changed_as_makes_it_ask() {
        check("restart=true", &[("app", "web"), ("restart", "true"), ("tier", "front")]);
        check("restart in (a,b),app", &[("app", "web"), ("restart", "a"), ("tier", "front")]);
        check("incident,app=web,tier!=front", &[("app", "web"), ("incident", "")]);
        check("incident,!tier", &[("app", "web"), ("incident", "")]);
    }

    #[test]
    fn a_request_replaces_what_an_earlier_one_said() {
        let selector = crate::core::words::default_request_selector();
        let now = "2025-06-01T12:00:00.5Z".parse().unwrap();
        let detection = Detection { symptom: Some("hung".to_owned()), ..Detection::default() };
        let earlier = own(&[(annotation::CONFIDENCE, "0.9"), (annotation::APPROVE, "p"), ("team", "web")]);
        let requested = |labels: &Map| {
            let (mut labels, mut annotations) = (labels.clone(), earlier.clone());
            Marks::request(&labels, &annotations, &selector, &detection, "ann", now).apply(&mut labels, &mut annotations);
            assert!(selector.matches(&labels));
            annotations
        };
        let expected = own(&[(annotation::SYMPTOM, "hung"), (annotation::REQUESTED_BY, "ann"), ("team", "web")]);
        assert_eq!(requested(&Map::new()), expected);
        // Where it asks already, as of now.
        let renewed = own(&[(annotation::REQUESTED_AT, "2025-06-01T12:00:00Z")]);
        assert_eq!(requested(&own(&[("remediator.kubedojo.io/restart", "true")])), expected.into_iter().chain(renewed).collect());
    }

    #[test]
    fn a_withdrawal_takes_a_label_of_ours_and_no_other() {
        let (labels, annotations) =
            (own(&[("app", "web"), ("remediator.kubedojo.io/restart", "true")]), own(&[(annotation::SYMPTOM, "hung"), ("team", "web")]));
        let withdrawn = |selector: &str| {
            let (mut labels, mut annotations) = (labels.clone(), annotations.clone());
            Marks::withdrawal(&annotations, &selector.parse().unwrap())?.apply(&mut labels, &mut annotations);
            Some((labels, annotations))
        };
        let expected = (own(&[("app", "web")]), own(&[("team", "web")]));
        assert_eq!(withdrawn("app=web,remediator.kubedojo.io/restart=true"), Some(expected));
        assert_eq!(withdrawn("app=web"), None);
    }
}
