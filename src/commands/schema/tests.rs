//! Schema, parser, documentation and examples say the same.

mod documentation;
mod examples;

use std::collections::BTreeSet;

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::*;
use crate::core::runbook::{Problem, Runbook, parse};

/// Of these a mapping has exactly one.
const ALTERNATIVES: [&str; 6] = ["http", "prometheus", "below", "above", "atMost", "atLeast"];

/// As [`full`], with this field where it is one of several that exclude each other.
fn full_for(path: &str) -> Value {
    let mut full = full();
    if path.contains(".prometheus") {
        let asked = json!({"url": "http://prometheus:9090", "query": "up", "atMost": 1, "samples": 3, "intervalSeconds": 10});
        for section in ["guardrails", "verification"] {
            full["spec"][section]["probes"] = json!([{"name": "errors", "prometheus": asked, "timeoutSeconds": 6}]);
        }
    }
    let (parent, name) = split(path);
    if matches!(name, "below" | "above" | "atLeast") {
        let bound = mapping(&mut full, parent).remove("atMost").unwrap();
        mapping(&mut full, parent).insert(name.to_owned(), bound);
    }
    full
}

/// The default runbook, with every field that there is.
fn full() -> Value {
    let mut full = documents(include_str!("../../../config/runbook.yaml")).remove(0);
    let mut add = |section: &str, fields: Value| {
        let Value::Object(fields) = fields else { panic!("{fields}") };
        full["spec"][section].as_object_mut().unwrap().extend(fields);
    };
    let probe = json!({"name": "up", "http": {"url": "http://web/ready", "status": 204, "bodyContains": "ok"}, "timeoutSeconds": 3});
    add("triggers", json!({"maximumRequestAgeMinutes": 30, "allowBareRequest": false}));
    add("scope", json!({"workloadKinds": ["Deployment"], "allowedControllers": ["Kafka.kafka.strimzi.io"]}));
    add(
        "guardrails",
        json!({
            "maxAffectedServices": 2, "maxMatchedServices": 4, "maxUnavailablePercent": 50, "blockedByLabels": {"incident": "true"},
            "blockedByAnnotations": {"karpenter.sh/do-not-disrupt": "true"},
            "maintenanceWindows": [{"days": ["mon"], "start": "09:00", "end": "17:00", "timeZone": "Europe/Berlin", "effect": "allow"}],
            "circuitBreaker": {"failures": 2, "windowMinutes": 30}, "probes": [probe],
        }),
    );
    add("action", json!({"method": "evict"}));
    add("verification", json!({"stableSeconds": 20, "probes": [probe]}));
    full
}

fn documents(yaml: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(yaml).unwrap()
}

fn validator() -> Validator {
    jsonschema::draft202012::new(&serde_json::to_value(runbook()).unwrap()).unwrap()
}

/// JSON is YAML.
fn read(document: &Value) -> Result<Vec<Runbook>, Vec<Problem>> {
    parse("f", &document.to_string())
}

/// The steps to a field, or to an item of a list of mappings: `spec.guardrails.maintenanceWindows[].days`.
fn at<'a>(document: &'a mut Value, path: &str) -> &'a mut Value {
    path.split('.').filter(|step| !step.is_empty()).fold(document, |value, step| match step.strip_suffix("[]") {
        Some(list) => &mut value[list][0],
        None => &mut value[step],
    })
}

fn mapping<'a>(document: &'a mut Value, path: &str) -> &'a mut Map<String, Value> {
    at(document, path).as_object_mut().unwrap()
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('.').unwrap_or(("", path))
}

/// Parser and schema both accept it, or both refuse it. Which?
#[track_caller]
fn both(validator: &Validator, document: &Value, what: &str) -> bool {
    let parsed = read(document);
    let valid = validator.is_valid(document);
    if parsed.is_ok() != valid {
        let wrong: Vec<String> = validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
        panic!("{what}: the parser says {parsed:#?}, the schema says {wrong:#?}");
    }
    valid
}

const WORDS: &str = "http://a|https://a.b:8443/x?y=1|http://a b|http://me@a|http://a/${SERVICE}|http://a/${POD}|http://${SERVICE}|ftp://a|http://a/#x\
                     |http://[::1]:9090/x|http://a:0|x|X|a.b|a..b|-a|a-|a_b|*|é|1|true|00:00|09:01|9:00|23:59|24:00|24:01|10:60|UTC|low|Low|high|suggest|auto-execute|delete\
                     |drain|none|page_service_owner|open_incident_and_disable_runbook|deny|mon|monday|Rollout.argoproj.io|Rollout.|rollout.argoproj.io|Rollout.Argoproj.io|Deployment|DaemonSet|Pod|v1\
                     |available_replicas_equal_desired_replicas|replacement_pod_ready_within_timeout|controller_recreates_pod\
                     |remediations.kubedojo.io/v1|RemediationRunbook|kubectl delete pod ${POD_NAME} -n ${NAMESPACE}|kubectl delete pod web -n lab";

/// Values of every type, and of this one on both sides of every limit of the format.
fn values(kind: &str) -> Vec<Value> {
    let mut values =
        vec![json!(null), json!(true), json!(-1), json!(1), json!(0.5), json!("x"), json!([]), json!(["x"]), json!({}), json!({"x": "x"})];
    let mut texts: Vec<String> = WORDS.split('|').map(str::to_owned).collect();
    texts.extend(["", " ", " a", "a ", "a b", "a\nb", "a\tb", "a\u{1b}b", "a\u{85}b"].map(str::to_owned));
    texts.extend([63, 64, 253, 254].map(|count| "x".repeat(count)));
    match kind {
        "string" => values.extend(texts.into_iter().map(Value::String)),
        "array" => {
            values.extend(texts.iter().map(|text| json!([text])));
            values.extend(["mon", "x", "Deployment", "CrashLoopBackOff"].map(|twice| json!([twice, twice])));
            values.extend([
                json!([1]),
                json!([{}]),
                json!(["available_replicas_equal_desired_replicas", "replacement_pod_ready_within_timeout"]),
            ]);
        }
        "object" => {
            values.extend(texts.iter().flat_map(|text| [json!({text: "true"}), json!({"a": text})]));
            values.extend([json!({"a": true}), json!({"a": 1}), json!({"a/b/c": "x"}), json!({"a.b/c": "x"}), json!({"A.b/c": "x"})]);
        }
        _ => {
            let numbers =
                [0, 2, 60, 61, 199, 200, 299, 300, 301, 599, 600, 19, 20, 21, 100, 101, 10_000, 10_001, 10_080, 10_081, 86_400, 86_401];
            values.extend(numbers.map(|number| json!(number)));
            values.extend([json!(false), json!(1.5), json!(-0.1), json!("1"), json!("true")]);
        }
    }
    values
}

/// What only the parser sees, as the fields' descriptions say: other fields beside it, and which time zones there are.
fn only_the_parser_sees(path: &str, value: &Value) -> bool {
    match split(path).1 {
        "timeZone" => value.as_str().is_some_and(|text| !text.is_empty() && text != "UTC"),
        "start" => value == "17:00",
        "end" => value == "09:00",
        "samples" => value.as_u64().is_some_and(|samples| samples > 12),
        "intervalSeconds" => value.as_u64().is_some_and(|seconds| seconds >= 60),
        // Variables that there are not.
        "query" => value.as_str().is_some_and(|text| text.contains("${")),
        "stableSeconds" => value.as_u64().is_some_and(|seconds| seconds >= 120),
        "timeoutSeconds" if path == "spec.verification.timeoutSeconds" => value.as_u64().is_some_and(|seconds| seconds <= 20),
        _ => false,
    }
}

#[test]
fn the_schema_is_one_and_accepts_a_runbook_with_every_field() {
    assert!(jsonschema::meta::is_valid(&serde_json::to_value(runbook()).unwrap()));
    let validator = validator();
    assert!(both(&validator, &full(), "every field"));
    for Field { path, schema, .. } in runbook().fields() {
        let mut full = full_for(&path);
        assert!(both(&validator, &full, &path));
        assert!(!at(&mut full, &path).is_null(), "{path} is not in it");
        assert!(schema.title.is_some() && schema.description.is_some_and(|text| text.ends_with(['.', '…'])), "{path}");
    }
}

#[test]
fn the_parser_knows_the_same_fields() {
    let whole = runbook();
    let fields = whole.fields();
    let mappings: BTreeSet<&str> = fields.iter().map(|field| split(&field.path).0).collect();
    let mut known = Vec::new();
    for path in &mappings {
        let mut document = full_for(path);
        mapping(&mut document, path).insert("not-a-field-at-all".to_owned(), json!(1));
        let problems = read(&document).unwrap_err();
        let [Problem { message, .. }] = &problems[..] else { panic!("{problems:?}") };
        let (_, names) = message.split_once("(known here: ").unwrap_or_else(|| panic!("{message}"));
        let prefix = if path.is_empty() { String::new() } else { format!("{path}.") };
        known.extend(names.trim_end_matches(')').split(", ").map(|name| format!("{prefix}{name}")));
        assert!(!both(&validator(), &document, path), "{path}");
    }
    known.sort();
    let mut paths: Vec<String> = fields.into_iter().map(|field| field.path).collect();
    paths.sort();
    assert_eq!(known, paths);
}

#[test]
fn what_may_be_left_out_is_the_same_and_so_is_what_it_then_is() {
    let validator = validator();
    for Field { path, required, schema } in runbook().fields() {
        let (parent, name) = split(&path);
        let mut without = full_for(&path);
        mapping(&mut without, parent).remove(name);
        assert_eq!(both(&validator, &without, &format!("without {path}")), !required && !ALTERNATIVES.contains(&name), "{path}");
        let Some(default) = &schema.default else { continue };
        assert!(!required, "{path}");
        let mut stated = without.clone();
        *at(&mut stated, &path) = default.clone();
        assert!(both(&validator, &stated, &path));
        assert_eq!(read(&stated).unwrap()[0], read(&without).unwrap()[0], "the default of {path} is not {default}");
    }
}

#[test]
fn they_accept_and_refuse_the_same_values() {
    let validator = validator();
    let same_type = |path: &str| path.starts_with("spec.verification.probes[]");
    for Field { path, schema, .. } in runbook().fields().into_iter().filter(|field| !same_type(&field.path)) {
        let (mut accepted, mut refused) = (0, 0);
        let full = full_for(&path);
        for value in values(schema.kind).iter().filter(|value| !only_the_parser_sees(&path, value)) {
            let mut document = full.clone();
            *at(&mut document, &path) = value.clone();
            if both(&validator, &document, &format!("{path}: {value}")) {
                accepted += 1;
            } else {
                refused += 1;
            }
        }
        // What is a mapping of fields is refused as a whole here, and its fields are looked at one by one.
        let whole = schema.kind == "object" || schema.items.as_ref().is_some_and(|items| items.kind == "object");
        let never = whole && schema.property_names.is_none() && path != "spec.guardrails.circuitBreaker";
        assert!((accepted > 0) != never && refused >= 9, "{path}: {accepted} accepted, {refused} refused");
    }
}

#[test]
fn no_high_risk_acts_by_itself() {
    let validator = validator();
    for (mode, accepted) in [("observe", true), ("approval_required", true), ("auto_execute", false)] {
        let mut document = full();
        (document["spec"]["risk"], document["spec"]["decisionMode"]) = (json!("high"), json!(mode));
        assert_eq!(both(&validator, &document, mode), accepted, "{mode}");
    }
}

#[test]
fn the_shipped_schema_is_this_one() {
    crate::documented::file("config/runbook.schema.json", &format!("{}\n", runbook().pretty()));
}
