//! The audit trail: a real log against its schema, and every query of docs/audit.md over it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::fixture::{Lab, Pod, RESTART};
use crate::remediator::Run;
use crate::workloads::{daemon_set, deployment, pod_spec, stateful_set};

const SCHEMA: &str = include_str!("../../docs/audit.schema.json");
const GUIDE: &str = include_str!("../../docs/audit.md");

/// Runs in a shop: one that acts well and refuses, one that asks for an approval and one that has it, one that fails, one with nothing to do.
fn story() -> (Lab, Vec<Run>) {
    let lab = Lab::new("shop");
    let gate = format!("cluster.test/{}", lab.namespace);
    lab.kubectl(&["label", "node", "simulated-1", &format!("{gate}=open")]);
    let mut checkout = deployment("checkout", 2);
    pod_spec(&mut checkout)["nodeSelector"][&gate] = json!("open");
    let mut legacy = deployment("legacy", 1);
    legacy["kind"] = json!("ReplicaSet");
    let mut web = deployment("web", 3);
    web["metadata"]["annotations"] = json!({"remediator.kubedojo.io/owner": "team-web"});
    lab.apply(&daemon_set("agent"));
    lab.daemons_are_available("agent");
    let all = [web, deployment("mail", 2), deployment("single", 1), stateful_set("db", 1, "OrderedReady"), legacy, checkout];
    all.iter().for_each(|workload| lab.apply(workload));
    all.iter().for_each(|workload| lab.rolled_out(workload));
    lab.kubectl(&["label", "node", "simulated-1", &format!("{gate}-")]);

    let detected = |pod: &Pod, incident: &str| {
        let annotations = [
            ("incident", incident),
            ("symptom", "requests_hang"),
            ("probable-cause", "pod_process_hung"),
            ("confidence", "0.93"),
            ("requested-by", "alertmanager"),
        ];
        let set: Vec<String> = annotations.iter().map(|(key, value)| format!("remediator.kubedojo.io/{key}={value}")).collect();
        lab.kubectl(&[vec!["annotate", "pod", &pod.name], set.iter().map(String::as_str).collect()].concat());
        lab.ask(pod);
    };
    let pod = |app: &str| Pod::of(&lab.pods(app)[0]);
    let runbook = || {
        let runbook = lab.runbook().with("guardrails", "maxMatchedServices", 9).with("guardrails", "maxAffectedServices", 9);
        // One that a pod's own status cannot tell, or it would be looked for there.
        let runbook = runbook.with("triggers", "symptoms", "[requests_hang, manual_restart_recommended]");
        runbook.with("verification", "timeoutSeconds", 15)
    };
    detected(&pod("web"), "INC-1042");
    ["single", "db", "legacy", "agent"].iter().for_each(|app| lab.ask(&pod(app)));
    let good = lab.remediator_with(&runbook()).run();
    assert_eq!(good.exit, 0, "{good:?}");
    // What a human has to approve, and has approved.
    let mail = pod("mail");
    lab.ask(&mail);
    let careful = || lab.remediator_with(&runbook().with_word("decisionMode", "approval_required"));
    let asks = careful().run();
    let command = asks.decision(&mail)["approval"]["approve_with"].as_str().unwrap().replace("YOUR-NAME", "ann");
    lab.kubectl(&command.split(' ').skip(1).collect::<Vec<_>>());
    let approved = careful().run();
    assert_eq!((asks.exit, approved.exit), (0, 0), "{asks:?} {approved:?}");
    detected(&pod("checkout"), "INC-1043");
    let bad = lab.remediator_with(&runbook()).run();
    assert_eq!(bad.exit, 3, "{bad:?}");
    lab.kubectl(&["label", "pods", "--all", &format!("{RESTART}-")]);
    let quiet = lab.remediator_with(&runbook()).run();
    assert_eq!((quiet.exit, quiet.records.len()), (0, 1), "{quiet:?}");
    (lab, vec![good, asks, approved, bad, quiet])
}

/// Every field that is not null, by its path.
fn filled(value: &Value, prefix: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Null => {}
        Value::Object(object) => {
            found.insert(prefix.to_owned());
            object.iter().for_each(|(name, value)| {
                filled(value, &if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") }, found);
            });
        }
        Value::Array(items) => {
            found.insert(prefix.to_owned());
            items.iter().for_each(|item| filled(item, &format!("{prefix}[]"), found));
        }
        _ => {
            found.insert(prefix.to_owned());
        }
    }
}

/// The fields that the guide lists, which a unit test holds to the schema.
fn listed() -> Vec<String> {
    let (_, tables) = GUIDE.split_once("## The fields").unwrap();
    let (tables, _) = tables.split_once("\n## ").unwrap();
    tables.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn a_real_log_is_as_documented_and_answers_every_question() {
    let (lab, runs) = story();
    let records: Vec<&Value> = runs.iter().flat_map(|run| &run.records).collect();

    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for record in &records {
        let wrong: Vec<String> = validator.iter_errors(record).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(wrong.is_empty(), "{wrong:?}: {record}");
    }
    let mut found = BTreeSet::new();
    records.iter().for_each(|record| filled(record, "", &mut found));
    let dead: Vec<String> = listed().into_iter().filter(|field| !found.contains(field)).collect();
    assert!(dead.is_empty(), "null in every line: {dead:?}");

    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        update(&records, &runs);
    }
    questions(&lab.folder, &records, &runs);
}

/// Asks each question of the guide as a person would, and compares the answer with what the records hold.
fn questions(folder: &Path, records: &[&Value], runs: &[Run]) {
    let log: String = runs.iter().flat_map(|run| &run.lines).map(|line| format!("{line}\n")).collect();
    std::fs::write(folder.join("audit.jsonl"), log).unwrap();
    let run_id = records[0]["run.id"].as_str().unwrap();
    let of = |key: &str, value: &str| records.iter().filter(|record| record[key] == value).count();
    let refusals = || {
        let aborted = records.iter().filter(|record| record["event.action"] == "decision" && record["decision.mode"] == "abort");
        aborted.flat_map(|record| record["guardrails"].as_array().unwrap()).filter(|guardrail| guardrail["result"] == "blocked")
    };
    let mut by_guardrail = BTreeMap::new();
    refusals().for_each(|guardrail| *by_guardrail.entry(guardrail["id"].as_str().unwrap()).or_insert(0) += 1);
    let blocks_of_db: usize = {
        let of_db = records.iter().filter(|record| record["k8s.pod.name"] == "db-0");
        of_db.map(|record| 1 + record["guardrails"].as_array().unwrap().iter().filter(|one| one["result"] == "blocked").count()).sum()
    };
    let expected: [(&str, usize, &[&str]); 9] = [
        ("in an incident", of("incident.id", "INC-1042"), &["replaced and verified"]),
        ("did a runbook do", of("runbook.name", "replace-redundant-pod"), &["replaced and verified", "blocked by blast_radius"]),
        ("to a service", of("service.name", "web"), &["replaced and verified"]),
        ("actions failed", 1, &["checkout\treplacement checkout-"]),
        ("not touched", blocks_of_db, &["skipped db-0", "  blast_radius: app=db ready_count=1 (this pod included), limit: at least 2"]),
        ("of one run", of("run.id", run_id), &["replaced and verified", "skipped db-0"]),
        ("guardrails refuse", by_guardrail.len(), &[]),
        ("on each service end", 3, &["checkout\tfailed\t1", "mail\tverified\t1", "web\tverified\t1"]),
        ("Who asked", 3, &["alertmanager\tkubectl-label\tkubectl delete pod web-"]),
    ];
    let mut answered = 0;
    let parts: Vec<&str> = GUIDE.split("```sh\n").collect();
    for (before, block) in parts.iter().zip(parts.iter().skip(1)) {
        let query = block.split("```").next().unwrap();
        let question = before.trim_end().lines().next_back().unwrap();
        let output = Command::new("sh").args(["-euc", query]).env("RUN", run_id).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{question}\n{query}{}", String::from_utf8_lossy(&output.stderr));
        let answer = String::from_utf8(output.stdout).unwrap();
        let (_, lines, contains) =
            expected.iter().find(|(words, ..)| question.contains(words)).unwrap_or_else(|| panic!("nothing is expected of: {question}"));
        assert!(*lines > 0 && answer.lines().count() == *lines, "{question}: not {lines} lines: {answer}");
        contains.iter().for_each(|text| assert!(answer.contains(text), "{question}: no «{text}» in: {answer}"));
        if question.contains("guardrails refuse") {
            for (id, count) in &by_guardrail {
                assert!(answer.lines().any(|line| line == format!("{count}\t{id}")), "{count} {id}: {answer}");
            }
        }
        answered += 1;
    }
    assert_eq!(answered, expected.len());
}

/// Puts lines of this run into the guide: run it with `UPDATE=1` after a change of the record.
fn update(records: &[&Value], runs: &[Run]) {
    let lines: Vec<&String> = runs.iter().flat_map(|run| &run.lines).collect();
    let line = |wanted: &dyn Fn(&Value) -> bool| lines[records.iter().position(|record| wanted(record)).unwrap()];
    let is = |record: &Value, action: &str| record["event.action"] == action;
    let lines = [
        line(&|record| is(record, "decision") && record["service.name"] == "single"),
        line(&|record| is(record, "decision") && record["decision.mode"] == "auto_execute"),
        line(&|record| is(record, "intent")),
        line(&|record| record["event.outcome"] == "success"),
        line(&|record| record["event.outcome"] == "failure"),
        line(&|record| is(record, "run")),
    ];
    let mut lines = lines.into_iter();
    let mut parts = GUIDE.split("```json\n");
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        let (_, rest) = part.split_once("```").unwrap();
        text.push_str(&format!("```json\n{}\n```{rest}", lines.next().unwrap()));
    }
    std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/audit.md"), text).unwrap();
}
