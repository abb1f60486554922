//! A pod that does not ask, as if it did.

use std::collections::BTreeMap;

use crate::cluster::api::{Api, ApiError, Cause, PODS, PodObject};
use crate::core::runbook::Runbook;
use crate::core::selector::{Operator, Selector};
use crate::core::snapshot::{Bounds, Fact, Request};

use super::facts;

/// The request that setting the label on this pod now would make: what is annotated counts. `None`: there is no such pod.
///
/// # Errors
/// It cannot be read.
pub(crate) async fn hypothetical(api: &Api, bounds: &Bounds, name: &str, runbooks: &[Runbook]) -> Result<Option<Request>, ApiError> {
    let mut object = match api.get::<PodObject>(PODS, name).await {
        Err(ApiError { cause: Cause::NotFound, .. }) => return Ok(None),
        object => object?,
    };
    ask(&mut object.metadata.labels, &bounds.selector);
    let mut request = facts::request_of(object, bounds, &super::LookedAt::by(runbooks));
    // The pod's labels may have been set long ago, by somebody who asked for nothing.
    request.requested_at = api.now().map_or_else(|| Fact::Unknown("the API server's answer had no time".to_owned()), Fact::Known);
    request.field_manager = None;
    Ok(Some(request))
}

/// Changes as little as makes the selector match.
fn ask(labels: &mut BTreeMap<String, String>, selector: &Selector) {
    for requirement in &selector.0 {
        let key = &requirement.key;
        let present = labels.get(key);
        match &requirement.operator {
            Operator::In(values) if !present.is_some_and(|value| values.contains(value)) => {
                labels.insert(key.clone(), values.first().cloned().unwrap_or_default());
            }
            Operator::NotIn(values) if present.is_some_and(|value| values.contains(value)) => {
                labels.remove(key);
            }
            Operator::Exists if present.is_none() => {
                labels.insert(key.clone(), String::new());
            }
            Operator::DoesNotExist => {
                labels.remove(key);
            }
            Operator::In(_) | Operator::NotIn(_) | Operator::Exists => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(selector: &str, expected: &[(&str, &str)]) {
        let own = |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let mut labels: BTreeMap<String, String> = own(&[("app", "web"), ("tier", "front")]);
        let selector: Selector = selector.parse().unwrap();
        ask(&mut labels, &selector);
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
}
