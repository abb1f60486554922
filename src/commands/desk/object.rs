//! The CronJob and its Jobs, as plain facts. Every text of theirs that is shown is inert and bounded.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::core::words::inert;
use crate::run::config::settings::RUNBOOKS;

/// The longest text of another that is kept for showing, in characters.
const LONGEST: usize = 300;
/// The container of the manifests.
const CONTAINER: &str = "pod-remediator";

/// A CronJob, the little that is read of it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct CronJobObject {
    /// Its own.
    pub metadata: DeskMeta,
    spec: CronJobSpec,
    #[serde(default)]
    status: CronJobStatus,
}

/// `ObjectMeta`, of it what is read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeskMeta {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub namespace: String,
    creation_timestamp: Option<Timestamp>,
    #[serde(default)]
    owner_references: Vec<JobOwner>,
}

#[derive(Debug, Clone, Deserialize)]
struct JobOwner {
    kind: String,
    name: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CronJobSpec {
    schedule: String,
    time_zone: Option<String>,
    #[serde(default)]
    suspend: bool,
    #[serde(default)]
    job_template: Value,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CronJobStatus {
    last_schedule_time: Option<Timestamp>,
    last_successful_time: Option<Timestamp>,
    #[serde(default)]
    active: Vec<serde::de::IgnoredAny>,
}

/// When a CronJob begins runs, and when it last did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Schedule {
    /// The CronJob's name.
    pub cron_job: String,
    /// When runs begin, as it is written.
    pub schedule: String,
    /// The zone of the schedule; null: that of the control plane, as a rule UTC.
    pub time_zone: Option<String>,
    /// No run begins while this is so.
    pub suspended: bool,
    /// When the last run was due that was begun.
    pub last_schedule: Option<Timestamp>,
    /// When the last run succeeded.
    pub last_success: Option<Timestamp>,
    /// How many of its Jobs are under way.
    pub active: usize,
}

/// The CronJob as it is installed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Installed {
    /// Its name, and when it begins runs.
    pub schedule: Schedule,
    /// The ServiceAccount of its pods.
    pub account: String,
    /// The command's arguments.
    pub args: Vec<String>,
    /// The container's own variables that are literal.
    pub env: Vec<(String, String)>,
    /// What else sets variables, and is not read: a name, or `envFrom`.
    pub env_elsewhere: Vec<String>,
    /// Where its runbooks are.
    pub runbooks: Mounted,
    /// `jobTemplate`.
    pub template: Value,
}

/// Where a run finds its runbooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mounted {
    /// In keys of this ConfigMap.
    ConfigMap {
        /// Its name.
        name: String,
        /// These keys only; empty: every `.yaml` and `.yml`.
        keys: Vec<String>,
    },
    /// Elsewhere: why that is not read.
    Elsewhere(String),
}

impl From<CronJobObject> for Installed {
    fn from(object: CronJobObject) -> Self {
        let CronJobObject { metadata, spec, status } = object;
        let pod = spec.job_template.pointer("/spec/template/spec").cloned().unwrap_or_default();
        let container = ours(&pod).cloned().unwrap_or_default();
        let args: Vec<String> = list(&container, "args").iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let (mut env, mut env_elsewhere) = (Vec::new(), Vec::new());
        for one in list(&container, "env") {
            let name = text(one, "name");
            if one.get("valueFrom").is_some() { env_elsewhere.push(name) } else { env.push((name, text(one, "value"))) }
        }
        if !list(&container, "envFrom").is_empty() {
            env_elsewhere.push("envFrom".to_owned());
        }
        let path = path_of(&args, &env);
        Self {
            schedule: Schedule {
                cron_job: inert(&metadata.name, LONGEST),
                schedule: inert(&spec.schedule, LONGEST),
                time_zone: spec.time_zone.map(|zone| inert(&zone, LONGEST)),
                suspended: spec.suspend,
                last_schedule: status.last_schedule_time,
                last_success: status.last_successful_time,
                active: status.active.len(),
            },
            account: match text(&pod, "serviceAccountName") {
                name if name.is_empty() => "default".to_owned(),
                name => inert(&name, LONGEST),
            },
            runbooks: mounted(&pod, &container, &path),
            args,
            env,
            env_elsewhere,
            template: spec.job_template,
        }
    }
}

/// Our container of a pod: by name, or else the first.
pub(super) fn ours(pod: &Value) -> Option<&Value> {
    let containers = list(pod, "containers");
    containers.iter().find(|one| text(one, "name") == CONTAINER).or_else(|| containers.first())
}

pub(super) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Where the run reads runbooks from: by its flag, its variable, or by default.
fn path_of(args: &[String], env: &[(String, String)]) -> String {
    let after = args.iter().position(|arg| arg == "--runbooks").and_then(|at| args.get(at + 1).cloned());
    let flag = after.or_else(|| args.iter().find_map(|arg| arg.strip_prefix("--runbooks=").map(str::to_owned)));
    let variable = || env.iter().find(|(name, value)| name == "RUNBOOKS" && !value.is_empty()).map(|(_, value)| value.clone());
    flag.or_else(variable).unwrap_or_else(|| RUNBOOKS.default.to_owned())
}

/// What is mounted where the runbooks are read from.
fn mounted(pod: &Value, container: &Value, path: &str) -> Mounted {
    let path = path.trim_end_matches('/');
    let within = |mount: &Value| {
        let at = text(mount, "mountPath");
        let rest = path.strip_prefix(at.trim_end_matches('/'))?;
        (rest.is_empty() || rest.starts_with('/')).then(|| (at.len(), rest.trim_start_matches('/').to_owned()))
    };
    let mounts = list(container, "volumeMounts").iter().filter_map(|mount| Some((within(mount)?, mount)));
    let Some(((_, rest), mount)) = mounts.max_by_key(|((length, _), _)| *length) else {
        return Mounted::Elsewhere(format!("nothing is mounted at {}", inert(path, LONGEST)));
    };
    let volume = text(mount, "name");
    let volume = list(pod, "volumes").iter().find(|one| text(one, "name") == volume);
    let Some(source) = volume.and_then(|volume| volume.get("configMap")) else {
        return Mounted::Elsewhere(format!("what is mounted at {} is no ConfigMap", inert(path, LONGEST)));
    };
    // A file below the mount, or one key mounted as a file.
    let file = if rest.is_empty() { text(mount, "subPath") } else { rest };
    let of_path = |path: &str| {
        let item = list(source, "items").iter().find(|item| text(item, "path") == path);
        item.map_or_else(|| path.to_owned(), |item| text(item, "key"))
    };
    let items = || list(source, "items").iter().map(|item| text(item, "key")).collect();
    let keys = if file.is_empty() { items() } else { vec![of_path(&file)] };
    Mounted::ConfigMap { name: text(source, "name"), keys }
}

/// A Job of the CronJob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct NewestJob {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// How it ended.
    pub result: Result,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The exit code of the run's newest attempt.
    pub exit_code: Option<i64>,
    /// What the cluster says of its end, or what it waits for.
    pub why: Option<String>,
}

/// How a Job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Result {
    /// It succeeded.
    Complete,
    /// It failed.
    Failed,
    /// It has not ended.
    Running,
}

/// A Job, the little that is read of it.
#[derive(Debug, Deserialize)]
pub(super) struct JobObject {
    metadata: DeskMeta,
    #[serde(default)]
    spec: Value,
    #[serde(default)]
    status: Value,
}

impl NewestJob {
    /// The facts of a Job that this CronJob's runs are in; others, such as one that runs `check`, are none.
    pub(super) fn of(job: JobObject, installed: &Installed) -> Option<Self> {
        let owned = job.metadata.owner_references.iter().any(|owner| owner.kind == "CronJob" && owner.name == installed.schedule.cron_job);
        let pod = job.spec.pointer("/template/spec").cloned().unwrap_or_default();
        let command = ours(&pod).and_then(|container| list(container, "args").first()).and_then(Value::as_str);
        if !owned || command != installed.args.first().map(String::as_str) {
            return None;
        }
        let ended = |kind: &str| {
            let is_so = |one: &&Value| text(one, "type") == kind && text(one, "status") == "True";
            list(&job.status, "conditions").iter().find(is_so)
        };
        let (result, condition) = match (ended("Complete"), ended("Failed")) {
            (Some(condition), _) => (Result::Complete, Some(condition)),
            (None, Some(condition)) => (Result::Failed, Some(condition)),
            (None, None) => (Result::Running, None),
        };
        let why = condition.filter(|_| result == Result::Failed).map(|condition| {
            let (reason, message) = (text(condition, "reason"), text(condition, "message"));
            inert(&if message.is_empty() { reason } else { format!("{reason}: {message}") }, LONGEST)
        });
        Some(Self {
            name: inert(&job.metadata.name, LONGEST),
            created_at: job.metadata.creation_timestamp,
            result,
            ended_at: condition.and_then(|condition| text(condition, "lastTransitionTime").parse().ok()),
            exit_code: None,
            why,
        })
    }

    /// Adds what its newest pod tells; without one, a Job that has not ended waits for it.
    pub(super) fn with_pod(mut self, pod: Option<&Value>) -> Self {
        let Some(pod) = pod else {
            if self.result == Result::Running {
                self.why = Some("it has no pod".to_owned());
            }
            return self;
        };
        let statuses = pod.pointer("/status/containerStatuses").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let ours = statuses.iter().find(|one| text(one, "name") == CONTAINER).or_else(|| statuses.first());
        let state = |one: &Value, state: &str| one.get("state").and_then(|all| all.get(state)).cloned();
        let ended = ours.and_then(|one| state(one, "terminated"));
        self.exit_code = ended.as_ref().and_then(|state| state.get("exitCode")).and_then(Value::as_i64);
        if self.result != Result::Running {
            return self;
        }
        let others = statuses.iter().filter(|one| ended.is_some() && state(one, "running").is_some());
        let others: Vec<String> = others.map(|one| text(one, "name")).collect();
        let waits = ours.and_then(|one| state(one, "waiting")).map(|state| (text(&state, "reason"), text(&state, "message")));
        let unscheduled = list(pod.get("status").unwrap_or(&Value::Null), "conditions")
            .iter()
            .find(|one| text(one, "type") == "PodScheduled" && text(one, "status") == "False")
            .map(|one| (text(one, "reason"), text(one, "message")));
        self.why = match waits.or(unscheduled) {
            _ if !others.is_empty() => {
                Some(inert(&format!("the run has ended, and its pod waits for container {}", others.join(", ")), LONGEST))
            }
            Some((reason, message)) if message.is_empty() => Some(inert(&format!("its pod waits: {reason}"), LONGEST)),
            Some((reason, message)) => Some(inert(&format!("its pod waits: {reason}: {message}"), LONGEST)),
            None => None,
        };
        self
    }
}
