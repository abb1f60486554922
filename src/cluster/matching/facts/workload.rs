//! From a workload's object to its facts: what its status counts, and what its template says of every pod that it makes.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{MAX_TEXT, condition, foreign, said, short};
use crate::cluster::api::{LabelSelector, WorkloadObject};
use crate::core::snapshot::{DEFAULT_GRACE_SECONDS, Exclusive, Fact, Start, Stateful, Workload};
use crate::core::words::annotation;
use crate::core::workload_kind::WorkloadKind;

/// The facts of a workload, or why they make no sense.
pub(crate) fn workload_of(kind: WorkloadKind, object: WorkloadObject) -> Fact<Workload> {
    let WorkloadObject { metadata, spec, status } = object;
    let template_labels: BTreeMap<String, String> =
        match serde_json::from_value(spec.template["metadata"].get("labels").cloned().unwrap_or_default()) {
            Ok(labels) => labels,
            Err(error) => return Fact::Unknown(format!("the labels in the template of {kind} {} make no sense: {error}", metadata.name)),
        };
    let annotations = spec.template["metadata"]["annotations"].as_object();
    let of_a_request = |key: &String| annotation::OF_A_REQUEST.contains(&key.as_str());
    let template_words = annotations.into_iter().flatten().map(|(key, _)| key.clone()).filter(of_a_request).collect();
    let template = &spec.template["spec"];
    let grace_seconds = seconds(&template["terminationGracePeriodSeconds"]).unwrap_or(DEFAULT_GRACE_SECONDS);
    let on_delete = spec.update_strategy.r#type.as_deref() == Some("OnDelete");
    let owner = metadata.annotations.get(annotation::OWNER).map(|text| text.chars().take(MAX_TEXT).collect());
    let stateful = (kind == WorkloadKind::StatefulSet).then(|| Stateful {
        ordered: spec.pod_management_policy.as_deref() != Some("Parallel"),
        partition: spec.update_strategy.rolling_update.and_then(|update| update.partition).unwrap_or(0),
        current_revision: status.current_revision,
        update_revision: status.update_revision,
    });
    let (desired, replicas, updated, available) = match kind {
        WorkloadKind::Deployment | WorkloadKind::StatefulSet => {
            (spec.replicas.unwrap_or(1), status.replicas, status.updated_replicas, status.available_replicas)
        }
        WorkloadKind::ReplicaSet => (spec.replicas.unwrap_or(1), status.replicas, status.replicas, status.available_replicas),
        WorkloadKind::DaemonSet => {
            (status.desired_number_scheduled, status.current_number_scheduled, status.updated_number_scheduled, status.number_available)
        }
    };
    let in_state = |kind: &str, state: &str| {
        condition(&status.conditions, kind).filter(|one| one.status == state).map(|one| said(&one.reason, &one.message))
    };
    Fact::Known(Workload {
        kind,
        template_hash: hash(&spec.template),
        uid: metadata.uid.clone(),
        deleting: metadata.deletion_timestamp.is_some(),
        controller: metadata.controller().map(foreign),
        cannot_create: in_state("ReplicaFailure", "True"),
        stalled: in_state("Progressing", "False"),
        starts: starts(template),
        exclusive: exclusive(template, &template_labels),
        name: metadata.name,
        labels: metadata.labels,
        annotations: short(metadata.annotations),
        template_labels,
        generation: metadata.generation,
        observed_generation: status.observed_generation,
        desired,
        replicas,
        updated,
        available,
        paused: spec.paused,
        min_ready_seconds: spec.min_ready_seconds,
        grace_seconds,
        template_words,
        on_delete,
        stateful,
        owner,
    })
}

/// A digest of a JSON value; its objects are sorted by key, so equal content gives equal digests.
fn hash(value: &Value) -> String {
    Sha256::digest(value.to_string()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn seconds(value: &Value) -> Option<u32> {
    value.as_u64().map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX))
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// What the containers of a template take to be Ready, those that take nothing left out. Ordinary init containers end, and how long
/// they take is not in the template.
fn starts(template: &Value) -> Vec<Start> {
    let of = |container: &Value, sidecar: bool| {
        let number = |value: &Value| seconds(value).unwrap_or(0);
        let (startup, ready) = (&container["startupProbe"], &container["readinessProbe"]);
        Start {
            name: container["name"].as_str().unwrap_or_default().to_owned(),
            sidecar,
            post_start_sleep: number(&container["lifecycle"]["postStart"]["sleep"]["seconds"]),
            startup_delay: number(&startup["initialDelaySeconds"]),
            ready_delay: number(&ready["initialDelaySeconds"]),
            ready_successes: seconds(&ready["successThreshold"]).unwrap_or(1),
            ready_period: seconds(&ready["periodSeconds"]).unwrap_or(DEFAULT_PERIOD_SECONDS),
        }
    };
    let sidecars = items(&template["initContainers"]).filter(|one| one["restartPolicy"] == "Always").map(|one| of(one, true));
    sidecars.chain(items(&template["containers"]).map(|one| of(one, false))).filter(|start| start.seconds() > 0).collect()
}

/// `periodSeconds` where a probe says nothing.
const DEFAULT_PERIOD_SECONDS: u32 = 10;

/// Why a second pod of the template may have no place while the first is there.
fn exclusive(template: &Value, labels: &BTreeMap<String, String>) -> Option<Exclusive> {
    let on_host = template["hostNetwork"] == true;
    let port = |port: &Value| {
        let number = if on_host { port["containerPort"].as_u64() } else { port["hostPort"].as_u64() };
        number.and_then(|number| u16::try_from(number).ok()).filter(|number| *number > 0)
    };
    if let Some(port) = items(&template["containers"]).flat_map(|container| items(&container["ports"])).find_map(port) {
        return Some(Exclusive::HostPort(port));
    }
    let required = &template["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    let matches_itself = |term: &Value| {
        let selector = serde_json::from_value::<LabelSelector>(term["labelSelector"].clone()).ok();
        selector.and_then(|selector| super::label_selector(selector).ok()).is_some_and(|selector| selector.matches(labels))
    };
    items(required).any(matches_itself).then_some(Exclusive::AntiAffinity)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(template: Value, expected: (&[(&str, u32)], Option<Exclusive>)) {
        let labels = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
        let found = starts(&template);
        let found: Vec<(&str, u32)> = found.iter().map(|start| (start.name.as_str(), start.seconds())).collect();
        assert_eq!((&found[..], exclusive(&template, &labels)), expected);
    }

    #[test]
    fn what_a_template_says_of_the_time_that_it_takes() {
        check(json!({"containers": [{"name": "main", "readinessProbe": {"httpGet": {}}}]}), (&[], None));
        let slow = json!({"name": "main", "readinessProbe": {"initialDelaySeconds": 300, "successThreshold": 3, "periodSeconds": 20}});
        check(json!({"containers": [slow]}), (&[("main", 340)], None));
        let threshold = json!({"name": "main", "readinessProbe": {"successThreshold": 4}});
        check(json!({"containers": [threshold]}), (&[("main", 30)], None));
        let startup = json!({"name": "main", "startupProbe": {"initialDelaySeconds": 60}, "readinessProbe": {"initialDelaySeconds": 30}});
        check(json!({"containers": [startup]}), (&[("main", 60)], None));
        let sleeps = json!({"name": "main", "lifecycle": {"postStart": {"sleep": {"seconds": 15}}}});
        let sidecar = json!({"name": "mesh", "restartPolicy": "Always", "startupProbe": {"initialDelaySeconds": 5}});
        let once = json!({"name": "migrate", "readinessProbe": {"initialDelaySeconds": 99}});
        check(json!({"initContainers": [sidecar, once], "containers": [sleeps]}), (&[("mesh", 5), ("main", 15)], None));
    }

    #[test]
    fn what_gives_a_second_pod_no_place() {
        let port = |extra: Value| json!({"containers": [{"name": "main", "ports": [extra]}]});
        check(port(json!({"containerPort": 80})), (&[], None));
        check(port(json!({"containerPort": 80, "hostPort": 8080})), (&[], Some(Exclusive::HostPort(8080))));
        let mut on_host = port(json!({"containerPort": 9100}));
        on_host["hostNetwork"] = json!(true);
        check(on_host, (&[], Some(Exclusive::HostPort(9100))));
        let apart = |labels: Value| {
            let terms = json!([{"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": labels}}]);
            json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}})
        };
        check(apart(json!({"app": "web"})), (&[], Some(Exclusive::AntiAffinity)));
        check(apart(json!({"app": "db"})), (&[], None));
    }
}
