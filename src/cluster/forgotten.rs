//! Whether runs were here before the ledger was: then somebody deleted it and made it anew, and what it remembered is forgotten.
//!
//! A ledger that was never written looks the same on the day of the first installation. What tells the two apart is what the Job's history
//! limits keep: pods of runs that ended before this ConfigMap was made, with an exit code that none has without a ledger. Whoever may read the
//! CronJob, which a run may not, sees in its status when a run last succeeded, after their Jobs are gone.

use jiff::Timestamp;

use crate::cluster::api::{Api, ApiError, PODS, PodObject};
use crate::cluster::store::Store;
use crate::core::exit::Exit;
use crate::core::words::{OURS, inert};

/// A run that ended before the ledger was made, and had one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EarlierRun {
    /// Its pod; `None`: it is gone.
    pub pod: Option<String>,
    /// When it ended, by its node's clock, or as the CronJob controller saw it.
    pub ended_at: Timestamp,
    /// When the ledger was made that this run finds.
    pub ledger_made_at: Timestamp,
}

/// The newest of them, where the ledger has never been written.
///
/// # Errors
/// The API fails.
pub(crate) async fn earlier_run(api: &Api, store: &Store) -> Result<Option<EarlierRun>, ApiError> {
    let Some(ledger_made_at) = store.unused_since() else { return Ok(None) };
    let (runs, _) = api.list(PODS, Some(OURS), |pod: PodObject| before(&pod, ledger_made_at)).await?;
    Ok(runs.into_iter().flatten().max_by_key(|run| run.ended_at))
}

fn before(pod: &PodObject, ledger_made_at: Timestamp) -> Option<EarlierRun> {
    // The server's clock, and the node's: a run that began before a first installation was complete ended after that.
    pod.metadata.creation_timestamp.filter(|made_at| *made_at < ledger_made_at)?;
    let ends = pod.status.container_statuses.iter().filter_map(|container| container.state.terminated.as_ref());
    let with_a_ledger = [Exit::Done, Exit::VerificationFailed].map(|exit| i32::from(exit.code()));
    let ended_at = ends.filter(|end| with_a_ledger.contains(&end.exit_code)).filter_map(|end| end.finished_at).max()?;
    (ended_at < ledger_made_at).then(|| EarlierRun { pod: Some(pod.metadata.name.clone()), ended_at, ledger_made_at })
}

impl EarlierRun {
    /// The run that succeeded last by the CronJob's status, if it ended before the ledger was made that has never been written.
    pub(crate) fn of_last_success(ended_at: Option<Timestamp>, unused_since: Option<Timestamp>) -> Option<Self> {
        let (ended_at, ledger_made_at) = ended_at.zip(unused_since)?;
        (ended_at < ledger_made_at).then_some(Self { pod: None, ended_at, ledger_made_at })
    }

    /// What is forgotten, in a sentence.
    pub(crate) fn message(&self, ledger: &str, namespace: &str) -> String {
        let Self { pod, ended_at, ledger_made_at } = self;
        let run = pod.as_ref().map_or_else(|| "a run".to_owned(), |pod| format!("run {}", inert(pod, 253)));
        format!(
            "the ledger starts anew: ConfigMap {ledger} in namespace {namespace} was created at {ledger_made_at:.0}, after {run} had ended at \
             {ended_at:.0}; cooldowns, open circuit breakers and the age of requests from before are forgotten, so look after what was failing, \
             or restore the ledger from a backup"
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(created: &str, exit: i32, finished: Option<&str>, expected: Option<&str>) {
        let at = |time: &str| format!("2026-01-31T{time}Z");
        let state = match finished {
            Some(finished) => json!({"terminated": {"exitCode": exit, "finishedAt": at(finished)}}),
            None => json!({"running": {}}),
        };
        let pod = json!({
            "metadata": {"name": "run-1", "uid": "u", "resourceVersion": "1", "creationTimestamp": at(created)},
            "status": {"phase": "Succeeded", "containerStatuses": [{"name": "pod-remediator", "ready": false, "restartCount": 0, "state": state}]},
        });
        let pod: PodObject = serde_json::from_value(pod).unwrap();
        let got = before(&pod, at("12:00:00").parse().unwrap());
        assert_eq!(got.map(|run| run.ended_at.to_string()), expected.map(at));
    }

    #[test]
    fn a_run_that_had_a_ledger_and_ended_before_this_one_was_made() {
        check("11:49:00", 0, Some("11:49:30"), Some("11:49:30"));
        check("11:49:00", 3, Some("11:49:30"), Some("11:49:30"));
        // It may have found none: an installation whose CronJob came first.
        check("11:49:00", 4, Some("11:49:30"), None);
        check("11:49:00", 2, Some("11:49:30"), None);
        // It waited for its image, and found this ledger.
        check("11:59:58", 0, Some("12:00:10"), None);
        check("12:10:00", 0, Some("12:10:30"), None);
        check("11:59:58", 0, None, None);
    }

    #[test]
    fn a_success_that_the_cron_job_remembers_and_this_ledger_does_not() {
        let at = |time: &str| format!("2026-01-31T{time}Z").parse().ok();
        let found = |ended_at, unused_since| EarlierRun::of_last_success(ended_at, unused_since).map(|run| run.ended_at);
        assert_eq!(found(at("11:59:59"), at("12:00:00")), at("11:59:59"));
        assert_eq!(found(at("12:00:00"), at("12:00:00")), None);
        // Nobody has succeeded yet; or this ledger has been written.
        assert_eq!(found(None, at("12:00:00")), None);
        assert_eq!(found(at("11:59:59"), None), None);
    }

    #[test]
    fn it_says_what_is_forgotten() {
        let at = |time: &str| format!("2026-01-31T{time}Z").parse().unwrap();
        let run = EarlierRun { pod: Some("run-1".to_owned()), ended_at: at("11:49:30"), ledger_made_at: at("12:00:00") };
        let expected = "the ledger starts anew: ConfigMap state in namespace shop was created at 2026-01-31T12:00:00Z, after run run-1 had ended \
                        at 2026-01-31T11:49:30Z; cooldowns, open circuit breakers and the age of requests from before are forgotten, so look \
                        after what was failing, or restore the ledger from a backup";
        assert_eq!(run.message("state", "shop"), expected);
        let by_the_cron_job = EarlierRun::of_last_success(Some(run.ended_at), Some(run.ledger_made_at)).unwrap();
        assert_eq!(by_the_cron_job.message("state", "shop"), expected.replace("run run-1", "a run"));
    }
}
