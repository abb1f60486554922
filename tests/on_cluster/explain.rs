//! `explain` tells what a run would decide, and changes nothing.

use serde_json::{Value, json};

use crate::fixture::{ENABLED, Lab, Pod, RESTART};
use crate::proxy::{Proxy, Step};
use crate::told::Told;
use crate::workloads::{deployment, of_service, stateful_set};

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
    let all = pod["to_do"].as_array().unwrap();
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
    assert_eq!(pod["eligibility"], json!({"eligible": "not_by_itself", "at": null, "then": null, "prevented_by": []}));
    assert_eq!((result(&pod, "blast_radius"), result(&pod, "cooldown")), (&json!("blocked"), &json!("pass")));
    let scale = format!("kubectl -n {} scale deployment/single --replicas 2", lab.namespace);
    assert_eq!(to_do(&pod, "own_workload_redundancy")["command"], json!(scale));

    for name in [format!("pod/{}", target.name), format!("pods/{}", target.name), format!("po/{}", target.name)] {
        assert_eq!(only(&lab.asks(&["explain", &name, "-o", "json"]).tells())["uid"], *target.uid);
    }
    let text = lab.asks(&["explain"]).tells();
    assert!(!text.out.contains("\ncooldown ") && text.out.contains(" passed, "), "{}", text.out);
    let all = lab.asks(&["explain", "--all"]).tells().out;
    let (blocked, passed) = (all.find("  BLOCKED  ").unwrap(), all.find("  pass  ").unwrap());
    assert!(blocked < passed && all.contains("\ncooldown "), "{all}");
    assert!(
        text.out.lines().any(|line| line.starts_with("blast_radius ") && line.contains(" BLOCKED ")) && text.out.contains(&scale),
        "{}",
        text.out
    );
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
    assert_eq!(pod["to_do"][0]["command"], json!(command));
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
    for other in ["deployment/web", "deploy/web"] {
        let told = lab.asks(&["explain", other]).tells();
        let expected = format!("{other:?} is not a pod: name a pod, as NAME or pod/NAME");
        assert!(told.exit == 2 && told.errors.contains(&expected), "{told:?}");
    }
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
    assert_eq!(all["in_flight"][0]["pod"], json!(first.name), "{all}");
    assert_eq!(result(&pod, "concurrent_actions"), "blocked");
    let text = lab.asks(&["explain", &other.name]).tells().out;
    assert!(text.contains(&format!("In flight {} of web by replace-redundant-pod, held by run ", first.name)), "{text}");
    assert_eq!(running.end().exit, 0);
}

/// The near misses of an explanation: the object, and the command for it.
#[track_caller]
fn near_misses(told: &Told) -> Vec<(String, String)> {
    assert_eq!(told.exit, 0, "{told:?}");
    let all = told.json()["near_misses"].as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    all.iter().map(|one| (text(&one["object"]), text(&one["command"]))).collect()
}

#[test]
fn what_does_not_count_as_it_stands_is_told_and_its_commands_make_it_count() {
    let lab = Lab::new("explain-near");
    let without = |mut workload: Value| {
        workload["metadata"]["labels"] = json!({});
        workload
    };
    let mut value = deployment("value", 2);
    value["metadata"]["labels"] = json!({ENABLED: "True"});
    let mut place = without(deployment("place", 2));
    place["spec"]["template"]["metadata"]["labels"][ENABLED] = json!("true");
    let mut asks = stateful_set("asks", 2, "Parallel");
    asks["metadata"]["labels"][RESTART] = json!("true");
    let mut annotated = without(deployment("annotated", 2));
    annotated["metadata"]["annotations"] = json!({ENABLED: "true"});
    let mut dns = deployment("dns", 2);
    dns["spec"]["template"]["metadata"]["labels"] = json!({"workload": "dns", "k8s-app": "dns"});
    let release = |name: &str| {
        let mut release = of_service(deployment(name, 1), "redis");
        release["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/instance"] = json!(name);
        release
    };
    let fine = deployment("fine", 1);
    for workload in [&value, &place, &asks, &annotated, &dns, &release("cache"), &release("sessions"), &fine] {
        lab.apply(workload);
    }
    for workload in [&value, &place, &asks, &annotated, &dns, &release("cache"), &release("sessions"), &fine] {
        lab.rolled_out(workload);
    }
    let (first, second) = (Pod::of(&lab.pods("value")[0]), Pod::of(&lab.pods("value")[1]));
    lab.kubectl(&["label", "pod", &first.name, &format!("{RESTART}=True")]);
    lab.kubectl(&["annotate", "pod", &second.name, &format!("{RESTART}=true")]);
    let third = Pod::of(&lab.pods("annotated")[0]);
    lab.kubectl(&["annotate", "pod", &third.name, "remediator.kubedojo.io/symptoms=it hangs"]);

    let told = lab.asks(&["explain", "-o", "json"]).tells();
    let found = near_misses(&told);
    let mut objects: Vec<&str> = found.iter().map(|(object, _)| object.as_str()).collect();
    objects.sort_unstable();
    let dns_pod = objects.iter().find(|object| object.starts_with("pod/dns-")).copied().unwrap_or_default();
    let pods = [&first, &second, &third].map(|pod| format!("pod/{}", pod.name));
    let mut expected =
        vec!["deployment/annotated", "deployment/place", "deployment/value", "service app=redis", "statefulset/asks", dns_pod];
    expected.extend(pods.iter().map(String::as_str));
    expected.sort_unstable();
    assert_eq!(objects, expected, "{told:?}");
    let text = lab.asks(&["explain"]).tells().out;
    assert!(text.contains("no pod in explain-near") && text.contains("\nNear misses: "), "{text}");
    assert!(text.contains("--service-label k8s-app") && text.contains("--service-label app.kubernetes.io/instance"), "{text}");

    // Of one pod, only what concerns it.
    let of = |pod: &Pod| {
        let mut objects: Vec<String> =
            near_misses(&lab.asks(&["explain", &pod.name, "-o", "json"]).tells()).into_iter().map(|(object, _)| object).collect();
        objects.sort();
        objects
    };
    assert_eq!(of(&first), ["deployment/value".to_owned(), pods[0].clone()]);
    assert_eq!(of(&Pod::of(&lab.pods("fine")[0])), [""; 0]);
    assert_eq!(of(&Pod::of(&lab.pods("redis")[0])), ["service app=redis"]);
    let asking = Pod::of(&lab.pods("asks")[0]);
    let told = near_misses(&lab.asks(&["explain", &asking.name, "-o", "json"]).tells());
    let ask = format!("kubectl -n {} label pod/{} {RESTART}=true && ", lab.namespace, asking.name);
    assert!(told[0].1.starts_with(&ask), "{told:?}");

    // What it says to type is what it takes.
    for (object, command) in found.iter().filter(|(_, command)| command.starts_with("kubectl ")) {
        let output = std::process::Command::new("sh").args(["-c", command]).output().unwrap();
        assert!(output.status.success(), "{object}: {command}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let left = lab.asks(&["explain", "-o", "json"]).tells();
    let objects: Vec<String> = near_misses(&left).into_iter().map(|(object, _)| object).collect();
    assert_eq!(objects, [dns_pod, "service app=redis"], "{left:?}");
    let asking: Vec<String> = left.json()["pods"].as_array().unwrap().iter().map(|pod| pod["pod"].as_str().unwrap().to_owned()).collect();
    assert!(asking.contains(&first.name) && asking.contains(&second.name) && asking.len() == 2, "{asking:?}");
    // The setting that is named is the one that helps.
    let by_label = lab.asks(&["explain", dns_pod.trim_start_matches("pod/"), "-o", "json", "--service-label", "k8s-app"]).tells();
    assert_eq!(only(&by_label)["eligibility"]["eligible"], "now", "{by_label:?}");
    lab.untouched(&first);
}

#[test]
fn near_misses_that_cannot_be_looked_for_are_named_and_nothing_fails() {
    let lab = Lab::new("explain-unseen");
    lab.install_role();
    let mut web = deployment("web", 2);
    web["metadata"]["labels"] = json!({ENABLED: "yes"});
    lab.roll_out(&web);
    let pod = Pod::of(&lab.pods("web")[0]);
    lab.kubectl(&["label", "pod", &pod.name, &format!("{RESTART}=1")]);
    let proxy = Proxy::start(&lab, |request| match request.path.ends_with("/deployments") {
        true => Step::Answer("503 Service Unavailable", "Content-Type: text/plain\r\n", "upstream connect error".to_owned()),
        false => Step::Forward,
    });
    let told = lab.asks(&["explain", "-o", "json"]).by(&proxy.kubeconfig).tells();
    assert_eq!(near_misses(&told).len(), 1, "the pod's own: {told:?}");
    let unseen = told.json()["not_looked_at"].clone();
    assert!(unseen[0].as_str().unwrap().starts_with("deployments: list deployments: no clear answer"), "{told:?}");

    // Without a permission that a run needs to read there is nothing to explain, and it is named.
    let mut role = lab.get(&["role", "pod-remediator"]);
    for rule in role["rules"].as_array_mut().unwrap() {
        if rule["apiGroups"] == json!(["apps"]) {
            rule["verbs"].as_array_mut().unwrap().retain(|verb| verb != "list");
        }
    }
    lab.kubectl(&["patch", "role", "pod-remediator", "--type", "merge", "--patch", &json!({"rules": role["rules"]}).to_string()]);
    let told = lab.asks(&["explain"]).by(&lab.service_account()).tells();
    assert!(told.exit == 2 && told.errors.contains("list statefulsets.apps (to see what a pod owns)"), "{told:?}");
}
