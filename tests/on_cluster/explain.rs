//! `explain` tells what a run would decide, and changes nothing.

use serde_json::{Value, json};

use crate::fixture::{Lab, Pod, RESTART};
use crate::told::Told;
use crate::workloads::deployment;

/// The one pod of an explanation.
#[track_caller]
fn only(told: &Told) -> Value {
    assert_eq!(told.exit, 0, "{told:?}");
    let pods = told.json()["pods"].as_array().unwrap().clone();
    assert_eq!(pods.len(), 1, "{told:?}");
    pods[0].clone()
}

/// The result of one guardrail.
#[track_caller]
fn result<'a>(pod: &'a Value, id: &str) -> &'a Value {
    let all = pod["guardrails"].as_array().unwrap();
    &all.iter().find(|one| one["id"] == id).unwrap_or_else(|| panic!("no {id}: {pod}"))["result"]
}

/// What is to be done about one guardrail.
#[track_caller]
fn to_do<'a>(pod: &'a Value, id: &str) -> &'a Value {
    let all = pod["toDo"].as_array().unwrap();
    let about = |one: &&Value| one["guardrails"].as_array().unwrap().iter().any(|other| other == id);
    all.iter().find(about).unwrap_or_else(|| panic!("nothing about {id}: {pod}"))
}

#[test]
fn a_refused_pod_with_its_block_its_numbers_and_what_to_do() {
    let lab = Lab::new("explain-refused");
    lab.roll_out(&deployment("single", 1));
    let target = lab.ask_for_one("single");
    let pod = only(&lab.asks(&["explain", &target.name, "-o", "json"]).tells());
    assert_eq!((&pod["mode"], &pod["reason"], &pod["hypothetical"]), (&json!("abort"), &json!("guardrail"), &json!(false)));
    assert_eq!((&pod["pod"], &pod["workload"]), (&json!(target.name), &json!("Deployment/single")));
    assert_eq!(pod["eligibility"], json!({"eligible": "not_by_itself", "at": null, "then": null}));
    assert_eq!((result(&pod, "blast_radius"), result(&pod, "cooldown")), (&json!("blocked"), &json!("pass")));
    let scale = format!("kubectl -n {} scale deployment/single --replicas 2", lab.namespace);
    assert_eq!(to_do(&pod, "own_workload_redundancy")["command"], json!(scale));

    let text = lab.asks(&["explain"]).tells();
    assert!(text.out.contains("BLOCKED  blast_radius") && text.out.contains(&scale), "{}", text.out);
    assert!(!text.out.contains('\u{1b}'), "no colours but on a terminal: {text:?}");
    // What it advises is what it takes.
    let mut words = scale.split_whitespace().skip(1).collect::<Vec<_>>();
    words.drain(..2);
    lab.kubectl(&words);
    lab.rolled_out(&deployment("single", 2));
    let pod = only(&lab.asks(&["explain", "-o", "json"]).tells());
    assert_eq!(pod["eligibility"]["eligible"], "now", "{pod}");
    // Nothing was done to it all the while; a run does what was told.
    lab.untouched(&target);
    lab.remediator().replaces(&target);
}

#[test]
fn it_decides_as_a_run_does_and_changes_nothing_with_just_the_role() {
    let lab = Lab::new("explain-reads");
    lab.install_role();
    lab.roll_out(&deployment("web", 2));
    lab.roll_out(&deployment("single", 1));
    let (web, single) = (lab.ask_for_one("web"), lab.ask_for_one("single"));
    let account = lab.service_account();
    let told = lab.asks(&["explain", "-o", "json"]).by(&account).tells();
    assert_eq!(told.exit, 0, "{told:?}");
    let calls = lab.audited_of(&lab.user());
    assert!(!calls.is_empty());
    let read_only = |line: &Value| {
        ["get", "list"].iter().any(|verb| line["verb"] == *verb) || line["objectRef"]["resource"] == "selfsubjectrulesreviews"
    };
    assert!(calls.iter().all(read_only), "{calls:?}");
    assert_eq!(lab.state()["data"], Value::Null);

    let run = lab.remediator().by(&account).with("--dry-run").run();
    let explained = told.json();
    for pod in [&web, &single] {
        let decided = run.decision(pod);
        let told = explained["pods"].as_array().unwrap().iter().find(|one| one["uid"] == *pod.uid).unwrap();
        assert_eq!(told["mode"], decided["decision.mode"]);
        let message = decided["message"].as_str().unwrap().trim_start_matches("dry run, nothing is touched: ");
        assert_eq!(told["message"], *message);
        let pairs = |list: &Value| {
            let pair = |one: &Value| (one["id"].clone(), one["result"].clone());
            list.as_array().unwrap().iter().map(pair).collect::<Vec<_>>()
        };
        assert_eq!(pairs(&told["guardrails"]), pairs(&decided["guardrails"]));
    }

    // Whoever may only look is told as well.
    let only_look = json!([{"op": "replace", "path": "/rules/0/verbs", "value": ["get", "list"]}]);
    let role = lab.get(&["role", "pod-remediator"]);
    assert_eq!(role["rules"][0]["resources"], json!(["pods"]));
    lab.kubectl(&["patch", "role", "pod-remediator", "--type", "json", "--patch", &only_look.to_string()]);
    assert_eq!(lab.asks(&["explain", &web.name]).by(&account).tells().exit, 0);
    let not_even = json!([{"op": "replace", "path": "/rules/0/verbs", "value": ["get"]}]);
    lab.kubectl(&["patch", "role", "pod-remediator", "--type", "json", "--patch", &not_even.to_string()]);
    let told = lab.asks(&["explain", &web.name]).by(&account).tells();
    assert_eq!(told.exit, 2, "{told:?}");
    assert!(told.errors.contains("list pods (to find requests and count Ready pods)"), "{told:?}");
}

#[test]
fn a_pod_that_does_not_ask_is_explained_as_if_it_did() {
    let lab = Lab::new("explain-assumed");
    lab.roll_out(&deployment("web", 2));
    let target = Pod::of(&lab.pods("web")[0]);
    let told = lab.asks(&["explain"]).tells();
    assert!(told.exit == 0 && told.out.contains("no pod in explain-assumed"), "{told:?}");
    let pod = only(&lab.asks(&["explain", &target.name, "-o", "json"]).tells());
    assert_eq!((&pod["hypothetical"], &pod["eligibility"]["eligible"]), (&json!(true), &json!("now")), "{pod}");
    assert!(pod["message"].as_str().unwrap().starts_with("if it asked now: replacing "), "{pod}");
    assert_eq!(pod["evidence"]["bare"], true);
    let command = format!("kubectl -n {} label pod {} {RESTART}=true", lab.namespace, target.name);
    assert_eq!(pod["toDo"][0]["command"], json!(command));
    let text = lab.asks(&["explain", &target.name]).tells().out;
    assert!(text.contains("Assumed   it does not ask"), "{text}");
    assert!(lab.get(&["pod", &target.name])["metadata"]["labels"][RESTART].is_null());
    assert!(
        lab.asks(&["explain", &target.name, "--selector", "incident=hang", "-o", "json"]).tells().json()["pods"][0]["mode"] == "suggest"
    );
}

#[test]
fn a_pod_that_is_not_there_is_an_error_that_says_so() {
    let lab = Lab::new("explain-missing");
    let told = lab.asks(&["explain", "web-1"]).tells();
    assert_eq!((told.exit, told.out.as_str()), (2, ""), "{told:?}");
    assert!(told.errors.contains(&format!("pod web-1 does not exist in namespace {}", lab.namespace)), "{told:?}");
    let told = lab.asks(&["explain", "../configmaps/x"]).tells();
    assert_eq!(told.exit, 2);
    assert!(told.errors.contains("is not a pod's name"), "{told:?}");
}

#[test]
fn after_a_replacement_it_tells_to_the_second_when_the_next_may_come() {
    let lab = Lab::new("explain-later");
    let web = deployment("web", 3);
    lab.roll_out(&web);
    let first = lab.ask_for_one("web");
    lab.remediator().replaces(&first);
    let second = lab.ask_for_one("web");
    let json = lab.asks(&["explain", &second.name, "-o", "json"]).tells();
    let pod = only(&json);
    let begun: jiff::Timestamp = lab.executions()[0]["startedAt"].as_str().unwrap().parse().unwrap();
    let at: jiff::Timestamp = pod["eligibility"]["at"].as_str().unwrap_or_else(|| panic!("{pod}")).parse().unwrap();
    assert_eq!((&pod["eligibility"]["eligible"], at), (&json!("later"), begun + jiff::SignedDuration::from_mins(10)), "{pod}");
    assert_eq!(pod["eligibility"]["then"]["mode"], "auto_execute");

    // The same in YAML, but for the moment at which it was asked.
    let mut both = [json.json(), lab.asks(&["explain", &second.name, "-o", "yaml"]).tells().yaml()];
    for told in &mut both {
        told["now"] = Value::Null;
        for guardrail in told["pods"][0]["guardrails"].as_array_mut().unwrap() {
            if ["request_stands", "time_to_verify"].iter().any(|id| guardrail["id"] == *id) {
                guardrail["observed"] = Value::Null;
            }
        }
    }
    assert_eq!(both[0], both[1]);

    let mut status = ["json", "yaml"].map(|form| lab.asks_without_runbook(&["status", "-o", form]).tells());
    let [json, yaml] = &mut status;
    let (mut json, mut yaml) = (json.json(), yaml.yaml());
    (json["now"], yaml["now"]) = (Value::Null, Value::Null);
    assert_eq!(json, yaml);
    assert_eq!(yaml["services"][0]["last"]["result"], "verified");
}

#[test]
fn an_action_of_another_run_is_told_with_its_holder_and_its_end() {
    let lab = Lab::new("explain-busy");
    lab.roll_out(&deployment("web", 3));
    let first = lab.ask_for_one("web");
    let slow = lab.runbook().with("verification", "stableSeconds", 25).with("verification", "timeoutSeconds", 60);
    let running = lab.remediator_with(&slow).start();
    crate::fixture::until("the deletion", || (lab.deletions().len() == 1).then_some(()));
    let other = lab.pods("web").iter().map(Pod::of).find(|pod| pod.uid != first.uid).unwrap();
    let told = lab.asks(&["explain", &other.name, "-o", "json"]).tells();
    let (pod, all) = (only(&told), told.json());
    assert_eq!(all["inFlight"][0]["pod"], json!(first.name), "{all}");
    assert_eq!(result(&pod, "concurrent_actions"), "blocked");
    let text = lab.asks(&["explain", &other.name]).tells().out;
    assert!(text.contains(&format!("In flight {} of web by replace-redundant-pod, held by run ", first.name)), "{text}");
    assert_eq!(running.end().exit, 0);
}
