//! What concerns the whole API server, so that nothing else may run at the same time: `tests/on-cluster` runs these last, one by one.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::fixture::{Lab, Pod, is_ready, until};
use crate::remediator::Running;
use crate::workloads::deployment;

fn api_server(verb: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/apiserver");
    let output = Command::new(script).arg(verb).output().unwrap();
    assert!(output.status.success(), "apiserver {verb}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A run that has just deleted a pod, and verifies.
fn verifying(name: &str, timeout: u32, deadline: &str) -> (Lab, Pod, Running) {
    let lab = Lab::new(name);
    lab.roll_out(&deployment("web", 3));
    let target = lab.ask_for_one("web");
    let runbook = lab.runbook().with("verification", "timeoutSeconds", timeout).with("verification", "stableSeconds", 8);
    let running = lab.remediator_with(&runbook).in_no_pod().env("RUN_DEADLINE", deadline).start();
    until("the deletion", || (lab.deletions().len() == 1).then_some(()));
    (lab, target, running)
}

#[test]
fn an_api_server_that_crashes_and_comes_back_only_makes_it_wait() {
    let (lab, target, running) = verifying("crashed", 60, "120s");
    api_server("kill");
    api_server("start");
    let run = running.end();
    assert_eq!(run.exit, 0, "{run:?}");
    assert_eq!(run.outcome(&target)["verification"]["result"], "verified", "{run:?}");
    assert_eq!(lab.deletions().len(), 1);
    assert_eq!(lab.executions()[0]["outcome"]["result"], "verified");
}

#[test]
fn an_api_server_that_falls_silent_cannot_hold_a_run_beyond_its_deadline() {
    let (lab, target, running) = verifying("silent", 10, "40s");
    // It is proved later by when its replacement got Ready.
    let is_new_and_ready = |pod: &&Value| is_ready(pod) && pod["metadata"]["uid"] != *target.uid;
    until("the replacement is Ready", || (lab.pods("web").iter().filter(is_new_and_ready).count() == 3).then_some(()));
    api_server("pause");
    let run = running.end();
    api_server("resume");
    // Whether it ends by its own deadline or by a call's: nothing is proved, and nothing is claimed.
    assert!([1, 3].contains(&run.exit), "{run:?}");
    assert!(!run.records.iter().any(|record| record["event.outcome"] == "success"), "{run:?}");
    until("the API server", || lab.try_kubectl(&["get", "--raw", "/readyz"]).ok());
    let next = lab.remediator().run();
    assert_eq!(next.exit, 0, "{next:?}");
    let execution = &lab.executions()[0];
    assert_eq!(execution["outcome"]["result"], json!("verified"), "adopted, and proved by the Ready condition's own time: {next:?}");
    assert_eq!(lab.executions().len(), 1);
    assert_eq!(lab.deletions().len(), 1);
    assert!(lab.pods("web").iter().all(|pod| pod["metadata"]["uid"] != *target.uid));
}
