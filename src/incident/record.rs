//! `--record DIR`: what was decided, and what that rested on, as a file that `simulate` plays.
//!
//! It is written from the facts of the decision, not from the objects that they came from: what no decision looks at (environment,
//! command lines, Secrets, other people's annotations) is not there to be left out. Each file is played before it is believed.

mod objects;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::core::decide::{Decider, Decision, Mode};
use crate::core::ledger::{Ledger, Outcome, Settled};
use crate::core::runbook::Runbook;
use crate::core::runbook::node::documents;
use crate::core::snapshot::{Request, Snapshot};
use crate::core::words::inert;
use crate::incident::{API_VERSION, RecordError, RecordFlaw, json, simulate_text};
use crate::outside::load::read;

use objects::{Key, Recorded};

/// The longest that is recorded of how an action ended, in characters.
const LONGEST_DETAIL: usize = 1000;

/// What was decided at one moment, and by what.
pub(crate) struct Seen<'a> {
    /// The facts.
    pub snapshot: &'a Snapshot,
    /// What was remembered then.
    pub ledger: &'a Ledger,
    pub now: Timestamp,
    /// The decisions; a request of the snapshot that is not among them was not decided then.
    pub decisions: Vec<(&'a Request, &'a Decision<'a>)>,
}

/// Records what would be decided at this moment, for a command that only looks: on the pod of this name, or on every pod that asks.
/// The file that it writes, if anything is decided. `runbooks` are those of these files: name and text.
///
/// # Errors
/// See [`RecordError`].
pub(crate) fn record(
    folder: &Path,
    files: &[(String, String)],
    decider: &Decider<'_, '_>,
    pod: Option<&str>,
) -> Result<Option<PathBuf>, RecordError> {
    let Decider { runbooks, snapshot, ledger, now, .. } = *decider;
    let concerned = snapshot.requests.iter().filter(|request| pod.is_none_or(|name| *request.pod.name == *name));
    let decided: Vec<(&Request, Decision)> = concerned.map(|request| (request, decider.decide(request))).collect();
    let decisions = decided.iter().map(|(request, decision)| (*request, decision)).collect();
    let mut recorder = Recorder::of(folder, files)?;
    recorder.observe(&Seen { snapshot, ledger, now, decisions }, runbooks);
    if recorder.has_decisions() { recorder.write().map(Some) } else { Ok(None) }
}

/// Records one run.
#[derive(Debug)]
pub(crate) struct Recorder {
    folder: PathBuf,
    path: Option<PathBuf>,
    runbooks: Vec<Value>,
    head: Option<Head>,
    moments: Vec<MomentEntry>,
    /// What the moments so far say is there.
    known: BTreeMap<Key, Value>,
    unreadable: BTreeMap<String, String>,
    probes: Answers,
    ledger: Ledger,
}

/// What probes answered, by pod and probe.
type Answers = BTreeMap<String, BTreeMap<String, Value>>;

/// What holds for all moments.
#[derive(Debug, Clone)]
struct Head {
    namespace: String,
    start: Timestamp,
    settings: SettingsEntry,
    objects: Vec<Value>,
    unreadable: BTreeMap<String, String>,
    probes: Answers,
    ledger: Value,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct SettingsEntry {
    namespace: String,
    selector: String,
    service_label: String,
    mode_ceiling: &'static str,
    approvals: &'static str,
    deadline: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct File<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: BTreeMap<&'static str, String>,
    start: String,
    settings: &'a SettingsEntry,
    #[serde(serialize_with = "yaml::quoted")]
    runbooks: &'a [Value],
    #[serde(serialize_with = "yaml::quoted")]
    objects: &'a [Value],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    unreadable: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", serialize_with = "yaml::quoted")]
    probes: &'a Answers,
    #[serde(serialize_with = "yaml::quoted")]
    ledger: &'a Value,
    moments: &'a [MomentEntry],
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct MomentEntry {
    at: String,
    deadline: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    remove: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "yaml::quoted")]
    objects: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "yaml::quoted")]
    probes: Option<Answers>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "yaml::quoted")]
    ledger: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decide: Option<Vec<String>>,
    expect: BTreeMap<String, ExpectedEntry>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExpectedEntry {
    mode: &'static str,
    reason: &'static str,
    blocked_by: Vec<&'static str>,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

impl Recorder {
    /// Records into this directory, with the runbooks from this file or directory, as they were loaded.
    ///
    /// # Errors
    /// The directory cannot be created.
    pub(crate) fn new(folder: &Path, runbooks_from: &Path) -> Result<Self, RecordError> {
        Self::of(folder, &read(&[runbooks_from.to_owned()]).files)
    }

    /// As [`Recorder::new`], with the runbooks' files as they were read: name and text.
    fn of(folder: &Path, files: &[(String, String)]) -> Result<Self, RecordError> {
        // Before anything is done that could then not be recorded.
        std::fs::create_dir_all(folder).map_err(|error| RecordError { path: folder.to_owned(), why: error.into() })?;
        let nodes = files.iter().flat_map(|(_, text)| documents(text).unwrap_or_default());
        Ok(Self {
            folder: folder.to_owned(),
            path: None,
            runbooks: nodes.map(|node| json(&node.content)).collect(),
            head: None,
            moments: Vec::new(),
            known: BTreeMap::new(),
            unreadable: BTreeMap::new(),
            probes: BTreeMap::new(),
            ledger: Ledger::default(),
        })
    }

    /// Takes down what was decided.
    pub(crate) fn observe(&mut self, seen: &Seen<'_>, runbooks: &[Runbook]) {
        let Seen { snapshot, now, decisions, .. } = seen;
        let decided: Vec<&Request> = decisions.iter().map(|(request, _)| *request).collect();
        let Recorded { objects, unreadable, probes, removable } = objects::of(snapshot, &decided);
        let ledger = reduced(seen.ledger, runbooks, snapshot, *now);
        let mut moment = MomentEntry {
            at: now.to_string(),
            deadline: humantime::format_duration(snapshot.bounds.time_left).to_string(),
            remove: Vec::new(),
            objects: Vec::new(),
            unreadable: None,
            probes: None,
            ledger: None,
            decide: None,
            expect: decisions.iter().map(|(request, decision)| expected(request, decision)).collect(),
        };
        if self.head.is_none() {
            self.head = Some(Head {
                namespace: snapshot.bounds.namespace.clone(),
                start: *now,
                settings: settings(snapshot),
                objects: objects.values().cloned().collect(),
                unreadable: unreadable.clone(),
                probes: probes.clone(),
                ledger: as_json(&ledger),
            });
        } else {
            let gone: Vec<Key> = self
                .known
                .iter()
                .filter(|(key, object)| !objects.contains_key(key) && removable(object))
                .map(|(key, _)| key.clone())
                .collect();
            moment.remove = gone.iter().map(|(kind, name)| format!("{}/{name}", kind.as_str())).collect();
            self.known.retain(|key, _| !gone.contains(key));
            let changed = objects.iter().filter(|(key, object)| self.known.get(*key) != Some(*object));
            moment.objects = changed.map(|(_, object)| object.clone()).collect();
            moment.unreadable = (unreadable != self.unreadable).then(|| unreadable.clone());
            moment.probes = (probes != self.probes).then(|| probes.clone());
            moment.ledger = (ledger != self.ledger || !self.moments.is_empty()).then(|| as_json(&ledger));
        }
        self.known.extend(objects);
        (self.unreadable, self.probes, self.ledger) = (unreadable, probes, ledger);
        if decisions.is_empty() {
            return;
        }
        if decisions.len() < snapshot.requests.len() {
            moment.decide = Some(decided.iter().map(|request| request.pod.name.to_string()).collect());
        }
        self.moments.push(moment);
    }

    /// There is something to write.
    pub(crate) fn has_decisions(&self) -> bool {
        !self.moments.is_empty()
    }

    /// Takes down how the action on this pod ended.
    pub(crate) fn ended(&mut self, pod: &str, end: &Settled, took: Duration) {
        let last = self.moments.iter_mut().rev().find_map(|moment| moment.expect.get_mut(pod));
        if let Some(expected) = last.filter(|expected| expected.mode == Mode::AutoExecute.as_str()) {
            expected.outcome = Some(end.result.as_str());
            expected.detail = Some(inert(end.detail.trim(), LONGEST_DETAIL)).filter(|detail| !detail.is_empty());
            // To the second, or one moment would seem to last into the next.
            expected.after = Some(format!("{}s", took.as_secs()));
        }
    }

    /// Writes what was taken down so far, and plays it. The file.
    ///
    /// # Errors
    /// It cannot be written, or it does not give the same decision when it is played; in that case the file stays, for inspection.
    pub(crate) fn write(&mut self) -> Result<PathBuf, RecordError> {
        let unwritable = |path: &Path, why: RecordFlaw| RecordError { path: path.to_owned(), why };
        let Some(head) = self.head.clone().filter(|_| !self.moments.is_empty()) else {
            return Err(unwritable(&self.folder, RecordFlaw::Empty));
        };
        let path = match &self.path {
            Some(path) => path.clone(),
            None => self.path.insert(free(&self.folder, &head.namespace, head.start)).clone(),
        };
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let file = File {
            api_version: API_VERSION,
            kind: "Incident",
            metadata: BTreeMap::from([("name", name)]),
            start: head.start.to_string(),
            settings: &head.settings,
            runbooks: &self.runbooks,
            objects: &head.objects,
            unreadable: &head.unreadable,
            probes: &head.probes,
            ledger: &head.ledger,
            moments: &self.moments,
        };
        let yaml = yaml::to_string(&file).map_err(|error| unwritable(&path, error.into()))?;
        let text = format!("# Recorded by pod-remediator {}. Play it: pod-remediator simulate FILE\n{yaml}", env!("CARGO_PKG_VERSION"));
        std::fs::write(&path, &text).map_err(|error| unwritable(&path, error.into()))?;
        let played = simulate_text(&path, &text).map_err(|error| unwritable(&path, error.into()))?;
        if played.passed() { Ok(path) } else { Err(unwritable(&path, RecordFlaw::Differs(played.differences()))) }
    }
}

/// A name that nothing has yet: where two begin at the same moment, the later one takes the next millisecond.
fn free(folder: &Path, namespace: &str, start: Timestamp) -> PathBuf {
    let at = |more| start.checked_add(SignedDuration::from_millis(more)).unwrap_or(start);
    let name = |at: Timestamp| format!("{namespace}-{}{:03}z.yaml", at.strftime("%Y%m%dt%H%M%S"), at.subsec_millisecond());
    let mut candidates = (0..1000).map(|more| folder.join(name(at(more))));
    candidates.find(|path| !path.exists()).unwrap_or_else(|| folder.join(name(start)))
}

fn settings(snapshot: &Snapshot) -> SettingsEntry {
    let bounds = &snapshot.bounds;
    SettingsEntry {
        namespace: bounds.namespace.clone(),
        selector: bounds.selector.to_string(),
        service_label: bounds.service_label.clone(),
        mode_ceiling: bounds.ceiling.as_str(),
        approvals: bounds.approvals.as_str(),
        deadline: humantime::format_duration(bounds.deadline).to_string(),
    }
}

fn expected(request: &Request, decision: &Decision<'_>) -> (String, ExpectedEntry) {
    let acts = decision.mode == Mode::AutoExecute;
    let expected = ExpectedEntry {
        mode: decision.mode.as_str(),
        reason: decision.reason.as_str(),
        blocked_by: decision.blocked().map(|check| check.id.as_str()).collect(),
        message: decision.message(&request.pod.name),
        // Until it is known how it ended: that nothing was done counts for nothing.
        outcome: acts.then_some(Outcome::NotExecuted.as_str()),
        detail: None,
        after: None,
    };
    (request.pod.name.to_string(), expected)
}

/// Of the ledger, what may bear on these decisions and on those soon after.
fn reduced(ledger: &Ledger, runbooks: &[Runbook], snapshot: &Snapshot, now: Timestamp) -> Ledger {
    let windows =
        runbooks.iter().flat_map(|runbook| [runbook.guardrails.cooldown_minutes, runbook.guardrails.circuit_breaker.window_minutes]);
    let longest = SignedDuration::from_mins(i64::from(windows.max().unwrap_or(0).max(60)));
    let mut kept = ledger.clone();
    kept.executions.retain(|execution| {
        execution.in_flight.is_some() || execution.cooldown_until > now || now.duration_since(execution.started_at) <= longest
    });
    kept.breaker.retain(|event| runbooks.iter().any(|runbook| runbook.name == event.runbook));
    kept.proposals.retain(|proposal| snapshot.requests.iter().any(|request| *request.pod.uid == *proposal.pod.uid));
    // That there is no room for more bears on all of them.
    let asking: BTreeSet<&str> = snapshot.requests.iter().map(|request| &*request.pod.uid).collect();
    kept.requests.retain(|one| ledger.is_full_of_requests() || asking.contains(one.pod_uid.as_str()));
    kept
}

fn as_json(ledger: &Ledger) -> Value {
    ledger.encode().ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_record_takes_anothers_place() {
        let folder = std::env::temp_dir().join(format!("pod-remediator-records-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let start: Timestamp = "2026-11-24T09:00:59.999Z".parse().unwrap();
        let names: Vec<PathBuf> = (0..3)
            .map(|_| {
                let path = free(&folder, "lab", start);
                std::fs::write(&path, "").unwrap();
                path
            })
            .collect();
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(names.is_sorted() && names[1].ends_with("lab-20261124t090100000z.yaml"), "{names:?}");
    }
}
