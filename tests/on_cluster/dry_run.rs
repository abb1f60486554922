//! Shadow mode decides everything and changes nothing.

use serde_json::Value;

use crate::fixture::Lab;
use crate::workloads::deployment;

#[test]
fn a_dry_run_says_what_it_would_do_and_changes_nothing() {
    let lab = Lab::new("dry-run");
    lab.roll_out(&deployment("web", 2));
    lab.roll_out(&deployment("single", 1));
    let (web, single) = (lab.ask_for_one("web"), lab.ask_for_one("single"));
    let versions = || {
        let objects = lab.get(&["pods,configmaps,deployments.apps,replicasets.apps"]);
        let version = |object: &Value| format!("{} {}", object["metadata"]["name"], object["metadata"]["resourceVersion"]);
        objects["items"].as_array().unwrap().iter().map(version).collect::<Vec<_>>()
    };
    let before = versions();
    let run = lab.remediator().with("--dry-run").run();

    assert_eq!(run.exit, 0, "{run:?}");
    assert_eq!(run.decision(&web)["decision.mode"], "auto_execute");
    run.refused(&single, &["blast_radius"]);
    assert_eq!(run.records.len(), 2, "{run:?}");
    for record in &run.records {
        assert_eq!(record["dry_run"], true, "{record}");
        assert!(record["message"].as_str().unwrap().starts_with("dry run, nothing is touched: "), "{record}");
    }
    // A review changes nothing, though it is created.
    let writes: Vec<Value> = lab.writes().into_iter().filter(|line| line["objectRef"]["resource"] != "selfsubjectrulesreviews").collect();
    assert_eq!(writes, Vec::<Value>::new());
    assert_eq!(versions(), before);
    let events = lab.get(&["events.events.k8s.io"]);
    assert!(!events["items"].as_array().unwrap().iter().any(|event| event["reportingController"] == "pod-remediator"), "{events}");
}
