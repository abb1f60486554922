//! The commands by which a person looks: `explain`, `check`, `status`.

use std::path::Path;

use super::args::{DeskFlags, Output, Policy, Target, of_run};
use super::{CliError, layout, understand};
use crate::cluster::api::{Access, Api};
use crate::cluster::store::{Store, StoreError};
use crate::commands::check::{Level, check, check_one};
use crate::commands::desk::{Asked, CronJobObject, Everywhere, NamespaceRow, Source, View, namespaces};
use crate::commands::explain::{explain, pod_name};
use crate::commands::marking::AtDesk;
use crate::commands::status::{Status, status};
use crate::core::exit::Exit;
use crate::core::words::inert;
use crate::outside::clock::Deadline;
use crate::run::RunError;

/// All of a command that looks has ended by then, for each namespace.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

fn asked(policy: Policy, target: Target) -> Result<(Asked, Access), CliError> {
    let (settings, access, given) = understand(policy, target).map_err(CliError::Config)?;
    Ok((Asked { settings, given, of_run }, access))
}

/// The cluster, the settings and the runbooks by which its runs decide.
pub(super) async fn at_desk(policy: Policy, target: Target) -> Result<AtDesk, CliError> {
    let (asked, access) = asked(policy, target)?;
    let here = Source::here(&asked).transpose()?;
    let api = Api::connect(access, Deadline::after(asked.settings.deadline)).await?;
    let view = View::open(&api, &asked, None).await;
    let source = match here {
        Some(source) => source,
        None => Source::mounted(&api, &view).await?,
    };
    Ok(AtDesk { api, view, source })
}

pub(super) async fn show_explanation(
    pod: Option<&str>,
    all: bool,
    output: Output,
    record: Option<&Path>,
    policy: Policy,
    target: Target,
) -> Result<Exit, CliError> {
    let pod = pod.map(pod_name).transpose().map_err(CliError::Explain)?;
    let AtDesk { api, view, source } = at_desk(policy, target).await?;
    let deadline = Deadline::after(view.settings().deadline);
    let explanation = explain(api, &view, source, pod, record, deadline).await.map_err(|error| CliError::Explain(Box::new(error)))?;
    output.print(&explanation, || explanation.table(all, layout()))?;
    Ok(Exit::Done)
}

pub(super) async fn show_check(everywhere: bool, flags: DeskFlags) -> Result<Exit, CliError> {
    let DeskFlags { output, policy, target } = flags;
    let (asked, access) = asked(policy, target)?;
    if everywhere {
        return show_everywhere(&asked, access, output, true).await;
    }
    let findings = check(&asked, access).await;
    output.print(&findings, || findings.table(layout()))?;
    Ok(findings.exit())
}

pub(super) async fn show_status(everywhere: bool, output: Output, target: Target) -> Result<Exit, CliError> {
    let (asked, access) = asked(Policy::default(), target)?;
    if everywhere {
        return show_everywhere(&asked, access, output, false).await;
    }
    let api = Api::connect(access, Deadline::after(PATIENCE)).await?;
    let view = View::open(&api, &asked, None).await;
    let status = status_of(&api, &view).await?;
    output.print(&status, || status.table(layout()))?;
    Ok(Exit::Done)
}

async fn status_of(api: &Api, view: &View) -> Result<Status, StoreError> {
    let store = Store::open(api.clone(), &view.settings().state_configmap).await?;
    Ok(status(store.ledger(), api.namespace(), store.clock().now()).with(&view.desk))
}

/// One line a namespace: one after the other, so that no more than one is in memory.
async fn show_everywhere(asked: &Asked, access: Access, output: Output, checked: bool) -> Result<Exit, CliError> {
    let connect = |access| Api::connect(access, Deadline::after(PATIENCE));
    let api = connect(access).await?;
    let (mut unread, mut rows) = (Vec::new(), Vec::new());
    for (namespace, cron_job) in namespaces(&api, &asked.settings.state_configmap, &mut unread).await? {
        rows.push(row(asked, &api.within(&namespace, Deadline::after(PATIENCE)), cron_job, checked).await);
    }
    let all = Everywhere::new(api.now(), rows, &unread);
    output.print(&all, || all.table(layout()))?;
    Ok(all.exit())
}

async fn row(asked: &Asked, api: &Api, known: Option<CronJobObject>, checked: bool) -> (NamespaceRow, Exit) {
    let (view, findings) = if checked {
        let (findings, view) = check_one(asked, api, known).await;
        (view, Some(findings))
    } else {
        (View::open(api, asked, known).await, None)
    };
    let status = status_of(api, &view).await;
    let mut exit = findings.as_ref().map_or(Exit::Done, crate::commands::check::Findings::exit);
    let mut problems = Vec::new();
    let mut warnings = view.desk.unread.len();
    match &findings {
        Some(findings) => {
            let of = |level| findings.findings.iter().filter(move |finding| finding.level == level);
            problems.extend(of(Level::Problem).map(|finding| format!("{}: {}", finding.what, finding.detail)));
            warnings = of(Level::Warning).count();
        }
        None => {
            if let Some(job) = view.desk.newest_job.as_ref().filter(|job| job.result == crate::commands::desk::JobResult::Failed) {
                problems.push(format!("newest Job {job}"));
            }
        }
    }
    let status = match status {
        Ok(status) => Some(status),
        Err(error) => {
            let error = RunError::from(error);
            exit = exit.and(error.exit());
            // A check has found it too.
            if findings.is_none() {
                problems.push(inert(&error.to_string(), 1000));
            }
            None
        }
    };
    let runs = view.desk.runs(api.now());
    let row = NamespaceRow {
        namespace: api.namespace().to_owned(),
        suspended: runs.as_ref().map(|runs| runs.schedule.suspended),
        last_success: runs.as_ref().and_then(|runs| runs.schedule.last_success),
        newest_job: view.desk.newest_job.as_ref().map(|job| job.result),
        in_flight: status.as_ref().map(|status| status.in_flight.len()),
        open_breakers: status.as_ref().map(|status| status.open_breakers.len()),
        waiting_approvals: status.as_ref().map(|status| status.proposals.len()),
        problems,
        warnings,
    };
    (row, exit)
}
