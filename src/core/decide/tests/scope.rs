use super::GuardrailId::{
    BlastRadius, CanStart, Controller, Namespace, OptIn, OwnsNothing, Request, RequestLabelInTemplate, Rollout, ServiceLabel, Terminating,
};
use super::*;
use crate::core::snapshot::Claim;

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
    fn refused(kind: &str, why: &str) {
        let expected = format!("blocked: finds it not supported: {kind}, left to a human{why} (owner={kind}/rs-web)");
        check(Controller, |world| world.unsupported(kind), &expected);
        // Of what is not understood, nothing else is asked.
        check(BlastRadius, |world| world.unsupported(kind), &format!("not_applicable: not asked: {kind} is not supported"));
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
    refused("Job.batch", ": a Job retries by its own rules");
    refused("Node", ": only the node's kubelet starts static pods");
    refused("CloneSet.apps.kruise.io", "");
    let rollout = |world: &mut World| {
        let foreign = Foreign { kind: "Rollout.argoproj.io".to_owned(), name: "web".to_owned() };
        world.snapshot.workloads.insert(WEB.to_owned(), Fact::Known(Behind::Unsupported(foreign)));
    };
    let above = "owner=ReplicaSet/rs-web controlled_by=Rollout.argoproj.io/web";
    check(Controller, rollout, &format!("blocked: finds it not supported: Rollout.argoproj.io, left to a human ({above})"));
    check(Controller, daemon_set, "pass: owner=DaemonSet/rs-web workload=DaemonSet/web");
    check(Controller, World::unknown_workload, GONE);
    check(
        Controller,
        |world| world.target(|pod| pod.owner.as_mut().unwrap().kind = OwnerKind::StatefulSet),
        "blocked: could not be checked: a Deployment was read for StatefulSet rs-web",
    );
}

#[test]
fn what_an_operator_manages_is_left_to_it_unless_the_runbook_names_it() {
    let managed = |allowed: &'static [&'static str]| {
        move |world: &mut World| {
            world.workload().controller = Some(Foreign { kind: "Kafka.kafka.strimzi.io".to_owned(), name: "events".to_owned() });
            world.runbook().scope.allowed_controllers = allowed.iter().map(|kind| (*kind).to_owned()).collect();
        }
    };
    let observed = "owner=ReplicaSet/rs-web workload=Deployment/web controlled_by=Kafka.kafka.strimzi.io/events";
    let blocked = format!(
        "blocked: requires a workload that nobody controls but its own controller, {observed}, what Kafka.kafka.strimzi.io does about a missing \
         pod is unknown here, and the runbook's allowedControllers does not name it"
    );
    check(Controller, managed(&[]), &blocked);
    check(Controller, managed(&["Kafka.example.com", "Pod"]), &blocked);
    check(Controller, managed(&["Kafka.kafka.strimzi.io"]), &format!("pass: {observed}"));
}

#[test]
fn a_pod_that_others_belong_to_is_left_alone() {
    check(OwnsNothing, |_| {}, "pass: owns nothing");
    let owns = |owner: &'static str| {
        move |world: &mut World| {
            let owned = vec!["StatefulSet/web-a".to_owned(), "Pod/executor-1".to_owned()];
            world.snapshot.dependents = Fact::Known(BTreeMap::from([(owner.to_owned(), owned)]));
        }
    };
    check(
        OwnsNothing,
        owns("uid-web-a"),
        "blocked: requires a pod that owns neither pods nor workloads, owns StatefulSet/web-a, Pod/executor-1, which would be deleted with it",
    );
    check(OwnsNothing, owns("uid-web-b"), "pass: owns nothing");
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
        "blocked: requires a pod template without a request's annotations, Deployment/web has annotation remediator.kubedojo.io/runbook, \
         they belong on the one pod that they are about",
    );
    check(RequestLabelInTemplate, World::unknown_workload, GONE);
}

#[test]
fn what_goes_makes_no_more_pods() {
    check(Terminating, |_| {}, "pass: Deployment/web stays");
    let comes_not_back = "a deleted pod would not come back";
    check(
        Terminating,
        |world| world.workload().deleting = true,
        &format!("blocked: requires a workload that stays, Deployment/web is being deleted, {comes_not_back}"),
    );
    check(
        Terminating,
        |world| world.namespace().deleting = true,
        &format!("blocked: requires a workload that stays, namespace lab is being deleted, {comes_not_back}"),
    );
    check(
        Terminating,
        |world| world.snapshot.namespace = Fact::Unknown("timed out".to_owned()),
        "blocked: could not be checked: timed out",
    );
    // Whatever else blocks, nobody is paged for it.
    let mut world = World::new();
    world.workload().deleting = true;
    world.workload().paused = true;
    assert_eq!(world.decide().escalation(), Escalate::None);
}

#[test]
fn what_a_replacement_would_share_is_nothing_that_it_cures() {
    let symptom = |symptom: &str, world: &mut World| {
        (world.request().symptom, world.request().confidence) = (Some(symptom.to_owned()), Some("1".to_owned()));
    };
    check(CanStart, |_| {}, "pass: scheduled=true claims=0");
    check(
        CanStart,
        |world| world.request().unscheduled = Some("Unschedulable: 0/3 nodes are available".to_owned()),
        "blocked: requires a pod that has had a node, not_scheduled=Unschedulable: 0/3 nodes are available, a replacement would be as unschedulable",
    );
    let waits = |reason: &'static str| Container {
        name: "main".to_owned(),
        waiting: Some(reason.to_owned()),
        waiting_message: Some("secret \"db\" not found".to_owned()),
        ..Container::default()
    };
    let blocked = |reason: &str| {
        format!(
            "blocked: requires a pod whose containers could be made, container main waits: {reason}: secret \"db\" not found, \
             a replacement would be of the same template"
        )
    };
    for reason in ["CreateContainerConfigError", "InvalidImageName", "ImagePullBackOff", "ErrImagePull"] {
        check(CanStart, |world| world.request().containers = vec![waits(reason)], &blocked(reason));
    }
    check(CanStart, |world| world.request().containers = vec![waits("CrashLoopBackOff")], "pass: scheduled=true claims=0");
    // Where the runbook answers to it, another node may be able to get the image; no node can make sense of its name.
    let stated = |reason: &'static str| {
        move |world: &mut World| {
            symptom("ErrImagePull", world);
            world.request().containers = vec![waits(reason)];
        }
    };
    check(CanStart, stated("ImagePullBackOff"), "pass: scheduled=true claims=0");
    check(CanStart, stated("InvalidImageName"), &blocked("InvalidImageName"));
}

#[test]
fn the_volumes_of_a_pod_stay() {
    let mounts = |claim: Option<Claim>| {
        move |world: &mut World| {
            world.request().claims = vec!["data-web-0".to_owned()];
            world.snapshot.claims.insert("data-web-0".to_owned(), Fact::Known(claim));
        }
    };
    let well = Claim { deleting: false, lost: false, one_node: true };
    check(CanStart, mounts(Some(well)), "pass: scheduled=true claims=1");
    let blocked = |what: &str| {
        format!(
            "blocked: requires that the volumes of the pod stay, claim data-web-0 {what}, with the pod would go what is on it, and a replacement \
             could not start"
        )
    };
    check(CanStart, mounts(Some(Claim { deleting: true, ..well })), &blocked("is being deleted"));
    check(CanStart, mounts(Some(Claim { lost: true, ..well })), &blocked("has lost its volume"));
    check(CanStart, mounts(None), &blocked("does not exist"));
    let unread = |world: &mut World| world.request().claims = vec!["data-web-0".to_owned()];
    check(CanStart, unread, "blocked: could not be checked: claim data-web-0 was not read");
}

#[test]
fn a_request_on_a_pod_that_is_none_any_more_is_closed_without_a_word_to_anybody() {
    let closed = |change: fn(&mut Pod), why: &str| {
        let mut world = World::new();
        world.target(change);
        // Whatever is written on it.
        world.request().confidence = Some("?".to_owned());
        let decision = world.decide();
        assert_eq!((decision.mode, decision.reason.as_str()), (crate::core::decide::Mode::Abort, "request_closed"));
        assert_eq!(decision.escalation(), Escalate::None);
        assert_eq!(world.message(), format!("closed the request on web-a: {why}"));
    };
    closed(|pod| pod.terminating = true, "the pod is being deleted already");
    let evicted = |pod: &mut Pod| {
        (pod.ended, pod.running, pod.ready) = (true, false, false);
        pod.trouble = Some("Failed: Evicted: The node was low on resource: memory.".into());
    };
    closed(evicted, "the pod has ended (Failed: Evicted: The node was low on resource: memory.), and its controller replaces it by itself");
    // Nor does it count among the services that ask.
    let mut world = World::new();
    world.also_asks(&["a", "b", "c"]);
    world.snapshot.requests[1..].iter_mut().for_each(|request| request.pod.ended = true);
    assert_eq!(world.check(GuardrailId::MatchedServices).observed, "services_asking=1");
}
