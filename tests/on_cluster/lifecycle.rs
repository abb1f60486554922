//! Facts of lifecycle that only a real cluster has: what is being deleted, what was never scheduled, whose a pod is, what its volumes do,
//! and in whose words a refusal or a failure says so.

use serde_json::{Value, json};

use crate::direct;
use crate::fixture::{Lab, Pod, RESTART, is_ready, until};
use crate::remediator::Runbook;
use crate::workloads::{deployment, on_real_node, pod_spec, simulated_pod, stateful_set};

/// The fields of a decision that a refusal without a word to anybody has.
fn nobody_hears(record: &Value) {
    assert_eq!(record["escalation"]["level"], "none", "{record}");
}

impl Lab {
    fn events(&self) -> Vec<Value> {
        let all = self.get(&["events.events.k8s.io", "--field-selector", "reportingController=pod-remediator"]);
        all["items"].as_array().unwrap().clone()
    }

    /// As `kubectl delete` would leave it where a finalizer holds it.
    fn deleted_but_held(&self, object: &str) {
        let hold = json!({"metadata": {"finalizers": ["cluster.test/hold"]}}).to_string();
        self.kubectl(&["patch", object, "--type", "merge", "--patch", &hold]);
        self.kubectl(&["delete", object, "--wait=false"]);
    }

    fn let_go(&self, object: &str) {
        self.kubectl(&["patch", object, "--type", "merge", "--patch", r#"{"metadata": {"finalizers": null}}"#]);
    }
}

#[test]
fn a_workload_that_is_being_deleted_makes_no_more_pods() {
    let lab = Lab::new("deleted-workload");
    let mut bare = deployment("web", 3);
    bare["kind"] = json!("ReplicaSet");
    for set in [stateful_set("db", 3, "Parallel"), bare] {
        let name = set["metadata"]["name"].as_str().unwrap().to_owned();
        let object = format!("{}/{name}", set["kind"].as_str().unwrap().to_lowercase());
        lab.roll_out(&set);
        let target = lab.ask_for_one(&name);
        lab.deleted_but_held(&object);
        let run = lab.remediator().run();
        assert_eq!((run.exit, run.blocks(&target)), (0, vec!["not_terminating".to_owned()]), "{run:?}");
        nobody_hears(run.decision(&target));
        lab.untouched(&target);
        lab.let_go(&object);
        // Its pods go with it.
        until("its pods are gone", || lab.pods(&name).is_empty().then_some(()));
    }
    assert_eq!((lab.deletions(), lab.events()), (Vec::new(), Vec::new()));

    // One ReplicaSet of a Deployment that stays: it would make pods of another one.
    let web = deployment("shop", 3);
    lab.roll_out(&web);
    let target = lab.ask_for_one("shop");
    let set = lab.get(&["pod", &target.name])["metadata"]["ownerReferences"][0]["name"].as_str().unwrap().to_owned();
    let set = format!("replicaset/{set}");
    lab.deleted_but_held(&set);
    let message = lab.remediator().refuses(&target, &["workload_opted_in", "not_terminating"]);
    assert!(message.contains(&format!("ReplicaSet {} is being deleted", &set["replicaset/".len()..])), "{message}");
    lab.let_go(&set);
}

#[test]
fn in_a_namespace_that_is_being_deleted_nothing_is_done_and_nobody_is_paged() {
    let lab = Lab::new("deleted-namespace");
    lab.roll_out(&deployment("web", 3));
    let target = lab.ask_for_one("web");
    let hold = |object: &str| {
        let hold = json!({"metadata": {"finalizers": ["cluster.test/hold"]}}).to_string();
        lab.kubectl(&["patch", object, "--type", "merge", "--patch", &hold]);
    };
    let pods: Vec<String> = lab.pods("web").iter().map(|pod| format!("pod/{}", Pod::of(pod).name)).collect();
    pods.iter().for_each(|pod| hold(pod));
    // It outlives the ledger, and the namespace with it.
    lab.kubectl(&["create", "configmap", "last"]);
    hold("configmap/last");
    direct::call("DELETE", &format!("/api/v1/namespaces/{}", lab.namespace), &Value::Null).unwrap();
    let run = lab.remediator().run();
    assert_eq!(run.exit, 0, "{run:?}");
    nobody_hears(run.decision(&target));
    let ours = |line: &Value| !line["user"]["username"].as_str().unwrap().starts_with("system:");
    assert!(!lab.deletions().iter().any(ours), "{run:?}");
    // Pods go first, and then the ledger: that is no ledger that somebody has lost. The namespace's controller takes its time over it, the
    // longer the more namespaces go at once, so the test does here what that does.
    pods.iter().for_each(|pod| lab.let_go(pod));
    lab.kubectl(&["delete", "configmap", crate::fixture::STATE, "--ignore-not-found"]);
    let run = lab.remediator().run();
    assert_eq!(run.exit, 0, "{run:?}");
    let said = run.records[0]["message"].as_str().unwrap();
    assert!(said.contains("is being deleted, and the ledger is gone with it"), "{run:?}");
    lab.let_go("configmap/last");
}

#[test]
fn a_pod_that_was_never_scheduled_is_left_alone_in_the_schedulers_words() {
    let lab = Lab::new("unschedulable");
    lab.roll_out(&deployment("web", 3));
    // One more pod than there is room for: the label's owner saw a pod that is not Ready.
    let mut big = deployment("web", 4);
    pod_spec(&mut big)["affinity"] = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "nobody"}}},
    ]}});
    pod_spec(&mut big)["containers"][0]["resources"] = json!({"requests": {"cpu": "1M"}});
    let mut stuck = deployment("stuck", 1);
    *pod_spec(&mut stuck) = pod_spec(&mut big).clone();
    stuck["spec"]["template"]["metadata"]["labels"]["app"] = json!("web");
    lab.apply(&stuck);
    let target = until("the scheduler has said why", || {
        let pods = lab.get(&["pods", "--selector", "workload=stuck"]);
        let pod = pods["items"].as_array()?.first()?.clone();
        let conditions = pod["status"]["conditions"].as_array()?;
        conditions.iter().any(|one| one["type"] == "PodScheduled" && one["status"] == "False").then(|| Pod::of(&pod))
    });
    lab.kubectl(&[
        "annotate",
        "pod",
        &target.name,
        "remediator.kubedojo.io/symptom=readiness_probe_failed",
        "remediator.kubedojo.io/confidence=1",
    ]);
    lab.ask(&target);
    let message = lab.remediator().refuses(&target, &["replacement_can_start", "symptom_present"]);
    assert!(
        message.contains("the pod must have been scheduled, or its replacement is not either (Unschedulable: ")
            && message.contains("nodes are available"),
        "{message}"
    );
}

#[test]
fn what_a_pods_status_says_and_its_replacement_would_share_is_refused_in_the_kubelets_words() {
    let lab = Lab::new("config-error");
    let mut web = on_real_node(deployment("web", 1), "exec sh /serve");
    pod_spec(&mut web)["containers"][0]["envFrom"] = json!([{"secretRef": {"name": "not-there"}}]);
    lab.apply(&web);
    let waits = |reason: &'static str, app: &str| {
        until(reason, || {
            let pod = lab.pods(app).first()?.clone();
            (pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == reason).then(|| Pod::of(&pod))
        })
    };
    let target = waits("CreateContainerConfigError", "web");
    lab.ask(&target);
    let message = lab.remediator().refuses(&target, &["replacement_can_start"]);
    assert!(message.contains("CreateContainerConfigError: secret \"not-there\" not found"), "{message}");
    lab.kubectl(&["label", "pod", &target.name, &format!("{RESTART}-")]);

    let mut image = on_real_node(deployment("image", 1), "exec sh /serve");
    pod_spec(&mut image)["containers"][0]["image"] = json!("registry.invalid/no/such:image");
    lab.apply(&image);
    let target = until("the image cannot be had", || {
        let pod = lab.pods("image").first()?.clone();
        let reason = pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"].as_str()?.to_owned();
        ["ErrImagePull", "ImagePullBackOff"].contains(&reason.as_str()).then(|| Pod::of(&pod))
    });
    lab.ask(&target);
    let message = lab.remediator().refuses(&target, &["replacement_can_start"]);
    assert!(message.contains("registry.invalid/no/such:image"), "{message}");
}

#[test]
fn a_claim_that_is_being_deleted_keeps_its_pod() {
    let lab = Lab::new("claims");
    for name in ["data-db-0", "data-db-1"] {
        lab.claim(name);
    }
    let mut db = stateful_set("db", 2, "Parallel");
    db["spec"]["volumeClaimTemplates"] = json!([{
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "", "resources": {"requests": {"storage": "1Mi"}}},
    }]);
    lab.roll_out(&db);
    lab.kubectl(&["delete", "persistentvolumeclaim", "data-db-1", "--wait=false"]);
    let target = Pod::of(&lab.get(&["pod", "db-1"]));
    lab.ask(&target);
    let message = lab.remediator().refuses(&target, &["replacement_can_start"]);
    assert!(message.contains("claim data-db-1 is being deleted"), "{message}");
    lab.kubectl(&["label", "pod", "db-1", &format!("{RESTART}-")]);
    // Its neighbour's stays, and so it may go.
    let other = Pod::of(&lab.get(&["pod", "db-0"]));
    lab.ask(&other);
    lab.remediator().replaces(&other);
}

#[test]
fn the_leader_of_a_group_and_what_an_operator_manages_are_left_alone() {
    let lab = Lab::new("groups");
    lab.roll_out(&stateful_set("group", 2, "Parallel"));
    let leader = Pod::of(&lab.get(&["pod", "group-0"]));
    let mut workers = stateful_set("group-0-workers", 2, "Parallel");
    workers["metadata"]["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "Pod", "name": leader.name, "uid": leader.uid, "controller": true, "blockOwnerDeletion": true}]);
    lab.roll_out(&workers);
    lab.ask(&leader);
    let message = lab.remediator().refuses(&leader, &["pod_owns_nothing"]);
    assert!(message.contains("StatefulSet/group-0-workers would be deleted with it"), "{message}");
    lab.kubectl(&["label", "pod", &leader.name, &format!("{RESTART}-")]);

    // A worker: its StatefulSet is controlled by a Pod, which no runbook here knows, until one does.
    let worker = lab.ask_for_one("group-0-workers");
    let message = lab.remediator().refuses(&worker, &["supported_controller"]);
    assert!(message.contains("(Pod/group-0 owns StatefulSet/group-0-workers)"), "{message}");
    let knows = lab.runbook().with("scope", "allowedControllers", "[Pod]");
    lab.remediator_with(&knows).replaces(&worker);
    lab.untouched(&leader);
}

#[test]
fn what_is_not_supported_is_one_clause_with_its_kind_and_group() {
    let lab = Lab::new("unsupported");
    let mut set = deployment("web", 2);
    set["kind"] = json!("ReplicaSet");
    let uid = "00000000-0000-4000-8000-000000000000";
    set["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web", "uid": uid, "controller": true}]);
    // The garbage collector does not know the kind, and leaves alone what it owns.
    lab.roll_out(&set);
    let target = lab.ask_for_one("web");
    let run = lab.remediator().run();
    assert_eq!((run.exit, run.blocks(&target)), (0, vec!["supported_controller".to_owned()]), "{run:?}");
    let message = run.decision(&target)["message"].as_str().unwrap();
    assert!(message.contains("(Rollout.argoproj.io is not supported)"), "{message}");
    assert!(!message.contains("could not be read"), "{message}");
    lab.untouched(&target);
}

#[test]
fn a_promise_on_the_pod_is_kept() {
    let lab = Lab::new("promises");
    lab.roll_out(&deployment("web", 3));
    let target = lab.ask_for_one("web");
    lab.kubectl(&["annotate", "pod", &target.name, "karpenter.sh/do-not-disrupt=true"]);
    let heeds = lab.runbook().with("guardrails", "blockedByAnnotations", "{karpenter.sh/do-not-disrupt: \"true\"}");
    lab.remediator_with(&heeds).refuses(&target, &["no_blocking_annotation"]);
    lab.kubectl(&["annotate", "pod", &target.name, "karpenter.sh/do-not-disrupt-"]);
    lab.kubectl(&["label", "pod", &target.name, "incident=true"]);
    let heeds = heeds.with("guardrails", "blockedByLabels", "{incident: \"true\"}");
    lab.remediator_with(&heeds).refuses(&target, &["no_blocking_label"]);
    lab.kubectl(&["label", "pod", &target.name, "incident-"]);
    lab.remediator_with(&heeds).replaces(&target);
}

#[test]
fn pods_that_have_ended_are_no_pods_and_their_requests_are_closed() {
    let lab = Lab::new("ended");
    lab.roll_out(&deployment("web", 3));
    let [evicted, target] = [0, 1].map(|index| Pod::of(&lab.pods("web")[index]));
    lab.patch_status(&evicted.name, &json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}));
    let web = deployment("web", 3);
    until("another pod is there in its place", || {
        let ready = lab.pods("web").iter().filter(|pod| is_ready(pod) && pod["status"]["phase"] == "Running").count();
        (ready == 3).then_some(())
    });
    lab.rolled_out(&web);
    lab.ask(&evicted);
    lab.ask(&target);
    let run = lab.remediator().run();
    assert_eq!(run.exit, 0, "{run:?}");
    let closed = run.decision(&evicted);
    assert_eq!((&closed["event.reason"], &closed["decision.mode"]), (&json!("request_closed"), &json!("abort")), "{run:?}");
    let message = closed["message"].as_str().unwrap();
    assert!(message.contains("Failed: Evicted: The node was low on resource: memory."), "{message}");
    nobody_hears(closed);
    assert_eq!(run.outcome(&target)["verification"]["result"], "verified", "{run:?}");
    let of_evicted = |event: &&Value| event["related"]["uid"] == *evicted.uid || event["regarding"]["uid"] == *evicted.uid;
    assert_eq!(lab.events().iter().filter(of_evicted).count(), 0);
}

#[test]
fn a_quota_that_keeps_the_replacement_away_is_named_afterwards_and_before() {
    let lab = Lab::new("quota");
    lab.roll_out(&deployment("web", 3));
    let target = lab.ask_for_one("web");
    // The quota comes once the three are there, and has room for two.
    lab.apply(&json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "team"}, "spec": {"hard": {"pods": "2"}}}));
    until("the quota is in force", || (lab.get(&["resourcequota", "team"])["status"]["used"]["pods"] == "3").then_some(()));
    let runbook = lab.runbook().with("verification", "timeoutSeconds", 12);
    let run = lab.remediator_with(&runbook).run();
    assert_eq!(run.exit, 3, "{run:?}");
    let detail = run.outcome(&target)["verification"]["detail"].as_str().unwrap();
    assert!(detail.starts_with("no replacement appeared within 12 s: ") && detail.contains("exceeded quota: team"), "{detail}");
    let said = format!("deleted {}, but {detail}", target.name);
    assert!(run.outcome(&target)["message"].as_str().unwrap().starts_with(&said), "{run:?}");
    let failed = lab.events().into_iter().find(|event| event["reason"] == "PodReplacementFailed").unwrap();
    assert!(failed["note"].as_str().unwrap().starts_with(&format!("deleted {}, but no replacement", target.name)), "{failed}");

    let other = lab.ask_for_one("web");
    let message = lab.remediator_with(&runbook).refuses_again(&other, &["rollout_settled"]);
    assert!(
        message.contains("the workload's controller must be able to create pods") && message.contains("exceeded quota: team"),
        "{message}"
    );
}

#[test]
fn a_gate_that_stays_shut_is_named() {
    let lab = Lab::new("gates");
    let mut web = deployment("web", 3);
    lab.roll_out(&web);
    // From now on pods wait for a gate that nobody opens: a rollout that is paused before it touches the old ones would be one, so the
    // template has the gate from the beginning, and a hand opens it for those that are there.
    pod_spec(&mut web)["readinessGates"] = json!([{"conditionType": "lb.example.com/ready"}]);
    web["metadata"]["name"] = json!("gated");
    web["spec"]["selector"]["matchLabels"]["workload"] = json!("gated");
    web["spec"]["template"]["metadata"]["labels"] = json!({"workload": "gated", "app": "gated"});
    lab.apply(&web);
    let pods = until("three gated pods run", || {
        Some(lab.pods("gated")).filter(|pods| pods.len() == 3 && pods.iter().all(|pod| pod["status"]["phase"] == "Running"))
    });
    for pod in &pods {
        let open = json!({"conditions": [{"type": "lb.example.com/ready", "status": "True"}, {"type": "Ready", "status": "True"}]});
        lab.patch_status(pod["metadata"]["name"].as_str().unwrap(), &open);
    }
    lab.rolled_out(&web);
    let target = lab.ask_for_one("gated");
    // Ready at once, and shut before it has been so for long enough.
    let runbook = lab.runbook().with("verification", "stableSeconds", 15).with("verification", "timeoutSeconds", 25);
    let running = lab.remediator_with(&runbook).start();
    let replacement = until("a replacement runs", || {
        let known = |pod: &Value| pods.iter().any(|old| old["metadata"]["uid"] == pod["metadata"]["uid"]);
        lab.pods("gated").into_iter().find(|pod| !known(pod) && pod["status"]["phase"] == "Running")
    });
    let shut = json!({"conditions": [
        {"type": "lb.example.com/ready", "status": "False", "reason": "Draining", "message": "target is draining"},
        {"type": "Ready", "status": "False"},
    ]});
    lab.patch_status(replacement["metadata"]["name"].as_str().unwrap(), &shut);
    let run = running.end();
    assert_eq!(run.exit, 3, "{run:?}");
    let detail = run.outcome(&target)["verification"]["detail"].as_str().unwrap();
    assert!(detail.contains("readiness gate lb.example.com/ready is False: Draining: target is draining"), "{detail}");
}

#[test]
fn an_init_container_that_crashes_is_named_with_how_often() {
    let lab = Lab::new("init");
    let seats = lab.folder.join("seats");
    let mut web = on_real_node(deployment("web", 2), "exec sh /serve");
    pod_spec(&mut web)["volumes"] = json!([{"name": "seats", "hostPath": {"path": seats, "type": "DirectoryOrCreate"}}]);
    // The first two pods may start; whoever comes later may not.
    pod_spec(&mut web)["initContainers"] = json!([{
        "name": "migrate", "image": "nginx:1.27", "command": ["sh", "-c", "mkdir /seats/1 || mkdir /seats/2 || exit 7"],
        "volumeMounts": [{"name": "seats", "mountPath": "/seats"}],
    }]);
    lab.roll_out(&web);
    let target = lab.ask_for_one("web");
    let runbook = Runbook::of(&lab.namespace).with("verification", "timeoutSeconds", 20);
    let run = lab.remediator_with(&runbook).run();
    assert_eq!(run.exit, 3, "{run:?}");
    let detail = run.outcome(&target)["verification"]["detail"].as_str().unwrap();
    assert!(detail.contains("init container migrate: ") && detail.contains("exit code 7") && detail.contains("restarted"), "{detail}");
}

#[test]
fn what_could_never_be_proved_is_not_begun() {
    let lab = Lab::new("provable");
    let mut slow = deployment("web", 3);
    pod_spec(&mut slow)["containers"][0]["readinessProbe"] = json!({"tcpSocket": {"port": 80}, "initialDelaySeconds": 300});
    // Simulated nodes ask no probe: the pods are Ready at once, as those of a real node are after five minutes.
    lab.roll_out(&slow);
    let target = lab.ask_for_one("web");
    let message = lab.remediator().refuses(&target, &["time_to_verify"]);
    assert!(message.contains("ready_after=300s (container main)"), "{message}");

    let mut apart = deployment("apart", 2);
    pod_spec(&mut apart)["terminationGracePeriodSeconds"] = json!(100);
    pod_spec(&mut apart)["affinity"] = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "apart"}}},
    ]}});
    lab.kubectl(&["label", "pod", &target.name, &format!("{RESTART}-")]);
    lab.roll_out(&apart);
    let target = lab.ask_for_one("apart");
    let message = lab.remediator().refuses(&target, &["time_to_verify"]);
    assert!(message.contains("the old pod goes first: required anti-affinity to itself"), "{message}");
}

#[test]
fn an_empty_service_label_is_none_for_looking_up_and_for_listing() {
    let lab = Lab::new("empty-label");
    let mut web = deployment("web", 3);
    web["spec"]["template"]["metadata"]["labels"]["app"] = json!("");
    web["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"] = json!("web");
    // Another service's pods have the same name label, and a service label of their own.
    let mut other = deployment("other", 2);
    other["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"] = json!("web");
    lab.roll_out(&web);
    lab.roll_out(&other);
    let pods = lab.get(&["pods", "--selector", "workload=web"]);
    let target = Pod::of(&pods["items"][0]);
    lab.ask(&target);
    let run = lab.remediator().run();
    assert_eq!(run.outcome(&target)["verification"]["result"], "verified", "{run:?}");
    assert_eq!(
        run.guardrail(&target, "blast_radius")["observed"],
        "app.kubernetes.io/name=web ready_count=3 (this pod included)",
        "{run:?}"
    );
}

#[test]
fn an_owners_name_on_the_template_does_no_harm() {
    let lab = Lab::new("template-words");
    let mut web = deployment("web", 3);
    web["spec"]["template"]["metadata"]["annotations"] = json!({"remediator.kubedojo.io/owner": "team-web"});
    lab.roll_out(&web);
    let target = lab.ask_for_one("web");
    lab.remediator().replaces(&target);
}

#[test]
fn a_rollback_that_hangs_on_its_broken_pod_says_what_kubernetes_documents() {
    let lab = Lab::new("forced-rollback");
    let good = on_real_node(stateful_set("db", 2, "OrderedReady"), "exec sh /serve");
    lab.roll_out(&good);
    let mut bad = good.clone();
    pod_spec(&mut bad)["containers"][0]["command"] = json!(["sh", "-c", "sleep 2; exit 1"]);
    pod_spec(&mut bad)["containers"][0]["readinessProbe"] = json!({"exec": {"command": ["false"]}, "periodSeconds": 1});
    lab.apply(&bad);
    let revision = |pod: &Value| pod["metadata"]["labels"]["controller-revision-hash"].clone();
    let before = revision(&lab.get(&["pod", "db-0"]));
    let broken = until("the last pod has the bad revision", || {
        let pod = direct::get(&lab.namespace, &["pod", "db-1"])?.ok()?;
        (revision(&pod) != before && pod["metadata"]["deletionTimestamp"].is_null()).then_some(pod)
    });
    lab.apply(&good);
    let broken = Pod::of(&broken);
    until("its revisions are equal again", || {
        let status = lab.get(&["statefulset/db"])["status"].clone();
        (status["currentRevision"] == status["updateRevision"]).then_some(())
    });
    lab.ask(&broken);
    let message = lab.remediator().refuses(&broken, &["rollout_settled"]);
    assert!(message.contains("its rollback waits for this pod of revision"), "{message}");
}

/// A template without readiness probe: the simulated pods of other tests have none either.
#[test]
fn a_symptom_of_a_probe_needs_a_probe() {
    let lab = Lab::new("no-probe");
    assert!(simulated_pod()["containers"][0]["readinessProbe"].is_null());
    lab.roll_out(&deployment("web", 3));
    let target = lab.ask_for_one("web");
    let not_ready = json!({
        "conditions": [{"type": "Ready", "status": "False"}], "containerStatuses": [{"name": "main", "ready": false, "started": true}],
    });
    lab.patch_status(&target.name, &not_ready);
    lab.kubectl(&[
        "annotate",
        "pod",
        &target.name,
        "remediator.kubedojo.io/symptom=readiness_probe_failed",
        "remediator.kubedojo.io/confidence=1",
    ]);
    let message = lab.remediator().refuses(&target, &["symptom_present"]);
    assert!(message.contains("no container that ran has a failing one"), "{message}");
}
