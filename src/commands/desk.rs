//! What a person's own commands see of the runs: the CronJob, its newest Job, the runbooks that it mounts, what its ServiceAccount
//! may do, and whether the cluster would admit its pod. All of it with the caller's rights; a part that cannot be read is named, and
//! is never an error. A run itself reads none of this.

mod due;
mod error;
mod everywhere;
mod look;
mod object;
mod told;
mod trial;

use serde::Serialize;

use crate::cluster::api::Api;
use crate::run::config::{ConfigErrors, Raw, Setting, Settings};

pub(crate) use error::Unread;
pub(crate) use everywhere::{Everywhere, NamespaceRow, namespaces};
pub(crate) use look::{Source, look};
pub(crate) use object::{CronJobObject, Installed, NewestJob, Result as JobResult};
pub(crate) use told::Runs;
pub(crate) use trial::{Obstacle, Trial, trial};

/// The CronJob of the manifests.
pub(crate) const CRON_JOB: &str = "labeled-pod-remediator";

/// What could be read of the CronJob, and what could not.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Desk {
    /// The CronJob.
    pub installed: Option<Installed>,
    /// The newest of its Jobs.
    pub newest_job: Option<NewestJob>,
    /// What could not be read.
    pub unread: Vec<Unread>,
}

/// Settings: those of the CronJob, under those that the caller gives.
#[derive(Debug, Clone)]
pub(crate) struct Configured {
    /// What counts for this command.
    pub settings: Settings,
    /// `NAME=value` of each setting that the CronJob has and that counts here.
    pub of_cron_job: Vec<String>,
    /// `NAME=value` of each setting that a flag or the caller's environment gives.
    pub given: Vec<String>,
    /// Why the CronJob's own settings would keep a run from acting.
    pub obstacles: Vec<Obstacle>,
}

/// What the CronJob's container is told: by its flags, then by its environment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    /// Settings, as written.
    pub raw: Raw,
    /// `--dry-run` is among the flags.
    pub dry_run: bool,
}

impl Configured {
    /// What counts without any CronJob: what is given.
    pub(crate) fn given(settings: Settings, given: &Raw) -> Self {
        Self { settings, of_cron_job: Vec::new(), given: pairs(given), obstacles: Vec::new() }
    }

    /// Puts the caller's settings over the CronJob's. `Err` in `told`: a run by those would end at once; they are then left out.
    pub(crate) fn over(settings: Settings, given: &Raw, told: std::result::Result<Told, String>) -> Self {
        let Told { raw, dry_run } = match told {
            Ok(told) => told,
            Err(why) => {
                let obstacle = Obstacle::new("settings", format!("the CronJob's settings are wrong: {why}"));
                return Self { obstacles: vec![obstacle], ..Self::given(settings, given) };
            }
        };
        let theirs = raw.of_decisions();
        // Both have been understood, each for itself.
        let merged = Settings::of(given.clone().or(theirs.clone())).unwrap_or_else(|_| settings.clone());
        let ours: Vec<Setting> = given.policy().into_iter().map(|(setting, _)| setting).collect();
        let counts = theirs.policy().into_iter().filter(|(setting, _)| !ours.contains(setting));
        let dry_run = dry_run.then(|| Obstacle::new("dry_run", "the CronJob's command has --dry-run".to_owned()));
        Self {
            settings: Settings { pod_name: settings.pod_name.clone(), pod_uid: settings.pod_uid.clone(), ..merged },
            of_cron_job: counts.map(pair).collect(),
            given: pairs(given),
            obstacles: dry_run.into_iter().collect(),
        }
    }
}

fn pairs(raw: &Raw) -> Vec<String> {
    raw.policy().into_iter().map(pair).collect()
}

fn pair((setting, value): (Setting, &str)) -> String {
    format!("{}={}", setting.variable, crate::core::words::inert(value, 200))
}

/// A person's command: what was given to it.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Flags and environment, understood.
    pub settings: Settings,
    /// The same, as written.
    pub given: Raw,
    /// Understands a run's arguments; `Err`: why they are wrong.
    pub of_run: fn(&[String]) -> std::result::Result<Told, String>,
}

/// What a person's command sees.
#[derive(Debug)]
pub(crate) struct View {
    /// It runs in a pod, as a run does: then its own settings are a run's, and nothing else is read.
    pub inside: bool,
    /// The CronJob.
    pub desk: Desk,
    /// The settings that count.
    pub configured: Configured,
}

impl View {
    /// What can be seen from here. `known`: the CronJob, if it has been read.
    pub(crate) async fn open(api: &Api, asked: &Asked, known: Option<CronJobObject>) -> Self {
        let Asked { settings, given, of_run } = asked;
        if settings.pod_uid.is_some() {
            return Self { inside: true, desk: Desk::default(), configured: Configured::given(settings.clone(), given) };
        }
        let desk = look(api, known).await;
        let configured = match &desk.installed {
            Some(installed) => Configured::over(settings.clone(), given, installed.told(*of_run)),
            None => Configured::given(settings.clone(), given),
        };
        Self { inside: false, desk, configured }
    }

    /// The settings that count.
    pub(crate) fn settings(&self) -> &Settings {
        &self.configured.settings
    }
}

impl Installed {
    /// The settings of its container.
    fn told(&self, of_run: fn(&[String]) -> std::result::Result<Told, String>) -> std::result::Result<Told, String> {
        let environment = || self.env.iter().map(|(name, value)| (name.into(), value.into()));
        let Told { raw: flags, dry_run } = of_run(&self.args)?;
        let said = |errors: ConfigErrors| errors.to_string().replace('\n', "; ");
        Settings::understand(flags.clone(), environment()).map_err(said)?;
        Ok(Told { raw: flags.or(Raw::of_environment(environment()).map_err(said)?), dry_run })
    }
}

/// What a command rests on, for people and for programs.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Basis {
    /// Whether runs happen; null where that could not be read.
    pub runs: Option<Runs>,
    /// Where the runbooks are from.
    pub runbooks_from: String,
    /// `NAME=value` of each setting that the CronJob has and that counts here.
    pub settings_of_cron_job: Vec<String>,
    /// `NAME=value` of each setting that is given here.
    pub settings_given: Vec<String>,
    /// What keeps runs from acting, whatever is decided.
    pub obstacles: Vec<Obstacle>,
    /// What could not be read, each with why.
    pub unread: Vec<String>,
}

#[cfg(test)]
mod tests;
