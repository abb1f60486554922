//! Whether runs begin: the CronJob, and what the cluster says of the pods that it would make. Only where a person asks.

use super::Findings;
use crate::cluster::api::Api;
use crate::cluster::permissions::Need;
use crate::commands::desk::{JobResult, Obstacle, Runs, View, trial};

pub(super) async fn findings(findings: &mut Findings, api: &Api, view: &View, needs: &[Need]) {
    let trial = trial(api, &view.desk, needs).await;
    if let Some(runs) = view.desk.runs(api.now()) {
        of_runs(findings, &runs, api.namespace());
    }
    for Obstacle { kind, detail } in trial.obstacles.iter().chain(&view.configured.obstacles) {
        match *kind {
            // The schedule's own line says so.
            "suspended" => {}
            "dry_run" => findings.warning("CronJob", format!("{detail}: no run replaces anything")),
            "permission" => findings.problem("permission missing", detail.clone()),
            "settings" | "mount" => findings.problem("CronJob", format!("{detail}: a run would not begin, or end at once")),
            _ => findings.problem("run's pod", format!("{detail}; no run begins while that is so")),
        }
    }
    if !trial.admitted.is_empty() {
        findings.ok("run's pod", format!("the cluster would admit the run's {}", trial.admitted.join(" and ")));
    }
    if !trial.sidecars.is_empty() {
        let detail = format!(
            "the cluster adds container {} to it: the Job never completes while that one runs, and the next run waits for it. Have it not \
             injected, or as a native sidecar (an init container with restartPolicy: Always)",
            trial.sidecars.join(", ")
        );
        findings.warning("run's pod", detail);
    }
    let account = view.desk.installed.as_ref().map(|installed| installed.account.as_str());
    let lacks = trial.obstacles.iter().any(|obstacle| obstacle.kind == "permission");
    if let Some(account) = account.filter(|_| trial.permissions > 0 && !lacks) {
        findings.ok("permissions", format!("ServiceAccount {account} has all {} that a run needs", trial.permissions));
    }
    for unread in view.desk.unread.iter().chain(&trial.unread) {
        findings.warning("not checked", unread.to_string());
    }
}

fn of_runs(findings: &mut Findings, runs: &Runs, namespace: &str) {
    let said = runs.lines().join("; ");
    let failed = runs.newest_job.as_ref().is_some_and(|job| job.result == JobResult::Failed);
    let waits = runs.newest_job.as_ref().is_some_and(|job| job.result == JobResult::Running && job.why.is_some());
    if runs.schedule.suspended {
        let resume =
            format!("kubectl patch cronjob {} -n {namespace} --patch '{{\"spec\": {{\"suspend\": false}}}}'", runs.schedule.cron_job);
        findings.warning("CronJob", format!("{said}; hint: to resume: {resume}"));
    } else if failed || waits {
        findings.warning("CronJob", said);
    } else {
        findings.ok("CronJob", said);
    }
}
