use super::GuardrailId::{
    BlastRadius, CanStart, Controller, Namespace, OptIn, OwnsNothing, Request, RequestLabelInTemplate, Rollout, ServiceLabel, Terminating,
};
use super::*;
use crate::core::snapshot::Claim;

const GONE: &str = "blocked: a fact could not be read (the ReplicaSet web-6d4 no longer exists)";

#[test]
fn the_request_still_stands() {
    check(Request, |_| {}, "pass: age_seconds=300");
    check(Request, |world| world.request().requested_at = Fact::Known(seconds_ago(-2)), "pass: age_seconds=0");
    check(
        Request,
        |world| world.request().requested_at = Fact::Known(seconds_ago(-301)),
        "blocked: the request must not be of the future (requested_at=2025-06-01T12:05:01Z)",
    );
    check(
        Request,
        |world| world.request().requested_at = Fact::Unknown("no field manager owns the label".to_owned()),
        "blocked: a fact could not be read (when the request was made is unknown, no field manager owns the label)",
    );
    check(
        Request,
        |world| drop(world.request().labels.remove(label::RESTART)),
        "blocked: the pod must match remediator.kubedojo.io/restart=true (the pod no longer does)",
    );
}

#[test]
fn the_runbook_allows_the_namespace() {
    check(Namespace, |_| {}, "pass: namespace=lab");
    check(
        Namespace,
        |world| world.runbook().scope.allowed_namespaces = vec!["staging".to_owned(), "test".to_owned()],
        "blocked: the runbook allows only namespaces staging, test (this is lab)",
    );
}

#[test]
fn the_opt_in_is_read_on_the_workload() {
    check(OptIn, |_| {}, "pass: Deployment/web has them all");
    let blocked = "blocked: the workload itself must have label remediator.kubedojo.io/enabled=true (Deployment/web lacks it)";
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
    let blocked = "blocked: the workload itself must have label tier=batch (Deployment/web lacks it)";
    check(OptIn, tiered("batch"), blocked);
    check(OptIn, wants("batch"), blocked);
    check(OptIn, World::unknown_workload, GONE);
    check(OptIn, |world| world.snapshot.workloads.clear(), "blocked: a fact could not be read (the workload behind rs-web was not read)");
}

#[test]
fn only_supported_controllers_replace_pods() {
    #[track_caller]
    fn refused(kind: &str, why: &str) {
        let expected =
            format!("blocked: a Deployment, ReplicaSet, StatefulSet or DaemonSet must own the pod ({kind} is not supported{why})");
        check(Controller, |world| world.unsupported(kind), &expected);
        // Of what is not understood, nothing else is asked.
        check(BlastRadius, |world| world.unsupported(kind), &format!("not_applicable: not asked: {kind} is not supported"));
    }
    check(Controller, |_| {}, "pass: owner=ReplicaSet/rs-web workload=Deployment/web");
    check(Controller, |world| world.stateful(|_| {}), "pass: owner=StatefulSet/rs-web workload=StatefulSet/web");
    check(
        Controller,
        |world| world.target(|pod| pod.owner = None),
        "blocked: a Deployment, ReplicaSet, StatefulSet or DaemonSet must own the pod (it has no owner: nothing would replace it)",
    );
    check(
        Controller,
        |world| world.request().mirror = true,
        "blocked: a Deployment, ReplicaSet, StatefulSet or DaemonSet must own the pod (it mirrors a static pod, whose file only its node's kubelet \
        reads)",
    );
    refused("Job.batch", ": a Job retries by its own rules");
    refused("Node", ": only the node's kubelet starts static pods");
    refused("CloneSet.apps.kruise.io", "");
    let rollout = |world: &mut World| {
        let foreign = Foreign { kind: "Rollout.argoproj.io".to_owned(), name: "web".to_owned() };
        world.snapshot.workloads.insert(WEB.to_owned(), Fact::Known(Behind::Unsupported(foreign)));
    };
    check(
        Controller,
        rollout,
        "blocked: a Deployment, ReplicaSet, StatefulSet or DaemonSet must own the pod (Rollout.argoproj.io is not supported)",
    );
    check(Controller, daemon_set, "pass: owner=DaemonSet/rs-web workload=DaemonSet/web");
    check(Controller, World::unknown_workload, GONE);
    check(
        Controller,
        |world| world.target(|pod| pod.owner.as_mut().unwrap().kind = OwnerKind::StatefulSet),
        "blocked: a fact could not be read (a Deployment was read for StatefulSet rs-web)",
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
    let blocked = "blocked: a controller that owns the workload must be in the runbook's allowedControllers \
                   (Kafka.kafka.strimzi.io/events owns Deployment/web)";
    check(Controller, managed(&[]), blocked);
    check(Controller, managed(&["Kafka.example.com", "Pod"]), blocked);
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
        "blocked: the pod must own neither pods nor workloads (StatefulSet/web-a, Pod/executor-1 would be deleted with it)",
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
    const ALLOWS: &str = "blocked: the runbook allows only workloads of kind";
    check(GuardrailId::WorkloadKind, |_| {}, "pass: workload=Deployment/web");
    check(
        GuardrailId::WorkloadKind,
        daemon_set,
        &format!("{ALLOWS} Deployment, ReplicaSet, StatefulSet (this is DaemonSet/web; its pods on other nodes are no redundancy)"),
    );
    let named = |world: &mut World| {
        daemon_set(world);
        world.runbook().scope.workload_kinds = vec![WorkloadKind::DaemonSet];
    };
    check(GuardrailId::WorkloadKind, named, "pass: workload=DaemonSet/web");
    let only = |world: &mut World| world.runbook().scope.workload_kinds = vec![WorkloadKind::DaemonSet];
    check(GuardrailId::WorkloadKind, only, &format!("{ALLOWS} DaemonSet (this is Deployment/web)"));
    check(GuardrailId::WorkloadKind, World::unknown_workload, GONE);
    check(Rollout, daemon_set, "pass: DaemonSet/web desired=3 updated=3 replicas=3");
    let updating = |world: &mut World| {
        daemon_set(world);
        world.workload().updated = 2;
    };
    check(
        Rollout,
        updating,
        "blocked: the workload must not be rolling out or scaling (DaemonSet/web wants 3 replicas, has 3, 2 of them updated)",
    );
    let on_delete = |world: &mut World| {
        daemon_set(world);
        world.workload().on_delete = true;
    };
    check(Rollout, on_delete, "blocked: deleting a pod must not update the DaemonSet (the update strategy of DaemonSet/web is OnDelete)");
}

#[test]
fn the_service_label_is_the_templates_own() {
    check(ServiceLabel, |_| {}, "pass: app=web");
    check(ServiceLabel, |world| world.request().service = None, "blocked: the pod must name its service in label app (it has none)");
    let requires = "blocked: the pod must have the service label of its workload's pod template";
    check(
        ServiceLabel,
        |world| world.workload().template_labels = labels(&[("app", "shop")]),
        &format!("{requires} (the pod has app=web, the template app=shop)"),
    );
    check(ServiceLabel, |world| world.workload().template_labels.clear(), &format!("{requires} (the pod has app=web, the template none)"));
    // Its own label was taken off the pod, so that another limit would count.
    let other = || Service { label: "app.kubernetes.io/name".to_owned(), name: "other".to_owned() };
    check(
        ServiceLabel,
        |world| {
            world.request().service = Some(other());
            world.workload().template_labels = labels(&[("app", "web"), ("app.kubernetes.io/name", "other")]);
        },
        &format!("{requires} (the pod has app.kubernetes.io/name=other, the template app=web)"),
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
        "blocked: the pod template must not have the request label (Deployment/web matches remediator.kubedojo.io/restart=true; every replacement \
        would be replaced)",
    );
    check(
        RequestLabelInTemplate,
        |world| world.workload().template_labels = labels(&[("app", "web"), (label::RESTART, "false")]),
        "pass: not in the pod template",
    );
    check(
        RequestLabelInTemplate,
        |world| world.workload().template_words = vec!["remediator.kubedojo.io/runbook".to_owned()],
        "blocked: the pod template must not have a request's annotations (Deployment/web has annotation remediator.kubedojo.io/runbook; they \
        belong on the one pod that they are about)",
    );
    check(RequestLabelInTemplate, World::unknown_workload, GONE);
}

#[test]
fn what_goes_makes_no_more_pods() {
    check(Terminating, |_| {}, "pass: Deployment/web stays");
    let stays = "blocked: the workload must stay, or the pod does not come back";
    check(Terminating, |world| world.workload().deleting = true, &format!("{stays} (Deployment/web is being deleted)"));
    check(Terminating, |world| world.namespace().deleting = true, &format!("{stays} (namespace lab is being deleted)"));
    check(
        Terminating,
        |world| world.snapshot.namespace = Fact::Unknown("timed out".to_owned()),
        "blocked: a fact could not be read (timed out)",
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
        "blocked: the pod must have been scheduled, or its replacement is not either (Unschedulable: 0/3 nodes are available)",
    );
    let waits = |reason: &'static str| Container {
        name: "main".to_owned(),
        waiting: Some(reason.to_owned()),
        waiting_message: Some("secret \"db\" not found".to_owned()),
        ..Container::default()
    };
    let blocked = |reason: &str| {
        format!(
            "blocked: the pod's containers must be creatable, or its replacement's are not either \
             (container main waits: {reason}: secret \"db\" not found)"
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
    let blocked =
        |what: &str| format!("blocked: the pod's volumes must stay, or its data goes and no replacement starts (claim data-web-0 {what})");
    check(CanStart, mounts(Some(Claim { deleting: true, ..well })), &blocked("is being deleted"));
    check(CanStart, mounts(Some(Claim { lost: true, ..well })), &blocked("has lost its volume"));
    check(CanStart, mounts(None), &blocked("does not exist"));
    let unread = |world: &mut World| world.request().claims = vec!["data-web-0".to_owned()];
    check(CanStart, unread, "blocked: a fact could not be read (claim data-web-0 was not read)");
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
