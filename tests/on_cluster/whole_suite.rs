//! What all tests together have shown: `tests/on-cluster` runs this last, in the same cluster, over the audit log of all the others.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::audit_log::code;
use crate::fixture::Lab;

/// Verb, group and resource of a call, as RBAC names them.
type Call = (String, String, String);

/// Calls that only a person's command makes.
const DESK: [[&str; 3]; 8] = [
    ["get", "batch", "cronjobs"],
    ["list", "batch", "cronjobs"],
    ["list", "batch", "jobs"],
    ["list", "", "configmaps"],
    ["create", "authorization.k8s.io", "subjectaccessreviews"],
    ["create", "", "pods as a dry run"],
    ["create", "batch", "jobs as a dry run"],
    ["patch", "", "pods"],
];

/// Those that were answered well, or all; each with the address of one of them.
fn calls(log: &str, answered_well: bool) -> BTreeMap<Call, String> {
    let ours = log.lines().filter(|line| line.contains("\"userAgent\":\"pod-remediator"));
    let parsed = ours.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let parsed = parsed.filter(|line| !answered_well || (200..300).contains(&code(line)));
    let call = |line: Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let of = &line["objectRef"];
        let subresource = of["subresource"].as_str().map_or_else(String::new, |name| format!("/{name}"));
        let address = text(&line["requestURI"]);
        let dry_run = if address.contains("dryRun=All") { " as a dry run" } else { "" };
        let call = (text(&line["verb"]), text(&of["apiGroup"]), text(&of["resource"]) + &subresource + dry_run);
        (call, address)
    };
    parsed.map(call).collect()
}

fn granted(lab: &Lab, folder: &str) -> BTreeSet<Call> {
    lab.install_role_of(folder);
    let role = lab.get(&["role", "pod-remediator"]);
    let words = |list: &Value| list.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let mut all = BTreeSet::new();
    for rule in role["rules"].as_array().unwrap() {
        for group in words(&rule["apiGroups"]) {
            for resource in words(&rule["resources"]) {
                all.extend(words(&rule["verbs"]).into_iter().map(|verb| (verb, group.clone(), resource.clone())));
            }
        }
    }
    all
}

#[test]
fn every_call_is_granted_and_every_grant_is_used() {
    let lab = Lab::new("whole-suite");
    let log = lab.whole_log();
    let (called, used) = (calls(&log, false), calls(&log, true));
    let granted: BTreeSet<Call> =
        ["manifests/base", "manifests/overlays/lab-evict"].iter().flat_map(|folder| granted(&lab, folder)).collect();
    // Every authenticated user may ask the server these about itself, by Kubernetes' own roles.
    let about_itself =
        |call: &&Call| ["selfsubjectrulesreviews", "selfsubjectaccessreviews", "selfsubjectreviews"].contains(&call.2.as_str());
    // Not the program's own call, but its probe's: `probes` has it ask the API server as it would ask any HTTPS server.
    let of_a_probe = |address: &String| address == "/livez";
    // What a person's command asks with that person's rights, and a run never: `permissions` and `check` hold that.
    let at_a_desk = |call: &Call| {
        let (verb, group, resource) = call;
        DESK.contains(&[verb.as_str(), group.as_str(), resource.as_str()])
    };
    let beyond: Vec<_> = called
        .iter()
        .filter(|(call, address)| !granted.contains(call) && !about_itself(call) && !of_a_probe(address) && !at_a_desk(call))
        .collect();
    assert!(beyond.is_empty(), "called and not granted: {beyond:?}");
    let idle: Vec<&Call> = granted.iter().filter(|call| !used.contains_key(call)).collect();
    assert!(idle.is_empty(), "granted and never used by any test: {idle:?}");
}
