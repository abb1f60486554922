//! Incident files, and what they refer to: runbooks, objects, the ledger. Paths are relative to the file that names them.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::Value as Json;

use super::SimulateError;
use super::file::{Incident, KIND, incident, json_of};
use crate::cluster::matching::recorded::{Kind, Objects};
use crate::cluster::store::LEDGER_KEY;
use crate::core::ledger::Ledger;
use crate::core::near::near;
use crate::core::runbook::fields::{Read, Report, Value};
use crate::core::runbook::node::{Content, Limits, Node, Position, documents_within};
use crate::core::runbook::{Problem, Runbook, inline};
use crate::outside::load::{Loaded, read as read_runbooks};

/// What one incident file refers to.
pub(super) struct Files<'a> {
    /// Of the incident file.
    path: &'a Path,
    name: &'a str,
    /// In the files that it names.
    problems: &'a RefCell<Vec<Problem>>,
    used: &'a RefCell<BTreeSet<PathBuf>>,
}

/// Every incident of these files, and of the folders below these.
pub(super) fn load(paths: &[PathBuf]) -> Result<Vec<Incident>, SimulateError> {
    let (problems, used) = (RefCell::<Vec<Problem>>::default(), RefCell::<BTreeSet<PathBuf>>::default());
    let (mut incidents, mut others) = (Vec::new(), Vec::new());
    for path in paths {
        let unreadable = |error| SimulateError::Unreadable { path: path.clone(), error };
        let is_folder = std::fs::metadata(path).map_err(unreadable)?.is_dir();
        let files = if is_folder { below(path).map_err(unreadable)? } else { vec![path.clone()] };
        let before = incidents.len() + problems.borrow().len();
        for file in files {
            let text = std::fs::read_to_string(&file).map_err(|error| SimulateError::Unreadable { path: file.clone(), error })?;
            if is_folder && !calls_itself_incident(&text) {
                others.push(file);
            } else {
                incidents.extend(read(&file, &text, &problems, &used));
            }
        }
        if before == incidents.len() + problems.borrow().len() {
            return Err(SimulateError::Empty(path.clone()));
        }
    }
    let (mut problems, used) = (problems.into_inner(), used.into_inner());
    // A misspelt kind would otherwise be a test that nobody misses.
    let unused = others.into_iter().filter(|file| !used.contains(&canonical(file)) && !used.contains(&canonical(&folder_of(file))));
    problems.extend(unused.map(|file| Problem {
        file: file.display().to_string(),
        line: 1,
        column: 1,
        path: String::new(),
        message: format!("is no incident (kind: {KIND}), and no incident here refers to it"),
    }));
    if problems.is_empty() { Ok(incidents) } else { Err(SimulateError::Invalid(problems)) }
}

/// The incidents of a text that would be at `path`.
pub(super) fn of_text(path: &Path, text: &str) -> Result<Vec<Incident>, Vec<Problem>> {
    let (problems, used) = (RefCell::default(), RefCell::default());
    let incidents = read(path, text, &problems, &used);
    let problems = problems.into_inner();
    if problems.is_empty() { Ok(incidents) } else { Err(problems) }
}

fn read(path: &Path, text: &str, problems: &RefCell<Vec<Problem>>, used: &RefCell<BTreeSet<PathBuf>>) -> Vec<Incident> {
    let name = path.display().to_string();
    let report = Report::new(&name);
    let files = Files { path, name: &name, problems, used };
    let nodes = nodes(text, &report);
    if nodes.as_ref().is_some_and(Vec::is_empty) {
        report.add(Position::START, "", format!("has no incident: it needs a document with kind {KIND}"));
    }
    let nodes = nodes.unwrap_or_default();
    let read = |node| Value::root(&report, node).fields(|fields| incident(fields, &files)).ok();
    let incidents = nodes.iter().filter_map(read).collect();
    problems.borrow_mut().extend(report.into_problems());
    incidents
}

fn nodes(text: &str, report: &Report<'_>) -> Option<Vec<Node>> {
    documents_within(text, Limits::OBJECTS).map_err(|(at, message)| report.add(at, "", message)).ok()
}

/// Its text alone says so: a file with mistakes, too, is an incident.
fn calls_itself_incident(text: &str) -> bool {
    let kind = |line: &str| {
        line.strip_prefix("kind:").map(|kind| kind.split('#').next().unwrap_or_default().trim_matches([' ', '"', '\'']).to_owned())
    };
    text.lines().filter_map(kind).any(|kind| kind == KIND)
}

fn below(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if path.is_dir() && !hidden {
            files.extend(below(&path)?);
        } else if !hidden && path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn canonical(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().unwrap_or_else(|| Path::new(".")).to_owned()
}

impl Files<'_> {
    /// Of the incident file, as it was given.
    pub fn name(&self) -> &str {
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

    /// What is wrong in a file that the incident names is told with its own place.
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

    /// Runbooks: paths of files or folders, or written out; one or a list.
    pub fn runbooks(&self, value: &Value<'_>) -> Read<Vec<Runbook>> {
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
            _ => Err(value.wrong("the path of a runbook file or folder, or a runbook, or a list of them")),
        }
    }

    /// Objects as kubectl prints them: a file of them, a List, or one.
    pub fn objects(&self, value: &Value<'_>, namespace: &str, objects: &mut Objects) -> Read<()> {
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
    pub fn ledger(&self, value: &Value<'_>, now: Timestamp) -> Read<Ledger> {
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
    let Some(known) = Kind::from_word(&kind) else {
        // What kubectl prints besides (Services, Events, Jobs) is nothing that a decision rests on.
        return match near(&kind, Kind::ALL.iter().map(|kind| kind.as_str())) {
            Some(meant) => Err(value.say(format!("kind {kind:?}: did you mean {meant}?"))),
            None => Ok(()),
        };
    };
    let expected = match known {
        Kind::Namespace | Kind::PersistentVolumeClaim | Kind::Pod => "v1",
        Kind::PodDisruptionBudget => "policy/v1",
        Kind::Deployment | Kind::ReplicaSet | Kind::StatefulSet | Kind::DaemonSet => "apps/v1",
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
