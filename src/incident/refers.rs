//! What an incident file refers to: runbooks, objects, the ledger. Paths are relative to the file that names them.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::Value as Json;

use crate::cluster::matching::recorded::{ObjectKind, Objects};
use crate::cluster::store::LEDGER_KEY;
use crate::core::ledger::Ledger;
use crate::core::near::near;
use crate::core::runbook::fields::{Read, Report, Value};
use crate::core::runbook::node::{Content, Limits, Node, documents_within};
use crate::core::runbook::{Problem, Runbook, inline};
use crate::outside::load::{Loaded, read as read_runbooks};

/// What one incident file refers to.
pub(super) struct Files<'a> {
    /// Of the incident file.
    pub path: &'a Path,
    pub name: &'a str,
    /// In the files that it names.
    pub problems: &'a RefCell<Vec<Problem>>,
    pub used: &'a RefCell<BTreeSet<PathBuf>>,
}

/// The documents of a text.
pub(super) fn nodes(text: &str, report: &Report<'_>) -> Option<Vec<Node>> {
    documents_within(text, Limits::OBJECTS).map_err(|(at, message)| report.add(at, "", message)).ok()
}

pub(super) fn canonical(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

pub(super) fn folder_of(path: &Path) -> PathBuf {
    path.parent().unwrap_or_else(|| Path::new(".")).to_owned()
}

impl Files<'_> {
    /// Of the incident file, as it was given.
    pub(super) fn name(&self) -> &str {
        self.name
    }

    fn resolve(&self, named: &str) -> PathBuf {
        let path = folder_of(self.path).join(named);
        self.used.borrow_mut().insert(canonical(&path));
        path
    }

    fn open(&self, value: &Value<'_>, named: &str) -> Read<(String, String)> {
        let path = self.resolve(named);
        let text = std::fs::read_to_string(&path).map_err(|error| value.say(format!("{} cannot be read: {error}", path.display())))?;
        Ok((path.display().to_string(), text))
    }

    /// A mistake in a file that the incident names is reported with its place in that file.
    fn within<T>(&self, value: &Value<'_>, file: &str, text: &str, read: impl Fn(Value<'_>) -> Read<T>) -> Read<Vec<T>> {
        let report = Report::new(file);
        let nodes = nodes(text, &report).unwrap_or_default();
        let found: Vec<T> = nodes.iter().filter_map(|node| read(Value::root(&report, node)).ok()).collect();
        let problems = report.into_problems();
        if problems.is_empty() {
            return Ok(found);
        }
        self.problems.borrow_mut().extend(problems);
        Err(value.say(format!("{file} has mistakes of its own")))
    }

    /// Runbooks: paths of files or directories, or written out; one or a list.
    pub(super) fn runbooks(&self, value: &Value<'_>) -> Read<Vec<Runbook>> {
        let items = value.items();
        let read: Vec<Read<Vec<Runbook>>> =
            if items.is_empty() { vec![self.runbook(value)] } else { items.iter().map(|item| self.runbook(item)).collect() };
        let runbooks: Vec<Runbook> = read.into_iter().collect::<Read<Vec<_>>>()?.into_iter().flatten().collect();
        let mut names = BTreeSet::new();
        match runbooks.iter().find(|runbook| !names.insert(&runbook.name)) {
            Some(twice) => Err(value.say(format!("two runbooks are named {}: each needs its own name", twice.name))),
            None => Ok(runbooks),
        }
    }

    fn runbook(&self, value: &Value<'_>) -> Read<Vec<Runbook>> {
        match value.content() {
            Some(Content::Map(_)) => Ok(vec![inline(value)?]),
            Some(Content::Text(named)) => {
                let path = self.resolve(named);
                std::fs::metadata(&path).map_err(|error| value.say(format!("{} cannot be read: {error}", path.display())))?;
                let Loaded { runbooks, problems, .. } = read_runbooks(&[path]);
                if problems.is_empty() {
                    return Ok(runbooks.into_iter().map(|(_, runbook)| runbook).collect());
                }
                self.problems.borrow_mut().extend(problems);
                Err(value.say(format!("{named} has mistakes of its own")))
            }
            _ => Err(value.wrong("the path of a runbook file or directory, or a runbook, or a list of them")),
        }
    }

    /// Objects as kubectl prints them: a file of them, a List, or one.
    pub(super) fn objects(&self, value: &Value<'_>, namespace: &str, objects: &mut Objects) -> Read<()> {
        match value.content() {
            Some(Content::Text(named)) => {
                let (file, text) = self.open(value, named)?;
                let objects = RefCell::new(objects);
                self.within(value, &file, &text, |value| object(&value, namespace, &mut objects.borrow_mut())).map(drop)
            }
            Some(Content::Map(_)) => object(value, namespace, objects),
            _ => Err(value.wrong("the path of a file, or an object as kubectl get -o yaml prints it, or a list of them")),
        }
    }

    /// The ledger: its ConfigMap as kubectl prints it, or its JSON; a file or written out.
    pub(super) fn ledger(&self, value: &Value<'_>, now: Timestamp) -> Read<Ledger> {
        match value.content() {
            Some(Content::Text(named)) => {
                let (file, text) = self.open(value, named)?;
                let mut found = self.within(value, &file, &text, |value| ledger(&value, now))?;
                if found.len() == 1 {
                    Ok(found.remove(0))
                } else {
                    Err(value.say(format!("{file} must hold one ledger, not {}", found.len())))
                }
            }
            Some(Content::Map(_)) => ledger(value, now),
            _ => Err(value.wrong("the ledger's ConfigMap, or its JSON, or the path of a file with one of them")),
        }
    }
}

fn object(value: &Value<'_>, namespace: &str, objects: &mut Objects) -> Read<()> {
    if let Some(items) = value.get("items") {
        let read: Vec<Read<()>> = items.items().iter().map(|item| object(item, namespace, objects)).collect();
        return read.into_iter().collect();
    }
    let json = json_of(value);
    let text = |field: &Json| field.as_str().map(str::to_owned);
    let (Some(version), Some(kind), Some(name)) = (text(&json["apiVersion"]), text(&json["kind"]), text(&json["metadata"]["name"])) else {
        return Err(value.say("is no object of a cluster: it needs apiVersion, kind and metadata.name"));
    };
    let Some(known) = ObjectKind::from_word(&kind) else {
        // What kubectl prints besides (Services, Events, Jobs) is nothing that a decision rests on.
        return match near(&kind, ObjectKind::ALL.iter().map(|kind| kind.as_str())) {
            Some(meant) => Err(value.say(format!("kind {kind:?}: did you mean {meant}?"))),
            None => Ok(()),
        };
    };
    let expected = match known {
        ObjectKind::Namespace | ObjectKind::PersistentVolumeClaim | ObjectKind::Pod => "v1",
        ObjectKind::PodDisruptionBudget => "policy/v1",
        ObjectKind::Deployment | ObjectKind::ReplicaSet | ObjectKind::StatefulSet | ObjectKind::DaemonSet => "apps/v1",
    };
    if version != expected {
        return Err(value.say(format!("apiVersion of a {kind} must be {expected}, not {version:?}")));
    }
    if json["metadata"]["namespace"].as_str().is_some_and(|other| other != namespace) {
        return Ok(());
    }
    objects.put(known, &name, json).map_err(|why| value.say(why))
}

fn ledger(value: &Value<'_>, now: Timestamp) -> Read<Ledger> {
    let json = json_of(value);
    let text = if json["kind"] == "ConfigMap" {
        match (&json["data"][LEDGER_KEY], json["data"].is_null()) {
            (Json::String(text), _) => text.clone(),
            (_, true) => return Ok(Ledger::default()),
            _ => return Err(value.say(format!("is a ConfigMap without key {LEDGER_KEY}"))),
        }
    } else {
        json.to_string()
    };
    Ledger::decode(&text, now).map_err(|why| value.say(format!("cannot be trusted: {why}")))
}

pub(super) fn time(value: &Value<'_>) -> Read<Timestamp> {
    value.understood("a time in RFC 3339, such as 2026-11-24T03:00:00Z", |text| text.parse().map_err(|_| format!("{text:?} is none")))
}

/// A YAML value as the JSON that an API server would send.
pub(super) fn json_of(value: &Value<'_>) -> Json {
    value.content().map_or(Json::Null, json)
}

/// The same of a node.
pub(crate) fn json(content: &Content) -> Json {
    match content {
        Content::Null => Json::Null,
        Content::Bool(value) => Json::Bool(*value),
        Content::Int(value) => {
            i64::try_from(*value).map(Json::from).or_else(|_| u64::try_from(*value).map(Json::from)).unwrap_or(Json::Null)
        }
        Content::Float(value) => Json::from(*value),
        Content::Text(text) => Json::String(text.clone()),
        Content::List(items) => items.iter().map(|Node { content, .. }| json(content)).collect(),
        Content::Map(entries) => {
            let key = |content: &Content| match json(content) {
                Json::String(text) => text,
                other => other.to_string(),
            };
            entries.iter().map(|(name, value)| (key(&name.content), json(&value.content))).collect()
        }
    }
}
