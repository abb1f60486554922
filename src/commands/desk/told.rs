//! Whether runs happen, for people and for programs.

use jiff::Timestamp;
use serde::Serialize;

use super::due::next;
use super::object::{NewestJob, Result, Schedule};
use super::{Basis, Configured, Desk, Trial, Unread};

/// Whether runs happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Runs {
    /// Its keys stand beside `newest_job`.
    #[serde(flatten)]
    pub schedule: Schedule,
    /// When the next run is due, taking UTC where the schedule has no zone; null: none is while it is suspended, or it is not known.
    pub next_schedule: Option<Timestamp>,
    /// The newest of its Jobs, those made by hand included.
    pub newest_job: Option<NewestJob>,
}

impl Desk {
    /// Whether runs happen, if the CronJob could be read. `now`: the API server's time.
    pub(crate) fn runs(&self, now: Option<Timestamp>) -> Option<Runs> {
        let schedule = self.installed.as_ref()?.schedule.clone();
        let next = |now| next(&schedule.schedule, schedule.time_zone.as_deref(), now);
        let next_schedule = now.filter(|_| !schedule.suspended).and_then(next);
        Some(Runs { schedule, next_schedule, newest_job: self.newest_job.clone() })
    }

    /// What a command rests on, with what a trial found out.
    pub(crate) fn basis(&self, now: Timestamp, configured: &Configured, runbooks_from: String, trial: &Trial) -> Basis {
        Basis {
            runs: self.runs(Some(now)),
            runbooks_from,
            settings_of_cron_job: configured.of_cron_job.clone(),
            settings_given: configured.given.clone(),
            obstacles: trial.obstacles.iter().chain(&configured.obstacles).cloned().collect(),
            unread: self.unread.iter().chain(&trial.unread).map(Unread::to_string).collect(),
        }
    }
}

impl Runs {
    /// In a few words each: the schedule, the last run, the newest Job.
    pub(crate) fn lines(&self) -> Vec<String> {
        let Schedule { cron_job, schedule, time_zone, suspended, active, .. } = &self.schedule;
        let zone = time_zone.as_ref().map_or_else(String::new, |zone| format!(" ({zone})"));
        let state = match (suspended, active) {
            (true, _) => ", SUSPENDED: no run starts".to_owned(),
            (false, 0) => String::new(),
            (false, active) => format!(", {active} active"),
        };
        let next = self.next_schedule.map_or_else(String::new, |time| format!(", next run due at {time:.0}"));
        let mut lines = vec![format!("CronJob {cron_job}: schedule \"{schedule}\"{zone}{state}{next}"), self.last()];
        lines.extend(self.newest_job.as_ref().map(|job| format!("newest Job {job}")));
        lines
    }

    fn last(&self) -> String {
        let at = |time: Timestamp| format!("{time:.0}");
        let begun =
            self.schedule.last_schedule.map_or_else(|| "none by the schedule yet".to_owned(), |time| format!("due at {}", at(time)));
        let success = self.schedule.last_success.map_or_else(|| "never".to_owned(), at);
        format!("last run: {begun}; last success: {success}")
    }
}

impl std::fmt::Display for NewestJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = match self.result {
            Result::Complete => "complete",
            Result::Failed => "FAILED",
            Result::Running => "not ended",
        };
        write!(f, "{}: {word}", self.name)?;
        if let Some(at) = self.ended_at {
            write!(f, " at {at:.0}")?;
        }
        if let Some(code) = self.exit_code {
            write!(f, ", exit code {code}")?;
        }
        match &self.why {
            Some(why) => write!(f, ", {why}"),
            None => Ok(()),
        }
    }
}

impl Basis {
    /// What was read, and what was not: label and text.
    pub(crate) fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines: Vec<(&'static str, String)> = Vec::new();
        if let Some(runs) = &self.runs {
            lines.push(("Runs", runs.lines().join("; ")));
        }
        let settings = [("of the CronJob: ", &self.settings_of_cron_job), ("given here: ", &self.settings_given)];
        let settings: Vec<String> =
            settings.iter().filter(|(_, all)| !all.is_empty()).map(|(whose, all)| format!("{whose}{}", all.join(", "))).collect();
        if !settings.is_empty() {
            lines.push(("Settings", settings.join("; ")));
        }
        lines.push(("Runbooks", format!("from {}", self.runbooks_from)));
        if !self.unread.is_empty() {
            lines.push((
                "Unread",
                format!("with the settings and permissions given here, for this was not read: {}", self.unread.join("; ")),
            ));
        }
        lines
    }
}
