//! Reads the CronJob, its newest Job, and the runbooks that it mounts, as far as the caller may.

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::Value;

use super::object::{CronJobObject, Installed, JobObject, Mounted, NewestJob};
use super::{Asked, CRON_JOB, Desk, Unread, View};
use crate::cluster::api::{Api, ApiError, CONFIG_MAPS, CRON_JOBS, Cause, JOBS, PODS};
use crate::core::runbook::{Problem, Runbook};
use crate::core::words::inert;
use crate::outside::load::{LoadError, Loaded, read};
use crate::run::config::{Setting, Settings};

impl Unread {
    /// A part, and the call that failed.
    pub(super) fn of(part: &str, error: &ApiError) -> Self {
        let why = match &error.cause {
            Cause::Forbidden(_) => format!("you lack the permission {} {}", error.call.verb, error.call.resource.plural),
            Cause::NotFound => "it does not exist".to_owned(),
            cause => inert(&cause.to_string(), 500),
        };
        Self { part: part.to_owned(), why }
    }
}

/// Looks at the CronJob and its newest Job. `known`: the CronJob, if it has been read.
pub(crate) async fn look(api: &Api, known: Option<CronJobObject>) -> Desk {
    let mut desk = Desk::default();
    let read = match known {
        Some(object) => Ok(object),
        None => api.get::<CronJobObject>(CRON_JOBS, CRON_JOB).await,
    };
    let installed = match read {
        Ok(object) => Installed::from(object),
        Err(error) => {
            desk.unread.push(Unread::of(&format!("CronJob {CRON_JOB}"), &error));
            return desk;
        }
    };
    for elsewhere in &installed.env_elsewhere {
        if elsewhere == "envFrom" || Setting::of_variable(elsewhere).is_some_and(Setting::decides) {
            let part = format!("{} of the CronJob's environment", inert(elsewhere, 100));
            desk.unread.push(Unread { part, why: "it comes from another object".to_owned() });
        }
    }
    match newest_job(api, &installed).await {
        Ok(newest) => desk.newest_job = newest,
        Err(error) => desk.unread.push(Unread::of("its newest Job", &error)),
    }
    desk.installed = Some(installed);
    desk
}

async fn newest_job(api: &Api, installed: &Installed) -> Result<Option<NewestJob>, ApiError> {
    let (jobs, _) = api.list(JOBS, None, |job: JobObject| NewestJob::of(job, installed)).await?;
    let Some(newest) = jobs.into_iter().flatten().max_by_key(|job| job.created_at) else { return Ok(None) };
    let selector = format!("batch.kubernetes.io/job-name={}", newest.name);
    // Without its pod, the Job itself still tells how it ended.
    let (mut pods, _) = api.list(PODS, Some(&selector), |pod: Value| pod).await?;
    let created = |pod: &Value| pod.pointer("/metadata/creationTimestamp").and_then(Value::as_str).unwrap_or_default().to_owned();
    pods.sort_by_key(created);
    Ok(Some(newest.with_pod(pods.last())))
}

/// Runbooks, and where they are from.
#[derive(Debug)]
pub(crate) struct Source {
    /// A file, a directory or a ConfigMap, in words.
    pub from: String,
    /// Each file's name and text.
    pub files: Vec<(String, String)>,
    /// What they hold.
    pub runbooks: Vec<Runbook>,
}

impl Source {
    /// The runbooks of a file or directory that is there or was asked for; `None`: there is nothing but what the CronJob mounts.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub(crate) fn here(asked: &Asked) -> Option<Result<Self, LoadError>> {
        let Asked { settings, given, .. } = asked;
        let (path, deadline) = (&settings.runbooks, settings.deadline);
        if settings.pod_uid.is_none() && given.runbooks.is_none() && !path.exists() {
            return None;
        }
        Some(Self::of(path.display().to_string(), read(std::slice::from_ref(path)), deadline))
    }

    /// The runbooks that the CronJob mounts.
    ///
    /// # Errors
    /// All that is wrong with them, or why they cannot be read.
    pub(crate) async fn mounted(api: &Api, view: &View) -> Result<Self, LoadError> {
        let Settings { runbooks: path, deadline, .. } = view.settings();
        match of_cron_job(api, &view.desk).await {
            Ok((from, files)) => Self::of(from, Loaded::of(files), *deadline),
            Err(Unread { part, why }) => {
                let mut loaded = read(std::slice::from_ref(path));
                loaded.problems.push(Problem { file: part, line: 0, column: 0, path: String::new(), message: format!("not read: {why}") });
                Self::of(String::new(), loaded, *deadline)
            }
        }
    }

    fn of(from: String, loaded: Loaded, deadline: Duration) -> Result<Self, LoadError> {
        let files = loaded.files.clone();
        Ok(Self { from: inert(&from, 600), files, runbooks: loaded.for_a_run(deadline)? })
    }
}

/// The runbooks that the CronJob mounts: where they are from, and each file's name and text.
async fn of_cron_job(api: &Api, desk: &Desk) -> Result<(String, Vec<(String, String)>), Unread> {
    let unread = |why: &str| Unread { part: "the runbooks of the CronJob".to_owned(), why: why.to_owned() };
    let installed = desk.installed.as_ref().ok_or_else(|| unread("the CronJob was not read"))?;
    let (name, keys) = match &installed.runbooks {
        Mounted::ConfigMap { name, keys } => (name, keys),
        Mounted::Elsewhere(why) => return Err(unread(why)),
    };
    let named = format!("ConfigMap {}", inert(name, 253));
    let object: ConfigMap = api.get(CONFIG_MAPS, name).await.map_err(|error| Unread::of(&named, &error))?;
    let wanted =
        |key: &str| if keys.is_empty() { key.ends_with(".yaml") || key.ends_with(".yml") } else { keys.iter().any(|one| one == key) };
    let files = object.data.unwrap_or_default().into_iter().filter(|(key, _)| wanted(key));
    let files: Vec<_> = files.map(|(key, text)| (format!("{named}: {}", inert(&key, 253)), text)).collect();
    if files.is_empty() {
        return Err(Unread { part: named, why: "it has no .yaml or .yml file".to_owned() });
    }
    Ok((format!("{named}, which CronJob {} mounts", installed.schedule.cron_job), files))
}
