//! `check`: is everything there that a run needs, and no more? CronJob, permissions, runbooks, ledger, clock, webhook. It writes nothing.

mod cron_job;
mod findings;

use std::time::Duration;

use k8s_openapi::api::authorization::v1::SubjectRulesReviewStatus;

use crate::cluster::api::{Access, AccessQuestion, Api, ApiError};
use crate::cluster::forgotten::{EarlierRun, earlier_run};
use crate::cluster::permissions::{Need, excess, missing, needs};
use crate::cluster::store::Store;
use crate::commands::desk::{Asked, CronJobObject, Source, View};
use crate::core::ledger::MAX_BYTES;
use crate::core::runbook::Runbook;
use crate::core::words::inert;
use crate::outside::clock::Deadline;
use crate::outside::load::LoadError;
use crate::outside::notify::Webhook;
use crate::run::RunError;

pub(crate) use findings::{Findings, Level};

/// All of it has ended by then.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a connection to the webhook's receiver may take.
const REACH: Duration = Duration::from_secs(5);
/// A clock that differs by more than this is worth a word.
const SKEW: u64 = 5 * 60;
/// Of permissions in excess, the first so many are named.
const MOST_NAMED: usize = 20;
/// The longest untrusted text in one finding.
const LONGEST: usize = 600;

/// Looks at everything, in order; what fails is a finding too.
pub(crate) async fn check(asked: &Asked, access: Access) -> Findings {
    let mut findings = Findings::new(asked.settings.pod_uid.is_some());
    // What can be said without the API server is said first.
    let here = Source::here(asked).map(|source| runbooks(&mut findings, source));
    if let Some(hook) = &asked.settings.notify {
        webhook(&mut findings, hook).await;
    }
    match Api::connect(access, Deadline::after(PATIENCE)).await {
        Ok(api) => rest(&mut findings, asked, here, &api, None).await,
        Err(error) => findings.failed("API server", error.into()),
    }
    findings
}

/// Nothing is decided by it, so a receiver that cannot be reached is no problem of a run's.
async fn webhook(findings: &mut Findings, hook: &Webhook) {
    match hook.reach(REACH).await {
        (place, Ok(())) => findings.ok("webhook", format!("{place} accepts connections; no request was sent")),
        (place, Err(cause)) => findings.warning("webhook", format!("{place} cannot be notified: {}", inert(&cause.to_string(), LONGEST))),
    }
}

/// As [`check`], in one of many namespaces, whose CronJob may have been read.
pub(crate) async fn check_one(asked: &Asked, api: &Api, known: Option<CronJobObject>) -> (Findings, View) {
    let mut findings = Findings::new(asked.settings.pod_uid.is_some());
    let here = Source::here(asked).map(|source| runbooks(&mut findings, source));
    let view = View::open(api, asked, known).await;
    with_view(&mut findings, here, api, &view).await;
    (findings, view)
}

async fn rest(findings: &mut Findings, asked: &Asked, here: Option<Vec<Runbook>>, api: &Api, known: Option<CronJobObject>) {
    api.namespace().clone_into(&mut findings.namespace);
    api.ignored().for_each(|ignored| findings.warning("proxy", ignored));
    match api.whoami().await {
        Ok(user) => {
            let by = api.proxy().map_or_else(String::new, |proxy| format!("; it is reached by {proxy}"));
            findings.ok("API server", format!("answers, and knows us as {}{by}", inert(&user, LONGEST)));
        }
        Err(error) => return findings.failed("API server", error.into()),
    }
    let view = View::open(api, asked, known).await;
    with_view(findings, here, api, &view).await;
}

async fn with_view(findings: &mut Findings, here: Option<Vec<Runbook>>, api: &Api, view: &View) {
    api.namespace().clone_into(&mut findings.namespace);
    let runbooks = match here {
        Some(runbooks) => runbooks,
        None => runbooks(findings, Source::mounted(api, view).await),
    };
    allowed_here(findings, &runbooks, api.namespace());
    // Before the ledger is read, which may know of a later time than the server tells.
    clock(findings, api);
    let state_configmap = &view.settings().state_configmap;
    if !view.inside {
        cron_job::findings(findings, api, view, &needs(state_configmap, &runbooks)).await;
    }
    if let Err(error) = permissions(findings, api, state_configmap, &runbooks).await {
        findings.failed("permissions", error.into());
    }
    ledger(findings, api, view).await;
    findings.now = api.now();
}

fn runbooks(findings: &mut Findings, source: Result<Source, LoadError>) -> Vec<Runbook> {
    let Source { from, runbooks, .. } = match source {
        Ok(source) => source,
        Err(LoadError { problems, .. }) => {
            for problem in problems {
                findings.problem("runbook", inert(&problem.to_string(), LONGEST));
            }
            return Vec::new();
        }
    };
    let from = if from.starts_with("ConfigMap ") { format!(", from {from}") } else { String::new() };
    for Runbook { name, owner, risk, decision_mode, scope, .. } in &runbooks {
        let namespaces = inert(&scope.allowed_namespaces.join(", "), LONGEST);
        let owner = inert(owner, LONGEST);
        findings.ok("runbook", format!("{name}: at most {decision_mode}, risk {risk}, owner {owner}, in namespaces {namespaces}{from}"));
    }
    runbooks
}

fn allowed_here(findings: &mut Findings, runbooks: &[Runbook], namespace: &str) {
    let allows = |runbook: &Runbook| runbook.scope.allowed_namespaces.iter().any(|allowed| allowed == namespace);
    if !runbooks.is_empty() && !runbooks.iter().any(allows) {
        let detail = format!("none allows namespace {namespace}, so runs do nothing here; hint: add it to spec.scope.allowedNamespaces");
        findings.warning("runbook", detail);
    }
}

fn clock(findings: &mut Findings, api: &Api) {
    let Some(clock) = api.clock() else {
        return findings.problem("clock", "the API server's answers have no Date header, so runs have no time to go by".to_owned());
    };
    let skew = clock.skew();
    let seconds = skew.as_secs().unsigned_abs();
    let word = if skew.is_negative() { "behind" } else { "ahead of" };
    let offset = format!("this machine's clock is {seconds} s {word} the API server's");
    if seconds > SKEW {
        findings.warning(
            "clock",
            format!("{offset}; runs take every time from the API server, so they are not affected; hint: synchronise the clock"),
        );
    } else {
        findings.ok("clock", format!("{offset}; runs take every time from the API server"));
    }
}

async fn permissions(findings: &mut Findings, api: &Api, state_configmap: &str, runbooks: &[Runbook]) -> Result<(), ApiError> {
    let needs = needs(state_configmap, runbooks);
    let granted = api.permissions().await?;
    let count = needs.len();
    let missing = if granted.incomplete { denied(api, needs.clone()).await? } else { missing(needs.clone(), &granted) };
    if missing.is_empty() {
        findings.ok("permissions", format!("all {count} that a run needs in {} are granted", api.namespace()));
    } else {
        let needs = missing.clone();
        let error = RunError::Permissions { namespace: api.namespace().to_owned(), needs };
        missing.iter().for_each(|need| findings.problem("permission missing", need.to_string()));
        findings.problem("permissions", format!("a run would end at once: {error}"));
    }
    if granted.incomplete {
        let detail = "the API server says that its list of permissions is incomplete: more may be granted than is listed here";
        findings.warning("permissions", detail.to_owned());
    }
    beyond(findings, api, &needs, &granted).await
}

/// Those of the needs that the server denies when asked one by one.
async fn denied(api: &Api, needs: Vec<Need>) -> Result<Vec<Need>, ApiError> {
    let mut denied = Vec::new();
    for need in needs {
        if !api.may(&need.question(api.namespace())).await? {
            denied.push(need);
        }
    }
    Ok(denied)
}

/// What is granted and not needed: here, and the two things elsewhere that would hurt most. (Which namespaces there are is not for us to
/// list: two that every cluster has are asked.)
async fn beyond(findings: &mut Findings, api: &Api, needs: &[Need], granted: &SubjectRulesReviewStatus) -> Result<(), ApiError> {
    let here = api.namespace();
    let rules = excess(needs, &granted.resource_rules);
    let secrets = rules.iter().any(|excess| excess.on.resource == "secrets");
    let mut found: Vec<String> = rules.iter().take(MOST_NAMED).map(|excess| format!("{excess} in namespace {here}")).collect();
    if rules.len() > MOST_NAMED {
        found.push(format!("and {} more in namespace {here}: see kubectl auth can-i --list -n {here}", rules.len() - MOST_NAMED));
    }
    let may = async |verb, resource, namespace| api.may(&AccessQuestion { verb, group: "", resource, name: None, namespace }).await;
    if may("delete", "pods", "").await? {
        found.push("delete pods in every namespace".to_owned());
    } else {
        for elsewhere in ["default", "kube-system"].into_iter().filter(|elsewhere| *elsewhere != here) {
            if may("delete", "pods", elsewhere).await? {
                found.push(format!("delete pods in namespace {elsewhere}"));
            }
        }
    }
    if may("get", "secrets", "").await? {
        found.push("get secrets in every namespace".to_owned());
    } else if !secrets && may("get", "secrets", here).await? {
        found.push(format!("get secrets in namespace {here}"));
    }
    if found.is_empty() && !granted.incomplete {
        let asked = "neither in every namespace nor in default or kube-system";
        findings.ok("permissions", format!("nothing is granted beyond that in {here}, no Secrets; pods may be deleted {asked}"));
    }
    if !found.is_empty() && !findings.inside_cluster {
        let detail = "outside a cluster (no POD_UID) these are your own, so what is in excess is a warning, not a problem; to check the \
                      ServiceAccount's, run this in its pod, or with --kubeconfig and its token";
        findings.warning("permissions", detail.to_owned());
    }
    for detail in found {
        let what = "permission in excess";
        if findings.inside_cluster { findings.problem(what, detail) } else { findings.warning(what, detail) }
    }
    Ok(())
}

async fn ledger(findings: &mut Findings, api: &Api, view: &View) {
    let state_configmap = &view.settings().state_configmap;
    let store = match Store::open(api.clone(), state_configmap).await {
        Ok(store) => store,
        Err(error) => return findings.failed("ledger", error.into()),
    };
    // What the CronJob remembers outlives the pods of its runs.
    let last_success = view.desk.installed.as_ref().and_then(|installed| installed.schedule.last_success);
    let by_the_cron_job = EarlierRun::of_last_success(last_success, store.unused_since());
    match earlier_run(api, &store).await.map(|found| found.or(by_the_cron_job)) {
        Ok(Some(earlier)) => findings.warning("ledger", earlier.message(state_configmap, api.namespace())),
        Ok(None) => {}
        Err(error) => findings.failed("ledger", error.into()),
    }
    let ledger = store.ledger();
    let size = match ledger.encode() {
        Ok(text) => text.len(),
        Err(why) => return findings.problem("ledger", format!("ConfigMap {state_configmap} can be read but not written: {why}")),
    };
    let (executions, in_flight) = (ledger.executions.len(), ledger.in_flight().count());
    findings.ok(
        "ledger",
        format!(
            "ConfigMap {state_configmap} is readable: {size} of {MAX_BYTES} bytes, executions: {executions}, in flight: {in_flight}, open \
             circuit breakers: {}",
            ledger.open_breakers().len()
        ),
    );
    for opening in ledger.open_breakers() {
        let (runbook, scope, cause, reset) =
            (&opening.runbook, opening.scope(), inert(&opening.cause, 200), opening.reset_with(api.namespace()));
        findings.warning(
            "circuit breaker",
            format!("{runbook} is stopped for {scope} since {:.0}: {cause}; hint: fix the cause, then close it: {reset}", opening.at),
        );
    }
}
