//! Near misses: what somebody wrote on a pod or a workload, and what does not count as it stands. Pure: what was read comes in as
//! small plain structs, and what is wrong with it comes out, with one command that corrects it.

mod services;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::core::near::near;
use crate::core::selector::{Operator, Requirement, Selector};
use crate::core::words::{PREFIX, PROGRAM, annotation, inert, label, quoted};

pub(super) use services::Services;

/// Something that was probably meant otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct NearMiss {
    /// The object, as kubectl takes it, `deployment/web`; or a service, `service app=web`.
    pub object: String,
    /// What is there.
    pub seen: String,
    /// Why it does not count, and what does.
    pub advice: String,
    /// What to type for it, where that is one command.
    pub command: Option<String>,
}

/// So many are shown; the rest is counted.
const MOST_SHOWN: usize = 20;

/// The first of them, and how many more there are.
pub(super) fn bounded(mut all: Vec<NearMiss>) -> (Vec<NearMiss>, usize) {
    let more = all.len().saturating_sub(MOST_SHOWN);
    all.truncate(MOST_SHOWN);
    (all, more)
}

/// The kinds that are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NearKind {
    Pod,
    Deployment,
    ReplicaSet,
    StatefulSet,
    DaemonSet,
}

impl NearKind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Pod => "pod",
            Self::Deployment => "deployment",
            Self::ReplicaSet => "replicaset",
            Self::StatefulSet => "statefulset",
            Self::DaemonSet => "daemonset",
        }
    }
}

pub(super) type TextPairs = BTreeMap<String, String>;

/// A pod or a workload: the few fields that are checked.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) kind: NearKind,
    pub(super) name: String,
    pub(super) labels: TextPairs,
    pub(super) annotations: TextPairs,
    /// Empty for pods, like the next.
    pub(super) template_labels: TextPairs,
    pub(super) template_annotations: TextPairs,
    /// What controls it, if that is a kind that is checked.
    pub(super) controller: Option<(NearKind, String)>,
}

impl Object {
    fn argument(&self) -> String {
        format!("{}/{}", self.kind.as_str(), inert(&self.name, 253))
    }
}

/// What a pod has to know of the workload behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NearWorkload {
    /// As kubectl takes it.
    argument: String,
    /// What it lacks of an opt-in, and has not in its template either: what is on a pod is worth a word.
    lacks: BTreeSet<String>,
}

/// The workloads by what controls their pods: a Deployment by each of its ReplicaSets.
pub(super) type Workloads = BTreeMap<(NearKind, String), NearWorkload>;

/// What counts, by the settings and the runbooks.
#[derive(Debug)]
pub(super) struct Words<'a> {
    pub(super) namespace: &'a str,
    pub(super) selector: &'a Selector,
    pub(super) service_label: &'a str,
    /// The labels that each runbook requires of a workload.
    pub(super) opt_in: Vec<TextPairs>,
    /// Other labels that runbooks use.
    pub(super) others: BTreeSet<String>,
    /// The one pod that is asked about.
    pub(super) pod: Option<&'a str>,
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A label of a pod.
    Request,
    /// A label of a workload.
    OptIn,
    /// An annotation of a pod.
    Evidence,
    /// An annotation of a workload.
    Owner,
}

/// A key that counts, and with which value.
#[derive(Debug, Clone, Copy)]
struct Word<'a> {
    role: Role,
    key: &'a str,
    value: Option<&'a str>,
}

impl Word<'_> {
    fn is_label(self) -> bool {
        matches!(self.role, Role::Request | Role::OptIn)
    }

    fn is_of_pods(self) -> bool {
        matches!(self.role, Role::Request | Role::Evidence)
    }

    /// The rule, in words.
    fn rule(self) -> String {
        let pair = self.value.map_or_else(|| self.key.to_owned(), |value| format!("{}={value}", self.key));
        match self.role {
            Role::Request => format!("a request is the label {pair} of one pod"),
            Role::OptIn => format!("the opt-in is the label {pair} of the workload itself, and its owner's to set"),
            Role::Evidence => format!("evidence is the annotation {pair} of the pod that asks"),
            Role::Owner => format!("the owner is the annotation {pair} of the workload itself"),
        }
    }
}

/// Where a key was found.
#[derive(Debug, Clone, Copy)]
struct NearPlace {
    label: bool,
    template: bool,
}

impl Words<'_> {
    fn all(&self) -> Vec<Word<'_>> {
        let request = match &self.selector.0[..] {
            [Requirement { key, operator: Operator::In(values) }] => {
                values.first().map(|value| Word { role: Role::Request, key, value: Some(value) })
            }
            _ => None,
        };
        let required: BTreeSet<(&String, &String)> = self.opt_in.iter().flatten().collect();
        let opt_in = required.into_iter().map(|(key, value)| Word { role: Role::OptIn, key, value: Some(value) });
        let plain = |role| move |key| Word { role, key, value: None };
        let all = request.into_iter().chain(opt_in).chain(annotation::OF_A_REQUEST.iter().copied().map(plain(Role::Evidence)));
        all.chain([annotation::OWNER].into_iter().map(plain(Role::Owner))).collect()
    }

    fn has_opted_in(&self, workload: &Object) -> bool {
        let has = |(key, value): (&String, &String)| workload.labels.get(key) == Some(value);
        self.opt_in.iter().any(|required| required.iter().all(has))
    }

    /// What the pods of a workload have to know of it.
    pub(super) fn behind(&self, workload: &Object) -> NearWorkload {
        let all = self.all();
        let in_template = |key: &str| workload.template_labels.contains_key(key) || workload.template_annotations.contains_key(key);
        let lacks = |word: &&Word<'_>| {
            word.role == Role::OptIn && workload.labels.get(word.key).map(String::as_str) != word.value && !in_template(word.key)
        };
        let lacks = all.iter().filter(lacks).filter(|_| !self.has_opted_in(workload)).map(|word| word.key.to_owned()).collect();
        NearWorkload { argument: workload.argument(), lacks }
    }

    /// What is wrong with one workload. A ReplicaSet of a Deployment has copies of that one's words, and is not for here.
    pub(super) fn of_workload(&self, workload: &Object) -> Vec<NearMiss> {
        let places = [
            (NearPlace { label: true, template: false }, &workload.labels),
            (NearPlace { label: false, template: false }, &workload.annotations),
            (NearPlace { label: true, template: true }, &workload.template_labels),
            (NearPlace { label: false, template: true }, &workload.template_annotations),
        ];
        let opted_in = self.has_opted_in(workload);
        self.of_places(workload, None, &places, |word| {
            word.role == Role::OptIn && (opted_in || workload.labels.get(word.key).map(String::as_str) == word.value)
        })
    }

    /// What is wrong with one pod.
    pub(super) fn of_pod(&self, pod: &Object, workloads: &Workloads) -> Vec<NearMiss> {
        let places =
            [(NearPlace { label: true, template: false }, &pod.labels), (NearPlace { label: false, template: false }, &pod.annotations)];
        let behind = pod.controller.as_ref().and_then(|controller| workloads.get(controller));
        let asks = self.selector.matches(&pod.labels);
        self.of_places(pod, behind, &places, |word| match word.role {
            Role::Request => asks,
            // A workload that is not known may have opted in.
            Role::OptIn => !behind.is_some_and(|behind| behind.lacks.contains(word.key)),
            Role::Evidence | Role::Owner => false,
        })
    }

    fn of_places(
        &self,
        object: &Object,
        behind: Option<&NearWorkload>,
        places: &[(NearPlace, &TextPairs)],
        has_its_way: impl Fn(Word<'_>) -> bool,
    ) -> Vec<NearMiss> {
        let all = self.all();
        let mut misses = Vec::new();
        for (place, pairs) in places {
            for (key, value) in *pairs {
                match self.meant(&all, key, value) {
                    Meant::Nothing => {}
                    Meant::Unknown => misses.push(self.unknown(object, *place, key, value)),
                    Meant::Word(word) => {
                        let right_place = !place.template && word.is_of_pods() == (object.kind == NearKind::Pod);
                        let right = key == word.key && right_place && place.label == word.is_label();
                        let counts = right && word.value.is_none_or(|wanted| wanted == value);
                        if !counts && !has_its_way(word) {
                            misses.push(self.miss(object, behind, *place, (key, value), word));
                        }
                    }
                }
            }
        }
        misses
    }

    /// What somebody meant by a label or an annotation, if it was for us at all.
    fn meant<'a>(&self, all: &[Word<'a>], key: &str, value: &str) -> Meant<'a> {
        let exact = || all.iter().filter(|word| word.key == key);
        if let Some(word) = exact().find(|word| word.value == Some(value)).or(exact().next()) {
            // A label that is not ours may have any value, for any purpose.
            let ours = key.starts_with(PREFIX);
            let meant = word.value.is_none_or(|wanted| if ours { !is_no(value) } else { is_like(value, wanted) });
            return if meant { Meant::Word(*word) } else { Meant::Nothing };
        }
        if self.others.contains(key) || self.selector.0.iter().any(|requirement| requirement.key == key) {
            return Meant::Nothing;
        }
        let suffix = match key.split_once('/') {
            _ if key.starts_with(PREFIX) => key.get(PREFIX.len()..).unwrap_or_default(),
            Some((prefix, suffix)) if near(prefix, [PREFIX.trim_end_matches('/')]).is_some() => suffix,
            // Without a prefix it is ours only if it says so: anybody may call something `restart`.
            None if [label::RESTART, label::ENABLED].iter().any(|ours| ours.strip_prefix(PREFIX) == Some(key))
                && is_like(value, label::TRUE) =>
            {
                key
            }
            _ => return Meant::Nothing,
        };
        let of = |word: &Word<'a>| word.key.rsplit('/').next().unwrap_or_default();
        let found = near(suffix, all.iter().map(of)).and_then(|found| all.iter().find(|word| of(word) == found));
        // The default words, where settings or runbooks have others.
        let default = || match key {
            label::RESTART => all.iter().find(|word| word.role == Role::Request),
            label::ENABLED => all.iter().find(|word| word.role == Role::OptIn),
            _ => None,
        };
        match found.or_else(default) {
            Some(word) if word.value.is_some() && is_no(value) => Meant::Nothing,
            Some(word) => Meant::Word(*word),
            None if key.starts_with(PREFIX) => Meant::Unknown,
            None => Meant::Nothing,
        }
    }

    fn miss(
        &self,
        object: &Object,
        behind: Option<&NearWorkload>,
        place: NearPlace,
        (key, value): (&str, &str),
        word: Word<'_>,
    ) -> NearMiss {
        let of_pod = object.kind == NearKind::Pod;
        let why = if key != word.key {
            "the key is misspelt"
        } else if place.template && word.role == Role::Request {
            "in the template it would make every pod ask, and every replacement"
        } else if place.template {
            "it is in the pod template"
        } else if word.is_of_pods() && !of_pod {
            "it is on the workload"
        } else if of_pod && !word.is_of_pods() {
            "it is on the pod"
        } else if place.label != word.is_label() {
            if place.label { "a label is no annotation" } else { "an annotation is no label" }
        } else {
            "only the exact value counts"
        };
        NearMiss {
            object: object.argument(),
            seen: seen(place, key, value),
            advice: format!("{why}: {}", word.rule()),
            command: self.command(object, behind, place, (key, value), word),
        }
    }

    /// Sets what counts, where that can be said, and takes away what does not.
    fn command(
        &self,
        object: &Object,
        behind: Option<&NearWorkload>,
        place: NearPlace,
        (key, value): (&str, &str),
        word: Word<'_>,
    ) -> Option<String> {
        if place.template && word.role == Role::Request {
            // Every replacement would ask again, forever.
            let pointer = inert(key, 317).replace('~', "~0").replace('/', "~1");
            let list = if place.label { "labels" } else { "annotations" };
            let patch = format!(r#"[{{"op": "remove", "path": "/spec/template/metadata/{list}/{pointer}"}}]"#);
            return Some(self.kubectl(&format!("patch {} --type json -p '{patch}'", object.argument())));
        }
        let target = match (word.is_of_pods(), object.kind == NearKind::Pod) {
            (true, true) | (false, false) => Some(object.argument()),
            (true, false) => self.pod.map(|pod| format!("pod/{}", inert(pod, 253))),
            (false, true) => behind.map(|behind| behind.argument.clone()),
        };
        let verb = |label| if label { "label" } else { "annotate" };
        let pair = format!("{}={}", word.key, word.value.map_or_else(|| for_shell(value), str::to_owned));
        let key = inert(key, 317);
        let here = target.as_ref() == Some(&object.argument()) && !place.template && place.label == word.is_label();
        if here && key == word.key {
            return Some(self.kubectl(&format!("{} {} {pair} --overwrite", verb(place.label), object.argument())));
        }
        if here {
            let there = if place.label { &object.labels } else { &object.annotations };
            let set = if there.contains_key(word.key) { String::new() } else { format!(" {pair}") };
            return Some(self.kubectl(&format!("{} {} {key}-{set}", verb(place.label), object.argument())));
        }
        let set = target.map(|target| self.kubectl(&format!("{} {target} {pair}", verb(word.is_label()))));
        // What is in a template goes with a rollout only, and an opt-in that is on a pod too does no harm.
        let stays = place.template || (word.role == Role::OptIn && key == word.key && place.label);
        let away = (!stays).then(|| self.kubectl(&format!("{} {} {key}-", verb(place.label), object.argument())));
        match (set, away) {
            (Some(set), Some(away)) => Some(format!("{set} && {away}")),
            (set, away) => set.or(away),
        }
    }

    fn unknown(&self, object: &Object, place: NearPlace, key: &str, value: &str) -> NearMiss {
        let verb = if place.label { "label" } else { "annotate" };
        let away = format!("{verb} {} {}-", object.argument(), inert(key, 317));
        NearMiss {
            object: object.argument(),
            seen: seen(place, key, value),
            advice: format!("{PROGRAM} reads nothing of this name: a pod asks if it matches {}", self.selector),
            command: (!place.template).then(|| self.kubectl(&away)),
        }
    }

    fn kubectl(&self, arguments: &str) -> String {
        format!("kubectl -n {} {arguments}", self.namespace)
    }
}

enum Meant<'a> {
    /// Nothing of ours, or a plain no.
    Nothing,
    /// Ours by its prefix, and nothing is near.
    Unknown,
    Word(Word<'a>),
}

fn seen(place: NearPlace, key: &str, value: &str) -> String {
    let what = if place.label { "label" } else { "annotation" };
    let place = if place.template { " in the pod template" } else { "" };
    format!("{what} {}={}{place}", inert(key, 317), quoted(value))
}

/// A plain no: nobody meant a yes by it.
fn is_no(value: &str) -> bool {
    ["false", "no", "n", "0", "off", "never", "disabled"].contains(&value.to_lowercase().as_str())
}

/// Somebody who wrote this meant that.
fn is_like(value: &str, wanted: &str) -> bool {
    let value = value.trim().to_lowercase();
    let yes = wanted == label::TRUE && ["yes", "y", "t", "1", "on", "enabled"].contains(&value.as_str());
    yes || near(&value, [wanted]).is_some()
}

/// A value as it is, in quotes for a shell; `VALUE` where it cannot be shown as it is.
fn for_shell(value: &str) -> String {
    if value.chars().count() > 100 || inert(value, 100) != value {
        "VALUE".to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests;
