//! What a pod and its workload must be, disruption budgets, and requests that no longer count.

use serde_json::{Value, json};

use crate::fixture::{ENABLED, Lab, Pod, RESTART, until};
use crate::workloads::{bare_pod, budget, deployment, on_real_node};

#[test]
fn without_its_owners_opt_in_a_workload_is_left_alone() {
    let lab = Lab::new("opt-in");
    let mut web = deployment("web", 2);
    web["metadata"]["labels"] = json!({});
    // On the pods it means nothing: whoever may label a pod is not the service's owner.
    web["spec"]["template"]["metadata"]["labels"][ENABLED] = json!("true");
    lab.roll_out(&web);
    let target = lab.ask_for_one("web");
    let message = lab.remediator().refuses(&target, &["workload_opted_in"]);
    assert!(message.contains("the workload itself must have label remediator.kubedojo.io/enabled=true"), "{message}");
}

#[test]
fn a_request_label_in_the_pod_template_is_refused() {
    let lab = Lab::new("in-template");
    let mut web = deployment("web", 2);
    web["spec"]["template"]["metadata"]["labels"][RESTART] = json!("true");
    lab.roll_out(&web);
    let pods: Vec<Pod> = lab.pods("web").iter().map(Pod::of).collect();
    let message = lab.remediator().refuses(&pods[0], &["request_label_not_in_template"]);
    assert!(message.contains("every replacement would be replaced"), "{message}");
    lab.untouched(&pods[1]);
}

#[test]
fn a_bare_pod_is_refused_because_nothing_would_replace_it() {
    let lab = Lab::new("bare");
    lab.apply(&bare_pod("alone", "web"));
    let target = lab.ask_for_one("web");
    let message = lab.remediator().refuses(&target, &["supported_controller"]);
    assert!(message.contains("it has no owner: nothing would replace it"), "{message}");
}

#[test]
fn a_paused_deployment_is_left_alone() {
    let lab = Lab::new("paused");
    let web = deployment("web", 2);
    lab.roll_out(&web);
    lab.kubectl(&["rollout", "pause", "deployment/web"]);
    lab.rolled_out(&web);
    let target = lab.ask_for_one("web");
    let message = lab.remediator().refuses(&target, &["rollout_settled"]);
    assert!(message.contains("(Deployment/web is paused)"), "{message}");
}

#[test]
fn a_deployment_that_is_rolling_out_is_left_alone() {
    let lab = Lab::new("rollout");
    let web = deployment("web", 3);
    lab.roll_out(&web);
    // The next revision never becomes Ready.
    lab.apply(&on_real_node(web, "exit 1"));
    until("a pod of the next revision", || (lab.get(&["deployment/web"])["status"]["updatedReplicas"] == 1).then_some(()));
    let target = Pod::of(lab.pods("web").iter().find(|pod| pod["spec"]["nodeSelector"].is_object()).unwrap());
    lab.ask(&target);
    lab.remediator().refuses(&target, &["rollout_settled"]);
}

#[test]
fn a_namespace_that_the_runbook_does_not_list_is_left_alone() {
    let lab = Lab::new("not-listed");
    lab.roll_out(&deployment("web", 2));
    let target = lab.ask_for_one("web");
    let runbook = crate::remediator::Runbook::of("elsewhere");
    lab.remediator_with(&runbook).refuses(&target, &["namespace_allowed"]);
}

#[test]
fn a_disruption_budget_without_room_is_respected_and_one_with_room_is_used() {
    let lab = Lab::new("budget");
    lab.roll_out(&deployment("web", 2));
    let target = lab.ask_for_one("web");
    let allowed = |name: &str, count: u32| {
        until("the disruption controller has looked", || {
            let budget = lab.get(&["poddisruptionbudget", name]);
            let seen = budget["status"]["observedGeneration"] == budget["metadata"]["generation"];
            (seen && budget["status"]["disruptionsAllowed"] == count && budget["status"]["expectedPods"] == 2).then_some(())
        });
    };
    lab.apply(&budget("web", "web", 2));
    allowed("web", 0);
    let message = lab.remediator().refuses(&target, &["disruption_budget"]);
    assert!(message.contains("PodDisruptionBudget web must allow a disruption (it allows 0: healthy pods 2, desired 2)"), "{message}");

    lab.apply(&budget("web", "web", 1));
    allowed("web", 1);
    lab.apply(&budget("another", "web", 1));
    allowed("another", 1);
    let message = lab.remediator().refuses(&target, &["disruption_budget"]);
    assert!(message.contains("at most one PodDisruptionBudget may select the pod (another and web do)"), "{message}");

    lab.kubectl(&["delete", "poddisruptionbudget", "another"]);
    lab.remediator().replaces(&target);
}

#[test]
fn an_old_request_has_expired() {
    let lab = Lab::new("expired");
    lab.roll_out(&deployment("web", 2));
    let target = lab.ask_for_one("web");
    // Nobody waits an hour: whoever may update the pod may also edit the record of when the label was set.
    until("the request is two hours old", || {
        let mut pod = lab.get(&["pod", &target.name, "--show-managed-fields"]);
        let entries = pod["metadata"]["managedFields"].as_array_mut().unwrap();
        let label = format!("f:{RESTART}");
        let entry = entries.iter_mut().find(|entry| !entry["fieldsV1"]["f:metadata"]["f:labels"][&label].is_null()).unwrap();
        let asked: jiff::Timestamp = entry["time"].as_str().unwrap().parse().unwrap();
        entry["time"] = json!((asked - jiff::SignedDuration::from_hours(2)).to_string());
        lab.try_put(&format!("pods/{}", target.name), &pod).ok()
    });
    let run = lab.remediator().run();
    assert_eq!(run.exit, 0, "{run:?}");
    let message = run.refused(&target, &[]);
    assert!(message.contains("and counts for 60 minutes"), "{message}");
    assert_eq!(run.decision(&target)["guardrails"], Value::Array(Vec::new()));
    assert!(lab.deletions().is_empty());
    // As the hint says.
    let (_, command) = run.decision(&target)["hint"].as_str().unwrap().split_once("renew the request: ").unwrap();
    let renewed = std::process::Command::new("sh").args(["-c", command]).output().unwrap();
    assert!(renewed.status.success(), "{renewed:?}");
    lab.remediator().replaces(&target);
}
