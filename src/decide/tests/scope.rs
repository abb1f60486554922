use super::GuardrailId::{Controller, Namespace, OptIn, Request, RequestLabelInTemplate, Rollout, ServiceLabel, Terminating};
use super::*;

const GONE: &str = "blocked: could not be checked: the ReplicaSet web-6d4 no longer exists";

#[test]
fn the_request_still_stands() {
    check(Request, |_| {}, "pass: age_seconds=300");
    check(Request, |world| world.request().requested_at = Fact::Known(seconds_ago(-2)), "pass: age_seconds=0");
    check(
        Request,
        |world| world.request().requested_at = Fact::Known(seconds_ago(-301)),
        "blocked: requires a request that was made in the past, requested_at=2025-06-01T12:05:01Z, remove the label and set it again",
    );
    check(
        Request,
        |world| world.request().requested_at = Fact::Unknown("no field manager owns the label".to_owned()),
        "blocked: could not be checked: when the request was made is unknown, no field manager owns the label",
    );
    check(
        Request,
        |world| drop(world.request().labels.remove(label::RESTART)),
        "blocked: requires a pod that matches remediator.kubedojo.io/restart=true, the pod no longer does",
    );
}

#[test]
fn the_runbook_allows_the_namespace() {
    check(Namespace, |_| {}, "pass: namespace=lab");
    check(
        Namespace,
        |world| world.runbook().scope.allowed_namespaces = vec!["staging".to_owned(), "test".to_owned()],
        "blocked: requires a namespace that the runbook allows (staging, test), namespace=lab",
    );
}

#[test]
fn the_opt_in_is_read_on_the_workload() {
    check(OptIn, |_| {}, "pass: Deployment/web has them all");
    let blocked = "blocked: requires label remediator.kubedojo.io/enabled=true on the workload itself, Deployment/web lacks it, \
                   its owner opts in by setting it";
    check(OptIn, |world| world.workload().labels.clear(), blocked);
    check(OptIn, |world| world.workload().labels = labels(&[(label::ENABLED, "false")]), blocked);
    let on_the_pod_only = |world: &mut World| {
        world.workload().labels.clear();
        world.workload().template_labels.insert(label::ENABLED.to_owned(), "true".to_owned());
        world.request().labels.insert(label::ENABLED.to_owned(), "true".to_owned());
    };
    check(OptIn, on_the_pod_only, blocked);
    let wants =
        |value: &'static str| move |world: &mut World| world.runbook().scope.required_labels.push(("tier".to_owned(), value.to_owned()));
    let tiered = |value: &'static str| {
        move |world: &mut World| {
            wants(value)(world);
            world.workload().labels.insert("tier".to_owned(), "web".to_owned());
        }
    };
    check(OptIn, tiered("web"), "pass: Deployment/web has them all");
    let blocked = "blocked: requires label tier=batch on the workload itself, Deployment/web lacks it, its owner opts in by setting it";
    check(OptIn, tiered("batch"), blocked);
    check(OptIn, wants("batch"), blocked);
    check(OptIn, World::unknown_workload, GONE);
    check(OptIn, |world| world.snapshot.workloads.clear(), "blocked: could not be checked: the workload behind rs-web was not read");
}

#[test]
fn only_supported_controllers_replace_pods() {
    #[track_caller]
    fn refused(kind: OwnerKind, why: &str) {
        let change = |world: &mut World| world.target(|pod| pod.owner.as_mut().unwrap().kind = kind);
        check(Controller, change, &format!("blocked: requires a pod of a Deployment, ReplicaSet, StatefulSet or DaemonSet, owner={why}"));
    }
    check(Controller, |_| {}, "pass: owner=ReplicaSet/rs-web workload=Deployment/web");
    check(Controller, |world| world.stateful(|_| {}), "pass: owner=StatefulSet/rs-web workload=StatefulSet/web");
    check(
        Controller,
        |world| world.target(|pod| pod.owner = None),
        "blocked: requires a pod of a Deployment, ReplicaSet, StatefulSet or DaemonSet, owner=none, nothing would replace a bare pod",
    );
    check(
        Controller,
        |world| world.request().mirror = true,
        "blocked: requires a pod of a Deployment, ReplicaSet, StatefulSet or DaemonSet, this one mirrors a static pod, \
         whose file on the node only its kubelet reads",
    );
    refused(OwnerKind::Other("Job".into()), "Job/rs-web, a Job retries by its own rules");
    refused(OwnerKind::Other("Node".into()), "Node/rs-web, only the node's kubelet starts static pods");
    refused(OwnerKind::Other("CloneSet".into()), "CloneSet/rs-web, how that controller replaces pods is unknown here");
    check(Controller, daemon_set, "pass: owner=DaemonSet/rs-web workload=DaemonSet/web");
    check(Controller, World::unknown_workload, GONE);
    check(
        Controller,
        |world| world.target(|pod| pod.owner.as_mut().unwrap().kind = OwnerKind::StatefulSet),
        "blocked: could not be checked: a Deployment was read for StatefulSet rs-web",
    );
}

/// The Deployment becomes a DaemonSet.
fn daemon_set(world: &mut World) {
    world.workload().kind = WorkloadKind::DaemonSet;
    world.target(|pod| pod.owner.as_mut().unwrap().kind = OwnerKind::DaemonSet);
    world.pods().iter_mut().for_each(|pod| pod.owner.as_mut().unwrap().kind = OwnerKind::DaemonSet);
}

#[test]
fn a_daemon_set_must_be_meant() {
    const REQUIRES: &str = "blocked: requires a kind of workload that the runbook names";
    check(GuardrailId::WorkloadKind, |_| {}, "pass: workload=Deployment/web");
    check(
        GuardrailId::WorkloadKind,
        daemon_set,
        &format!(
            "{REQUIRES} (Deployment, ReplicaSet, StatefulSet), workload=DaemonSet/web, for a DaemonSet's peers on other nodes are no redundancy"
        ),
    );
    let named = |world: &mut World| {
        daemon_set(world);
        world.runbook().scope.workload_kinds = vec![WorkloadKind::DaemonSet];
    };
    check(GuardrailId::WorkloadKind, named, "pass: workload=DaemonSet/web");
    let only = |world: &mut World| world.runbook().scope.workload_kinds = vec![WorkloadKind::DaemonSet];
    check(GuardrailId::WorkloadKind, only, &format!("{REQUIRES} (DaemonSet), workload=Deployment/web"));
    check(GuardrailId::WorkloadKind, World::unknown_workload, GONE);
    check(Rollout, daemon_set, "pass: DaemonSet/web desired=3 updated=3 replicas=3");
    let updating = |world: &mut World| {
        daemon_set(world);
        world.workload().updated = 2;
    };
    check(
        Rollout,
        updating,
        "blocked: requires a workload that is not rolling out or scaling, DaemonSet/web desired=3 updated=2 replicas=3",
    );
    let on_delete = |world: &mut World| {
        daemon_set(world);
        world.workload().on_delete = true;
    };
    check(Rollout, on_delete, "blocked: requires a DaemonSet that is not updated by deleting its pods, DaemonSet/web strategy=OnDelete");
}

#[test]
fn the_service_label_is_the_templates_own() {
    check(ServiceLabel, |_| {}, "pass: app=web");
    check(
        ServiceLabel,
        |world| world.request().service = None,
        "blocked: requires the service's name in the pod's label app, it has none, set it in the workload's pod template",
    );
    let requires = "requires the same service label on the pod as in its workload's pod template";
    check(
        ServiceLabel,
        |world| world.workload().template_labels = labels(&[("app", "shop")]),
        &format!("blocked: {requires}, pod has app=web template has app=shop"),
    );
    check(
        ServiceLabel,
        |world| world.workload().template_labels.clear(),
        &format!("blocked: {requires}, pod has app=web template has none"),
    );
    // Its own label was taken off the pod, so that another limit would count.
    let other = || Service { label: "app.kubernetes.io/name".to_owned(), name: "other".to_owned() };
    check(
        ServiceLabel,
        |world| {
            world.request().service = Some(other());
            world.workload().template_labels = labels(&[("app", "web"), ("app.kubernetes.io/name", "other")]);
        },
        &format!("blocked: {requires}, pod has app.kubernetes.io/name=other template has app=web"),
    );
    check(ServiceLabel, World::unknown_workload, GONE);
}

#[test]
fn a_template_that_asks_for_restarts_is_refused() {
    check(RequestLabelInTemplate, |_| {}, "pass: not in the pod template");
    let asks = |world: &mut World| {
        world.workload().template_labels.insert(label::RESTART.to_owned(), "true".to_owned());
    };
    check(
        RequestLabelInTemplate,
        asks,
        "blocked: requires a pod template that does not itself ask for a restart, Deployment/web matches \
         remediator.kubedojo.io/restart=true, remove remediator.kubedojo.io/restart from it or every replacement would be replaced",
    );
    check(
        RequestLabelInTemplate,
        |world| world.workload().template_labels = labels(&[("app", "web"), (label::RESTART, "false")]),
        "pass: not in the pod template",
    );
    check(
        RequestLabelInTemplate,
        |world| world.workload().template_words = vec!["remediator.kubedojo.io/runbook".to_owned()],
        "blocked: requires a pod template without annotations of ours, Deployment/web has annotation remediator.kubedojo.io/runbook, \
         they belong on the one pod that they are about",
    );
    check(RequestLabelInTemplate, World::unknown_workload, GONE);
}

#[test]
fn a_pod_on_its_way_out_is_left_alone() {
    check(Terminating, |_| {}, "pass: terminating=false phase=Running");
    check(Terminating, |world| world.request().phase = "Pending".to_owned(), "pass: terminating=false phase=Pending");
    check(
        Terminating,
        |world| world.target(|pod| pod.terminating = true),
        "blocked: requires a pod that is not being deleted already, terminating=true",
    );
    check(
        Terminating,
        |world| world.request().phase = "Failed".to_owned(),
        "blocked: requires a pod that has not ended, phase=Failed, its controller has seen to that by itself",
    );
}
