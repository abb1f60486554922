//! `request`, `withdraw`, `approve`: what a person or a detector writes on a pod, with their own rights and under their own name.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::fixture::{ENABLED, Lab, Pod, RESTART, until};
use crate::told::Told;
use crate::workloads::{deployment, stateful_set};

const OURS: &str = "remediator.kubedojo.io/";

/// The patches of this pod that the program asked for, refused ones included.
fn patches(lab: &Lab) -> Vec<Value> {
    lab.writes().into_iter().filter(|line| line["verb"] == "patch").collect()
}

/// The labels and annotations of ours on this pod, without the prefix.
fn marks(lab: &Lab, pod: &str) -> Value {
    let metadata = lab.get(&["pod", pod])["metadata"].clone();
    let both = ["labels", "annotations"].map(|part| metadata[part].as_object().cloned().unwrap_or_default());
    both.into_iter().flatten().filter_map(|(key, value)| Some((key.strip_prefix(OURS)?.to_owned(), value))).collect()
}

/// A person with the reads of a run, and with the verbs on pods that are given.
fn person(lab: &Lab, name: &str, verbs: &str) -> (PathBuf, String) {
    lab.install_role_of("manifests/base");
    lab.kubectl(&["create", "serviceaccount", name]);
    let subject = format!("--serviceaccount={}:{name}", lab.namespace);
    lab.kubectl(&["create", "rolebinding", &format!("{name}-reads"), "--role=pod-remediator", &subject]);
    if !verbs.is_empty() {
        lab.kubectl(&["create", "role", name, &format!("--verb={verbs}"), "--resource=pods"]);
        lab.kubectl(&["create", "rolebinding", name, &format!("--role={name}"), &subject]);
    }
    (lab.kubeconfig_of(name), format!("system:serviceaccount:{}:{name}", lab.namespace))
}

#[track_caller]
fn refused(lab: &Lab, told: &Told, why: &str) {
    assert_eq!((told.exit, told.out.as_str()), (2, ""), "{told:?}");
    assert!(told.errors.starts_with("error: ") && told.errors.contains(why), "{}", told.errors);
    assert!(patches(lab).is_empty(), "{:?}", patches(lab));
}

#[test]
fn a_request_is_one_patch_under_the_callers_name_and_a_run_grants_it() {
    let lab = Lab::new("request");
    lab.roll_out(&deployment("web", 3));
    let (ann, name) = person(&lab, "ann", "patch");
    let words = ["request", "deployment/web", "--symptom", "manual_restart_recommended", "--probable-cause", "pod_process_hung"];
    let words = [&words[..], &["--confidence", "0.9", "--incident", "INC-7", "-o", "json"]].concat();
    let told = lab.asks(&words).by(&ann).tells();
    assert_eq!((told.exit, told.errors.as_str()), (0, ""), "{told:?}");
    let json = told.json();
    let target = Pod { name: json["pod"].as_str().unwrap().to_owned(), uid: json["uid"].as_str().unwrap().to_owned() };
    assert_eq!((&json["action"], &json["by"]), (&json!("requested"), &json!(name)), "{json}");
    assert!(
        json["chosen"]
            .as_str()
            .unwrap()
            .contains("of 3 pods of Deployment/web, 0 not Ready, the one that is worst off, and of equals the oldest: Ready, 0 restarts"),
        "{json}"
    );
    assert_eq!((&json["before"]["mode"], &json["after"]["mode"]), (&json!("auto_execute"), &json!("auto_execute")), "{json}");
    assert!(json["before"]["message"].as_str().unwrap().starts_with("if it asked now: replacing "), "{json}");
    let expected = json!({
        "restart": "true", "symptom": "manual_restart_recommended", "probable-cause": "pod_process_hung", "confidence": "0.9",
        "incident": "INC-7", "requested-by": name,
    });
    assert_eq!(marks(&lab, &target.name), expected);
    assert_eq!(patches(&lab).len(), 1, "{:?}", patches(&lab));
    assert_eq!(patches(&lab)[0]["user"]["username"], name, "with the caller's own rights");

    let run = lab.remediator().run();
    assert_eq!(run.outcome(&target)["verification"]["result"], "verified", "{run:?}");
    let decision = run.decision(&target);
    assert_eq!((&decision["actor"]["requested_by"], &decision["incident.id"]), (&json!(name), &json!("INC-7")), "{decision}");
    assert_eq!(patches(&lab).len(), 1, "a run patches nothing");
}

#[test]
fn a_request_on_a_pod_that_asks_renews_it_and_a_withdrawal_takes_all_of_it_back() {
    let lab = Lab::new("withdraw");
    lab.roll_out(&deployment("web", 3));
    let target = lab.ask_for_one("web");
    lab.kubectl(&["annotate", "pod", &target.name, &format!("{OURS}symptom=hung"), &format!("{OURS}confidence=0.4"), "team=web"]);
    let told = lab.asks(&["request", &target.name]).tells();
    assert_eq!(told.exit, 0, "{told:?}");
    assert!(told.out.starts_with(&format!("renewed the request on {} as ", target.name)), "{}", told.out);
    let marks_now = marks(&lab, &target.name);
    assert_eq!((&marks_now["symptom"], &marks_now["confidence"]), (&Value::Null, &Value::Null), "{marks_now}");
    assert!(marks_now["requested-at"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok() && marks_now["requested-by"].is_string());

    let told = lab.asks(&["withdraw", &format!("pod/{}", target.name)]).tells();
    assert_eq!(told.exit, 0, "{told:?}");
    assert!(told.out.starts_with(&format!("withdrew the request on {} as ", target.name)), "{}", told.out);
    assert!(told.out.contains("does not ask to be replaced"), "{}", told.out);
    assert_eq!(marks(&lab, &target.name), json!({}));
    assert_eq!(lab.get(&["pod", &target.name])["metadata"]["annotations"]["team"], "web", "what is not ours stays");
    assert_eq!(patches(&lab).len(), 2);
    let run = lab.remediator().run();
    assert!(run.exit == 0 && run.records[0]["message"].as_str().unwrap().contains("asks to be replaced"), "{run:?}");
    assert!(lab.deletions().is_empty());

    let again = lab.asks(&["withdraw", &target.name]).tells();
    assert_eq!(again.exit, 2, "{again:?}");
    assert!(again.errors.contains("does not ask to be replaced"), "{}", again.errors);
    assert_eq!(patches(&lab).len(), 2);
}

#[test]
fn of_a_workload_the_pod_that_is_worst_off_is_asked_for() {
    let lab = Lab::new("worst-off");
    lab.roll_out(&stateful_set("db", 3, "Parallel"));
    lab.patch_status("db-1", &json!({"conditions": [{"type": "Ready", "status": "False"}]}));
    let told = lab.asks(&["request", "sts/db", "-o", "yaml"]).tells();
    assert_eq!(told.exit, 0, "{told:?}");
    let yaml = told.yaml();
    assert_eq!((&yaml["pod"], &yaml["action"]), (&json!("db-1"), &json!("requested")), "{yaml}");
    assert!(yaml["chosen"].as_str().unwrap().contains("of 3 pods of StatefulSet/db, 1 not Ready"), "{yaml}");
    assert_eq!(lab.get(&["pod", "db-1"])["metadata"]["labels"][RESTART], "true");
    ["db-0", "db-2"].iter().for_each(|pod| assert_eq!(marks(&lab, pod), json!({})));
}

#[test]
fn what_no_run_could_grant_is_refused_and_nothing_is_written() {
    let lab = Lab::new("request-refused");
    let mut closed = deployment("web", 3);
    closed["metadata"]["labels"].as_object_mut().unwrap().remove(ENABLED);
    lab.roll_out(&closed);
    lab.roll_out(&deployment("shop", 3));
    let pod = Pod::of(&lab.pods("web")[0]).name;
    let shop = Pod::of(&lab.pods("shop")[0]).name;

    let told = lab.asks(&["request", "deployment/web"]).tells();
    refused(&lab, &told, "blocked by workload_opted_in: the workload itself must have label remediator.kubedojo.io/enabled=true");
    assert!(told.errors.contains("\n  hint: ") && told.errors.contains("kubectl -n "), "{}", told.errors);
    refused(&lab, &lab.asks(&["request", &pod]).tells(), "workload_opted_in");
    refused(
        &lab,
        &lab.asks(&["request", &shop, "--confidence", "80%"]).tells(),
        "malformed request: annotation remediator.kubedojo.io/confidence",
    );
    refused(&lab, &lab.asks(&["request", "pod/nosuch"]).tells(), "pod nosuch does not exist in namespace");
    refused(&lab, &lab.asks(&["request", "deployment/nosuch"]).tells(), "Deployment nosuch does not exist in namespace");
    refused(&lab, &lab.asks(&["request", "job/nosuch"]).tells(), "is not a pod or a workload: name a POD, or pod/NAME");
    refused(&lab, &lab.asks(&["withdraw", &shop]).tells(), "does not ask to be replaced");
    refused(&lab, &lab.asks(&["approve", &shop, "--yes"]).tells(), "does not ask to be replaced");
    lab.kubectl(&["label", "pod", &shop, "team=x"]);
    let withdrawn = lab.asks(&["withdraw", &shop]).env("REQUEST_SELECTOR", "team=x,!gone").tells();
    refused(&lab, &withdrawn, "has no label of pod-remediator's own");
}

#[test]
fn who_may_not_patch_pods_is_told_so() {
    let lab = Lab::new("request-forbidden");
    lab.roll_out(&deployment("web", 3));
    let pod = Pod::of(&lab.pods("web")[0]).name;
    let (reader, name) = person(&lab, "reader", "");
    let told = lab.asks(&["request", &pod]).by(&reader).tells();
    assert_eq!((told.exit, told.out.as_str()), (2, ""), "{told:?}");
    let told = told.errors;
    assert!(told.contains(&format!("you may not change pod {pod} in namespace {}", lab.namespace)) && told.contains(&name), "{told}");
    assert_eq!((marks(&lab, &pod), patches(&lab).len()), (json!({}), 1), "one was tried");
}

#[test]
fn an_approval_is_of_the_plan_that_was_shown_and_under_the_real_name() {
    let lab = Lab::new("approve");
    lab.roll_out(&deployment("web", 3));
    let target = lab.ask_for_one("web");
    let (ann, name) = person(&lab, "ann", "patch");
    let runbook = lab.runbook().with_word("decisionMode", "approval_required");
    let asks = |words: &[&str]| lab.asks_with(&runbook, words).by(&ann).tells();
    let run = lab.remediator_with(&runbook).run();
    let plan = run.decision(&target)["approval"]["plan"].as_str().unwrap().to_owned();

    refused(&lab, &asks(&["approve", &target.name]), "standard input is no terminal: say --yes");
    let void = asks(&["approve", &target.name, "20250601T120000Z-0123", "--yes"]);
    refused(&lab, &void, &format!("plan \"20250601T120000Z-0123\" of pod {} is void: the plan that stands now is {plan}", target.name));
    let told = asks(&["approve", &target.name, &plan, "--yes", "-o", "json"]);
    assert_eq!(told.exit, 0, "{told:?}");
    let json = told.json();
    assert_eq!((&json["action"], &json["by"], &json["plan"]), (&json!("approved"), &json!(name), &json!(plan)), "{json}");
    assert_eq!((&json["before"]["mode"], &json["after"]["mode"]), (&json!("approval_required"), &json!("auto_execute")), "{json}");
    assert_eq!(patches(&lab).len(), 1, "{:?}", patches(&lab));

    let run = lab.remediator_with(&runbook).run();
    assert_eq!(run.outcome(&target)["verification"]["result"], "verified", "{run:?}");
    assert_eq!(lab.executions()[0]["approval"], json!({"plan": plan, "by": name, "verified": false}));
    // Gone with its pod.
    until("the pod is gone", || lab.try_kubectl(&["get", "pod", &target.name]).err());
    let told = asks(&["approve", &target.name, "--yes"]);
    assert_eq!(told.exit, 2, "{told:?}");
    assert!(told.errors.contains("does not exist in namespace"), "{}", told.errors);
}
