//! By eviction: the Role has no delete, and the server itself enforces disruption budgets.

use serde_json::{Value, json};

use crate::answers::{Scene, once, scene_of, unavailable};
use crate::audit_log::code;
use crate::fixture::{Lab, Pod};
use crate::proxy::{Proxy, Step};
use crate::remediator::Runbook;
use crate::workloads::{budget, deployment};

fn lab(name: &str) -> (Lab, Pod, Runbook) {
    let lab = Lab::new(name);
    lab.roll_out(&deployment("web", 3));
    let target = lab.ask_for_one("web");
    let runbook = lab.runbook().with("action", "method", "evict");
    (lab, target, runbook)
}

#[test]
fn the_role_of_the_component_is_enough_and_has_no_delete() {
    let (lab, target, runbook) = lab("evict");
    lab.install_role_of("manifests/overlays/lab-evict");
    lab.apply(&budget("web", "web", 2));
    crate::fixture::until("the budget has room", || {
        (lab.get(&["poddisruptionbudget", "web"])["status"]["disruptionsAllowed"] == 1).then_some(())
    });
    let account = lab.service_account();
    let run = lab.remediator_with(&runbook).by(&account).run();
    assert_eq!(run.exit, 0, "{run:?}");
    assert_eq!(run.outcome(&target)["verification"]["result"], "verified", "{run:?}");
    let deletions = lab.deletions();
    assert_eq!(deletions.len(), 1, "{deletions:?}");
    assert_eq!((deletions[0]["objectRef"]["subresource"].as_str(), code(&deletions[0])), (Some("eviction"), 201), "{deletions:?}");
    assert_eq!(deletions[0]["requestObject"]["deleteOptions"]["preconditions"], json!({"uid": target.uid}), "the UID, and no version");
    let role = lab.get(&["role", "pod-remediator"]).to_string();
    assert!(!role.contains("\"delete\""), "{role}");
    assert_eq!(run.outcome(&target)["action"]["method"], "evict");

    // A runbook that deletes is refused by name, before anything is touched.
    let run = lab.remediator().by(&account).run();
    lab.ask_for_one("web");
    let refused = lab.remediator().by(&account).run();
    assert_eq!(refused.exit, 2, "{run:?} {refused:?}");
    assert!(refused.errors.contains("delete pods"), "{refused:?}");
}

#[test]
fn a_budget_without_room_is_a_block_and_no_failure_even_at_the_last_moment() {
    let (lab, target, runbook) = lab("evict-budget");
    // The budget comes between the decision and the eviction.
    let namespace = lab.namespace.clone();
    let proxy = Proxy::start(&lab, move |request| {
        if request.evicts_a_pod(1) {
            let create = |object: &Value| {
                let mut child = std::process::Command::new("kubectl")
                    .args(["--namespace", &namespace, "create", "--filename", "-"])
                    .stdin(std::process::Stdio::piped())
                    .stdout(std::process::Stdio::null())
                    .spawn()
                    .unwrap();
                std::io::Write::write_all(&mut child.stdin.take().unwrap(), object.to_string().as_bytes()).unwrap();
                assert!(child.wait().unwrap().success());
            };
            create(&budget("web", "web", 3));
            let seen =
                ["--namespace", &namespace, "wait", "poddisruptionbudget/web", "--for=jsonpath={.status.expectedPods}=3", "--timeout=60s"];
            assert!(std::process::Command::new("kubectl").args(seen).stdout(std::process::Stdio::null()).status().unwrap().success());
        }
        Step::Forward
    });
    let run = lab.remediator_with(&runbook).by(&proxy.kubeconfig).run();
    assert_eq!(run.exit, 0, "{run:?}");
    let verification = &run.outcome(&target)["verification"];
    assert_eq!(verification["result"], "not_executed", "{run:?}");
    assert!(verification["detail"].as_str().unwrap().contains("disruption budget"), "{run:?}");
    assert_eq!(lab.deletions().iter().map(code).collect::<Vec<_>>(), [429], "asked once, and not again");
    lab.untouched(&target);
    // The guardrail sees it beforehand now; neither cooldown nor breaker stands in the way.
    assert_eq!(lab.remediator_with(&runbook).run().blocks(&target), ["disruption_budget"]);
    lab.kubectl(&["delete", "poddisruptionbudget", "web"]);
    let run = lab.remediator_with(&runbook).run();
    assert_eq!(run.outcome(&target)["verification"]["result"], "verified", "{run:?}");
}

/// The first eviction is answered like this.
fn answered(name: &str, answer: impl Fn() -> Step + Send + Sync + 'static) -> Scene {
    scene_of(name, |runbook| runbook.with("action", "method", "evict"), once(|request| request.evicts_a_pod(1), answer))
}

#[test]
fn an_eviction_whose_answer_is_lost_is_not_sent_again_and_is_proved_by_the_pods() {
    let scene = answered("evict-answer-lost", || Step::ForwardThenDrop);
    scene.ends(0, "verified");
    scene.deletions(&[201]);
}

#[test]
fn a_server_error_on_an_eviction_is_unproved_not_repeated() {
    let scene = answered("evict-503", unavailable);
    scene.ends(3, "unknown");
    scene.deletions(&[]);
    scene.lab.untouched(&scene.target);
}

#[test]
fn a_throttled_eviction_was_not_executed_so_it_is_sent_again() {
    let throttled = || Step::Answer("429 Too Many Requests", "Retry-After: 1\r\n", "Too many requests, please try again later.".to_owned());
    let scene = answered("evict-429", throttled);
    scene.ends(0, "verified");
    scene.deletions(&[201]);
}
