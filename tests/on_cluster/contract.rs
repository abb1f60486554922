//! The runbook's extensions: what it may say of time, labels, shares, kinds, evidence and symptoms.

use serde_json::json;

use crate::fixture::{Lab, Pod, RESTART, is_ready, until};
use crate::proxy::{Proxy, Step};
use crate::workloads::{SERVE, daemon_set, deployment, on_real_node, pod_spec, stateful_set};

fn annotate(lab: &Lab, pod: &Pod, pairs: &[(&str, &str)]) {
    let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("remediator.kubedojo.io/{key}={value}")).collect();
    lab.kubectl(&[&["annotate", "pod", &pod.name, "--overwrite"], &pairs.iter().map(String::as_str).collect::<Vec<_>>()[..]].concat());
}

#[test]
fn a_window_that_denies_says_until_when_and_one_that_allows_lets_it_act() {
    let lab = Lab::new("window");
    lab.roll_out(&deployment("web", 2));
    let target = lab.ask_for_one("web");
    let always = |effect: &str| format!("[{{start: \"00:00\", end: \"24:00\", timeZone: Asia/Kolkata, effect: {effect}}}]");
    // All but one minute of the day, so that there is an end to it.
    let minute = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).strftime("%H:%M").to_string();
    let nearly = format!(
        "[{{start: \"{minute}\", end: \"23:59\", timeZone: UTC, effect: deny}}, {{start: \"00:00\", end: \"{minute}\", timeZone: UTC, effect: deny}}]"
    );
    let nearly = if minute == "00:00" { always("deny") } else { nearly };
    let runbook = lab.runbook().with("guardrails", "maintenanceWindows", nearly);
    let message = lab.remediator_with(&runbook).refuses(&target, &["maintenance_window"]);
    assert!(message.contains("blocked by maintenance_window: the runbook does not act in its window deny"), "{message}");
    assert!(minute == "00:00" || message.contains("T23:59:00Z"), "{message}");
    let runbook = lab.runbook().with("guardrails", "maintenanceWindows", always("allow"));
    lab.remediator_with(&runbook).replaces(&target);
}

#[test]
fn a_label_on_the_workload_or_the_namespace_stops_it() {
    let lab = Lab::new("blocking-label");
    lab.roll_out(&deployment("web", 2));
    let target = lab.ask_for_one("web");
    let runbook = lab.runbook().with("guardrails", "blockedByLabels", "{payments-provider-down: \"true\"}");
    lab.kubectl(&["label", "namespace", &lab.namespace, "payments-provider-down=true"]);
    let message = lab.remediator_with(&runbook).refuses(&target, &["no_blocking_label"]);
    assert!(message.contains(&format!("namespace {} has payments-provider-down=true", lab.namespace)), "{message}");
    lab.kubectl(&["label", "namespace", &lab.namespace, "payments-provider-down-"]);
    lab.kubectl(&["label", "deployment", "web", "payments-provider-down=true"]);
    let message = lab.remediator_with(&runbook).refuses(&target, &["no_blocking_label"]);
    assert!(message.contains("Deployment/web has payments-provider-down=true"), "{message}");
    lab.kubectl(&["label", "deployment", "web", "payments-provider-down-"]);
    lab.remediator_with(&runbook).replaces(&target);
}

#[test]
fn a_share_of_the_workload_and_a_label_without_evidence() {
    let lab = Lab::new("share");
    lab.roll_out(&deployment("web", 3));
    let target = lab.ask_for_one("web");
    let runbook = lab.runbook().with("guardrails", "maxUnavailablePercent", 33).with("triggers", "allowBareRequest", false);
    let message = lab.remediator_with(&runbook).refuses(&target, &["bare_request_allowed", "unavailable_percent"]);
    assert!(message.contains("(1 of 3 would be, 34 percent)"), "{message}");
    annotate(&lab, &target, &[("symptom", "manual_restart_recommended"), ("confidence", "0.9")]);
    let runbook = lab.runbook().with("guardrails", "maxUnavailablePercent", 34).with("triggers", "allowBareRequest", false);
    lab.remediator_with(&runbook).replaces(&target);
}

#[test]
fn a_daemon_set_is_replaced_where_the_runbook_names_it_and_nowhere_else() {
    let lab = Lab::new("daemon");
    lab.apply(&daemon_set("agent"));
    lab.daemons_are_available("agent");
    let target = lab.ask_for_one("agent");
    let message = lab.remediator().refuses(&target, &["workload_kind_allowed"]);
    assert!(message.contains("its pods on other nodes are no redundancy"), "{message}");
    let node = lab.get(&["pod", &target.name])["spec"]["nodeName"].clone();
    let runbook = lab.runbook().with("scope", "workloadKinds", "[DaemonSet]");
    let replacement = lab.remediator_with(&runbook).replaces(&target);
    assert_eq!(lab.get(&["pod", &replacement])["spec"]["nodeName"], node);
}

#[test]
fn a_pod_that_a_partition_keeps_back_is_replaced_by_one_as_old() {
    let lab = Lab::new("partition");
    let mut db = stateful_set("db", 3, "Parallel");
    lab.roll_out(&db);
    // A canary: db-2 alone gets the new template, and that is how it stays.
    db["spec"]["updateStrategy"] = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}});
    pod_spec(&mut db)["terminationGracePeriodSeconds"] = json!(5);
    lab.apply(&db);
    until("the canary is there", || (lab.get(&["statefulset/db"])["status"]["updatedReplicas"] == 1).then_some(()));
    until("all are available", || (lab.get(&["statefulset/db"])["status"]["availableReplicas"] == 3).then_some(()));
    let old = Pod::of(&lab.get(&["pod", "db-0"]));
    lab.ask(&old);
    assert_eq!(lab.remediator().replaces(&old), "db-0");
}

#[test]
fn a_crash_loop_is_confirmed_by_the_pods_own_status_and_a_recovered_pod_is_left_alone() {
    let lab = Lab::new("crash-loop");
    // The pod that finds the switch crashes; the others serve.
    let switch = lab.folder.join("switch");
    let mut web = on_real_node(
        deployment("web", 3),
        "if mkdir /switch/taken 2>/dev/null || grep -qs $HOSTNAME /switch/name; then echo $HOSTNAME >/switch/name; sleep 1; exit 1; fi; exec sh /serve",
    );
    pod_spec(&mut web)["volumes"] = json!([{"name": "switch", "hostPath": {"path": switch, "type": "DirectoryOrCreate"}}]);
    pod_spec(&mut web)["containers"][0]["volumeMounts"] = json!([{"name": "switch", "mountPath": "/switch"}]);
    lab.apply(&web);
    let crashing = until("a crash loop", || {
        let pods = lab.pods("web");
        pods.iter().find(|pod| crate::fixture::restarts(pod) >= 2).map(Pod::of)
    });
    until("the others serve", || (lab.pods("web").iter().filter(|pod| crate::fixture::is_ready(pod)).count() >= 2).then_some(()));
    let healthy = lab.pods("web").iter().map(Pod::of).find(|pod| pod.uid != crashing.uid).unwrap();
    // The deployment has settled as far as it can: two of three.
    let evidence = [("symptom", "CrashLoopBackOff"), ("probable-cause", "pod_process_hung"), ("confidence", "0.9")];
    annotate(&lab, &healthy, &evidence);
    lab.ask(&healthy);
    until("it has been Ready for a while", || {
        let pod = lab.get(&["pod", &healthy.name]);
        let conditions = pod["status"]["conditions"].as_array().unwrap().clone();
        let ready = conditions.iter().find(|one| one["type"] == "Ready" && one["status"] == "True")?;
        let since: jiff::Timestamp = ready["lastTransitionTime"].as_str()?.parse().ok()?;
        (jiff::Timestamp::now().duration_since(since).as_secs() > 3).then_some(())
    });
    let message = lab.remediator().refuses(&healthy, &["symptom_present"]);
    assert!(message.contains("the pod has recovered: it is Ready for"), "{message}");
    lab.kubectl(&["label", "pod", &healthy.name, &format!("{RESTART}-")]);

    annotate(&lab, &crashing, &evidence);
    lab.ask(&crashing);
    // It is Ready for a second after each start, and for no longer.
    lab.remediator_with(&lab.runbook().with("verification", "stableSeconds", 8)).replaces(&crashing);
}

#[test]
fn one_runbook_from_observing_to_closed_loop() {
    let lab = Lab::new("walk");
    lab.roll_out(&deployment("web", 3));
    let target = lab.ask_for_one("web");
    let mode = |mode: &str| lab.runbook().with_word("decisionMode", mode);
    for (word, says) in [("observe", "only observing"), ("manual", "to a human"), ("suggest", "would suggest replacing")] {
        let run = lab.remediator_with(&mode(word)).run();
        assert_eq!(run.exit, 0, "{run:?}");
        let decision = run.decision(&target);
        assert_eq!(decision["decision.mode"], word, "{run:?}");
        assert!(decision["message"].as_str().unwrap().contains(says), "{run:?}");
        assert_eq!(run.blocks(&target), Vec::<String>::new(), "every guardrail is looked at in every mode");
        lab.untouched(&target);
    }
    // The ceiling lowers, and never raises.
    let lowered = lab.remediator_with(&mode("auto_execute")).env("MODE_CEILING", "suggest").run();
    assert_eq!(lowered.decision(&target)["decision.mode"], "suggest", "{lowered:?}");
    let not_raised = lab.remediator_with(&mode("observe")).env("MODE_CEILING", "auto_execute").run();
    assert_eq!(not_raised.decision(&target)["decision.mode"], "observe", "{not_raised:?}");

    let run = lab.remediator_with(&mode("approval_required")).run();
    let command = run.decision(&target)["approval"]["approve_with"].as_str().unwrap().replace("YOUR-NAME", "ann");
    lab.kubectl(&command.strip_prefix("kubectl ").unwrap().split(' ').collect::<Vec<_>>());
    let run = lab.remediator_with(&mode("approval_required")).run();
    assert_eq!(run.outcome(&target)["verification"]["result"], "verified", "{run:?}");
    assert_eq!(lab.deletions().len(), 1);

    // And by itself, once the service has had its rest: here another service of the same namespace.
    lab.roll_out(&deployment("shop", 3));
    let next = lab.ask_for_one("shop");
    let run = lab.remediator_with(&mode("auto_execute").with("guardrails", "maxAffectedServices", 2)).run();
    assert_eq!(run.outcome(&next)["verification"]["result"], "verified", "{run:?}");
}

#[test]
fn an_image_that_cannot_be_had_and_a_probe_that_fails_are_confirmed_too() {
    let lab = Lab::new("images");
    // A pod is Ready unless there is a file of its name.
    let unready_if = lab.folder.join("unready");
    let mut web = on_real_node(deployment("web", 3), SERVE);
    pod_spec(&mut web)["volumes"] = json!([{"name": "unready", "hostPath": {"path": unready_if, "type": "DirectoryOrCreate"}}]);
    pod_spec(&mut web)["containers"][0]["volumeMounts"] = json!([{"name": "unready", "mountPath": "/unready"}]);
    pod_spec(&mut web)["containers"][0]["readinessProbe"] =
        json!({"exec": {"command": ["sh", "-c", "! test -e /unready/$HOSTNAME"]}, "periodSeconds": 1, "failureThreshold": 1});
    lab.roll_out(&web);
    // One more, of another revision that never gets its image: it stays beside the old ones, and its Deployment is rolling out.
    let broken = on_real_node(deployment("broken", 2), SERVE);
    let mut broken = broken;
    pod_spec(&mut broken)["containers"][0]["image"] = json!("nosuch.invalid/image:1");
    lab.apply(&broken);
    let waiting = |pod: &serde_json::Value| {
        let reason = pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"].as_str().unwrap_or_default().to_owned();
        ["ErrImagePull", "ImagePullBackOff"].contains(&reason.as_str()).then_some(())
    };
    let target = until("a pod without its image", || lab.pods("broken").iter().find(|pod| waiting(pod).is_some()).map(Pod::of));
    let detected = |pod: &Pod, symptom: &str| {
        annotate(&lab, pod, &[("symptom", symptom), ("probable-cause", "pod_process_hung"), ("confidence", "0.9")]);
        lab.ask(pod);
    };
    let symptoms = "[ErrImagePull, readiness_probe_failed, OOMKilled]";
    let runbook = || lab.runbook().with("triggers", "symptoms", symptoms).with("guardrails", "maxMatchedServices", 9);
    detected(&target, "ErrImagePull");
    let run = lab.remediator_with(&runbook()).run();
    let blocks = run.blocks(&target);
    assert!(!blocks.contains(&"symptom_present".to_owned()) && blocks.contains(&"blast_radius".to_owned()), "{run:?}");
    lab.kubectl(&["label", "pod", &target.name, &format!("{RESTART}-")]);

    // A pod of web that has its image.
    let [healthy, unready, _] = &lab.pods("web").iter().map(Pod::of).collect::<Vec<_>>()[..] else { panic!("three pods") };
    detected(healthy, "ErrImagePull");
    let message = lab.remediator_with(&runbook()).refuses(healthy, &["symptom_present"]);
    assert!(message.contains("a container must be unable to get its image"), "{message}");
    lab.kubectl(&["label", "pod", &healthy.name, &format!("{RESTART}-")]);
    annotate(&lab, healthy, &[("symptom", "OOMKilled")]);
    lab.ask(healthy);
    let message = lab.remediator_with(&runbook()).refuses(healthy, &["symptom_present"]);
    assert!(message.contains("must have been killed for its memory"), "{message}");
    lab.kubectl(&["label", "pod", &healthy.name, &format!("{RESTART}-")]);

    std::fs::write(unready_if.join(&unready.name), "").unwrap();
    until("the kubelet has found it unready", || (!is_ready(&lab.get(&["pod", &unready.name]))).then_some(()));
    detected(unready, "readiness_probe_failed");
    let run = lab.remediator_with(&runbook()).with("--dry-run").run();
    let symptom = run.guardrail(unready, "symptom_present");
    assert_eq!((&symptom["result"], &symptom["observed"]), (&json!("pass"), &json!("ready=false container=main")), "{run:?}");
}

#[test]
fn a_container_killed_for_its_memory_a_while_ago_counts_and_one_killed_long_ago_does_not() {
    let lab = Lab::new("memory");
    lab.roll_out(&deployment("web", 3));
    let target = Pod::of(&lab.pods("web")[0]);
    // As a kubelet reports it.
    let killed = |minutes: i64| {
        let ended = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(minutes);
        let terminated = json!({"reason": "OOMKilled", "exitCode": 137, "startedAt": ended.to_string(), "finishedAt": ended.to_string()});
        let container = json!({
            "name": "main", "image": "nginx:1.27", "imageID": "", "ready": false, "restartCount": 3,
            "state": {"running": {"startedAt": ended.to_string()}}, "lastState": {"terminated": terminated},
        });
        lab.patch_status(&target.name, &json!({"containerStatuses": [container], "conditions": [{"type": "Ready", "status": "False"}]}));
    };
    annotate(&lab, &target, &[("symptom", "OOMKilled"), ("probable-cause", "pod_process_hung"), ("confidence", "0.9")]);
    lab.ask(&target);
    let runbook = || lab.runbook().with("triggers", "symptoms", "[OOMKilled]");
    killed(12);
    let message = lab.remediator_with(&runbook()).refuses(&target, &["symptom_present"]);
    assert!(message.contains("must have been killed for its memory (none was within 10 minutes)"), "{message}");
    killed(5);
    lab.remediator_with(&runbook()).replaces(&target);
}

#[test]
fn of_several_runbooks_in_a_folder_one_must_answer() {
    let lab = Lab::new("several");
    lab.roll_out(&deployment("web", 3));
    let target = lab.ask_for_one("web");
    let folder = lab.folder.join("runbooks");
    std::fs::create_dir(&folder).unwrap();
    for name in ["replace-redundant-pod", "replace-anything"] {
        let text = std::fs::read_to_string(lab.runbook().file(&lab)).unwrap().replace("replace-redundant-pod", name);
        std::fs::write(folder.join(format!("{name}.yaml")), text).unwrap();
    }
    let run = || lab.remediator().env("RUNBOOKS", folder.to_str().unwrap()).run();
    let several = run();
    assert_eq!(several.exit, 0, "{several:?}");
    let decision = several.decision(&target);
    assert_eq!((&decision["decision.mode"], &decision["event.reason"]), (&json!("manual"), &json!("several_runbooks")), "{several:?}");
    annotate(&lab, &target, &[("runbook", "no-such-runbook")]);
    let unknown = run();
    assert_eq!(unknown.decision(&target)["event.reason"], "no_runbook", "{unknown:?}");
    lab.untouched(&target);
    annotate(&lab, &target, &[("runbook", "replace-anything")]);
    let named = run();
    assert_eq!(named.outcome(&target)["verification"]["result"], "verified", "{named:?}");
    assert_eq!(lab.executions()[0]["runbook"], "replace-anything");
}

#[test]
fn a_pod_of_another_service_than_its_template_says_one_on_its_way_out_and_a_run_without_time() {
    let lab = Lab::new("odd-pods");
    lab.roll_out(&deployment("web", 3));
    // Taken out of its service, to look at it: its replacement would be of another one.
    let target = lab.ask_for_one("web");
    lab.kubectl(&["label", "pod", &target.name, "--overwrite", "app=debug"]);
    let message = lab.remediator().refuses(&target, &["service_label"]);
    assert!(message.contains("(the pod has app=debug, the template app=web)"), "{message}");

    lab.roll_out(&deployment("shop", 3));
    let leaving = lab.ask_for_one("shop");
    // A finalizer keeps it there.
    lab.kubectl(&["patch", "pod", &leaving.name, "--patch", &json!({"metadata": {"finalizers": ["cluster.test/wait"]}}).to_string()]);
    lab.kubectl(&["delete", "pod", &leaving.name, "--wait=false"]);
    let run = lab.remediator().run();
    assert_eq!(run.decision(&leaving)["event.reason"], "request_closed", "{run:?}");
    lab.kubectl(&["patch", "pod", &leaving.name, "--type=merge", "--patch", &json!({"metadata": {"finalizers": null}}).to_string()]);

    lab.roll_out(&deployment("mail", 3));
    let late = lab.ask_for_one("mail");
    // What fits a run when it begins, and no longer once it has looked around.
    let runbook = lab.runbook().with("verification", "timeoutSeconds", 135).with("guardrails", "maxMatchedServices", 9);
    let message = lab.remediator_with(&runbook).env("RUN_DEADLINE", "150s 50ms").refuses(&late, &["time_to_verify"]);
    assert!(
        message.contains("a run needs 150 seconds to act and verify (this one has ") && message.ends_with(" seconds left)"),
        "{message}"
    );
    // What no run has time for is no wait: it ends before anything is read.
    let requests = lab.requests().len();
    let run = lab.remediator_with(&runbook).run();
    assert_eq!((run.exit, lab.requests().len()), (2, requests), "{run:?}");
    assert!(run.errors.contains("could never act: it is 135 s") && run.errors.contains("--deadline (RUN_DEADLINE)"), "{run:?}");
}

#[test]
fn what_cannot_be_read_blocks_and_says_so() {
    let lab = Lab::new("unreadable");
    lab.roll_out(&deployment("web", 3));
    let target = lab.ask_for_one("web");
    let runbook = lab.runbook().with("guardrails", "blockedByLabels", "{incident: \"true\"}");
    let cases: [(&str, &[&str]); 3] = [
        ("/poddisruptionbudgets", &["disruption_budget"]),
        ("/deployments/web", &["workload_opted_in", "rollout_settled"]),
        ("/namespaces/HERE", &["no_blocking_label"]),
    ];
    for (path, guardrails) in cases {
        let path = path.replace("HERE", &lab.namespace);
        let proxy = Proxy::start(&lab, move |request| {
            if request.path.ends_with(&path) {
                return Step::Answer("503 Service Unavailable", "Content-Type: text/plain\r\n", "upstream connect error".to_owned());
            }
            Step::Forward
        });
        let run = lab.remediator_with(&runbook).by(&proxy.kubeconfig).run();
        assert_eq!(run.exit, 0, "{run:?}");
        let message = run.refused(&target, guardrails);
        assert!(message.contains("a fact could not be read"), "{message}");
        lab.untouched(&target);
    }
    lab.remediator_with(&runbook).replaces(&target);
}

#[test]
fn the_settings_say_where_to_look() {
    let lab = Lab::new("settings");
    let mut web = deployment("web", 3);
    web["spec"]["template"]["metadata"]["labels"] = json!({"workload": "web", "team.example/service": "storefront"});
    lab.apply(&web);
    let mut shop = deployment("shop", 3);
    shop["spec"]["template"]["metadata"]["labels"] = json!({"workload": "shop", "app.kubernetes.io/name": "shop"});
    lab.apply(&shop);
    [&web, &shop].into_iter().for_each(|workload| lab.rolled_out(workload));
    lab.kubectl(&["create", "configmap", "another-ledger"]);
    let one = |workload: &str| Pod::of(&lab.get(&["pods", "--selector", &format!("workload={workload}")])["items"][0]);
    let (target, fallback) = (one("web"), one("shop"));
    for pod in [&target, &fallback] {
        annotate(&lab, pod, &[("symptom", "manual_restart_recommended"), ("confidence", "0.95")]);
        lab.kubectl(&["label", "pod", &pod.name, "incident.example/replace=yes"]);
    }
    let runbook = lab.runbook().with("guardrails", "maxAffectedServices", 2);
    let set = lab.remediator_with(&runbook).env("SERVICE_LABEL", "team.example/service").env("STATE_CONFIGMAP", "another-ledger");
    let run = set.env("REQUEST_SELECTOR", "incident.example/replace=yes").run();
    assert_eq!(run.exit, 0, "{run:?}");
    for (pod, service) in [(&target, "storefront"), (&fallback, "shop")] {
        let outcome = run.outcome(pod);
        assert_eq!((&outcome["verification"]["result"], &outcome["service.name"]), (&json!("verified"), &json!(service)), "{run:?}");
    }
    assert_eq!(lab.state()["data"], serde_json::Value::Null, "the other ledger is not touched");
    assert!(lab.get(&["configmap", "another-ledger"])["data"]["summary"].as_str().unwrap().contains("storefront: verified"));
}
