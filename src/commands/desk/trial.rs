//! Asks the cluster whether a run could begin and act: whether it would admit the CronJob's Job and pod, and what their
//! ServiceAccount may do. Nothing is created.

use serde::Serialize;
use serde_json::{Value, json};

use super::object::{Installed, Mounted, list, text};
use super::{Desk, Unread};
use crate::cluster::api::{Api, ApiError, CONFIG_MAPS, Cause, JOBS, PODS, Resource};
use crate::cluster::permissions::Need;
use crate::core::words::{inert, quoted};

/// The longest answer of the server that is shown, in characters.
const LONGEST: usize = 600;

/// What keeps runs from acting, whatever is decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Obstacle {
    /// In one word: suspended, settings, dry_run, permission, refused or mount.
    pub kind: &'static str,
    /// As it stands behind "not while".
    pub detail: String,
}

impl Obstacle {
    pub(super) fn new(kind: &'static str, detail: String) -> Self {
        Self { kind, detail: inert(&detail, 2 * LONGEST) }
    }
}

/// What the cluster answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Trial {
    /// What keeps runs from acting.
    pub obstacles: Vec<Obstacle>,
    /// What the cluster would admit, of Job and pod.
    pub admitted: Vec<&'static str>,
    /// Containers that the cluster adds, and that would keep a Job from ending.
    pub sidecars: Vec<String>,
    /// How many permissions the ServiceAccount was asked for.
    pub permissions: usize,
    /// What could not be asked.
    pub unread: Vec<Unread>,
}

/// Asks all of it. Without a CronJob there is nothing to ask about.
pub(crate) async fn trial(api: &Api, desk: &Desk, needs: &[Need]) -> Trial {
    let mut trial = Trial::default();
    let Some(installed) = &desk.installed else { return trial };
    if installed.schedule.suspended {
        trial.obstacles.push(Obstacle::new("suspended", "the CronJob is suspended".to_owned()));
    }
    account(api, installed, needs, &mut trial).await;
    let (job, pod) = (job(installed), pod(installed));
    admitted(api, JOBS, "Job", &job, &mut trial).await;
    if let Some(answer) = admitted(api, PODS, "pod", &pod, &mut trial).await {
        trial.sidecars = sidecars(&pod, &answer);
    }
    mount(api, installed, &mut trial).await;
    trial
}

async fn account(api: &Api, installed: &Installed, needs: &[Need], trial: &mut Trial) {
    let account = &installed.account;
    for need in needs {
        match api.may_account(account, &need.question(api.namespace())).await {
            Ok(true) => trial.permissions += 1,
            Ok(false) => {
                trial.permissions += 1;
                trial.obstacles.push(Obstacle::new("permission", format!("ServiceAccount {account} lacks the permission {need}")));
            }
            // Whoever may not ask one of them may ask none.
            Err(error) => {
                trial.unread.push(Unread::of(&format!("what ServiceAccount {account} may do"), &error));
                return;
            }
        }
    }
}

/// The Job as the CronJob would make it.
fn job(installed: &Installed) -> Value {
    object("batch/v1", "Job", installed, &installed.template)
}

/// The pod as the Job would make it.
fn pod(installed: &Installed) -> Value {
    object("v1", "Pod", installed, installed.template.pointer("/spec/template").unwrap_or(&Value::Null))
}

fn object(version: &str, kind: &str, installed: &Installed, template: &Value) -> Value {
    let of = |key: &str| template.pointer(&format!("/metadata/{key}")).cloned().unwrap_or_else(|| json!({}));
    json!({
        "apiVersion": version, "kind": kind,
        "metadata": {"generateName": format!("{}-", installed.schedule.cron_job), "labels": of("labels"), "annotations": of("annotations")},
        "spec": template.get("spec").cloned().unwrap_or_default(),
    })
}

async fn admitted(api: &Api, resource: Resource, what: &'static str, object: &Value, trial: &mut Trial) -> Option<Value> {
    match api.create_dry_run(resource, object).await {
        Ok(answer) => {
            trial.admitted.push(what);
            Some(answer)
        }
        Err(error) => {
            match verdict(what, &error) {
                Ok(obstacle) => trial.obstacles.push(obstacle),
                Err(unread) => trial.unread.push(unread),
            }
            None
        }
    }
}

/// What a refused dry run means: the cluster refuses the object, or it could not be asked.
fn verdict(what: &str, error: &ApiError) -> Result<Obstacle, Unread> {
    match &error.cause {
        // A webhook that cannot tell without doing: what it would say is not known.
        Cause::Rejected(why) if !why.contains("dry run") => {
            Ok(Obstacle::new("refused", format!("the cluster refuses the run's {what}: {}", inert(why, LONGEST))))
        }
        _ => Err(Unread::of(&format!("whether the cluster admits the run's {what}"), error)),
    }
}

/// The containers that the answer has and the template has not. Native sidecars are init containers, and end with the pod.
fn sidecars(asked: &Value, answer: &Value) -> Vec<String> {
    let names =
        |pod: &Value| list(pod.get("spec").unwrap_or(&Value::Null), "containers").iter().map(|one| text(one, "name")).collect::<Vec<_>>();
    let asked = names(asked);
    names(answer).into_iter().filter(|name| !asked.contains(name)).map(|name| quoted(&inert(&name, 253))).collect()
}

/// A pod whose ConfigMap is not there waits for it, and no run begins.
async fn mount(api: &Api, installed: &Installed, trial: &mut Trial) {
    let Mounted::ConfigMap { name, .. } = &installed.runbooks else { return };
    match api.get::<serde::de::IgnoredAny>(CONFIG_MAPS, name).await {
        Err(ApiError { cause: Cause::NotFound, .. }) => {
            let detail = format!("ConfigMap {}, which the CronJob mounts, does not exist", inert(name, 253));
            trial.obstacles.push(Obstacle::new("mount", detail));
        }
        Err(error) => trial.unread.push(Unread::of(&format!("ConfigMap {}", inert(name, 253)), &error)),
        Ok(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn added(asked: &[&str], answer: &[&str], init: &[&str], expected: &[&str]) {
        let of = |names: &[&str]| names.iter().map(|name| json!({"name": name})).collect::<Vec<_>>();
        let pod = json!({"spec": {"containers": of(answer), "initContainers": of(init)}});
        assert_eq!(sidecars(&json!({"spec": {"containers": of(asked)}}), &pod), expected);
    }

    #[test]
    fn an_added_container_is_named_and_a_native_sidecar_is_not() {
        added(&["pod-remediator"], &["pod-remediator"], &[], &[]);
        added(&["pod-remediator"], &["pod-remediator", "proxy"], &[], &["\"proxy\""]);
        added(&["pod-remediator"], &["proxy", "pod-remediator", "log"], &[], &["\"proxy\"", "\"log\""]);
        added(&["pod-remediator"], &["pod-remediator"], &["proxy"], &[]);
    }

    #[track_caller]
    fn means(cause: Cause, expected: Result<&str, &str>) {
        let call = crate::cluster::api::Call { verb: "create", resource: PODS, name: String::new() };
        let said = verdict("pod", &ApiError { call, cause });
        assert_eq!(
            said.map(|obstacle| obstacle.detail).map_err(|unread| unread.to_string()),
            expected.map(str::to_owned).map_err(str::to_owned)
        );
    }

    #[test]
    fn a_refusal_is_in_the_servers_words_and_what_could_not_be_asked_is_none() {
        let quota = "pods is forbidden: failed quota: q: must specify limits.cpu";
        means(Cause::Rejected(quota.to_owned()), Ok(&format!("the cluster refuses the run's pod: {quota}")));
        let could_not = "whether the cluster admits the run's pod: ";
        means(Cause::Forbidden("no".to_owned()), Err(&format!("{could_not}you lack the permission create pods")));
        let webhook = "admission webhook \"x\" does not support dry run";
        means(Cause::Rejected(webhook.to_owned()), Err(&format!("{could_not}refused by the cluster: {webhook}")));
        means(Cause::Unclear("timeout".to_owned()), Err(&format!("{could_not}no clear answer: timeout")));
    }
}
