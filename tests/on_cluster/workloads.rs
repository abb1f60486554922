//! Workloads to apply, as JSON that a test changes where it differs.

use serde_json::{Value, json};

use crate::fixture::ENABLED;

/// A Deployment on the simulated nodes, whose pods are Ready at once and go at once; its owner has opted in.
pub(crate) fn deployment(name: &str, replicas: u32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "labels": {ENABLED: "true"}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"workload": name}},
            "template": {"metadata": {"labels": {"workload": name, "app": name}}, "spec": simulated_pod()},
        },
    })
}

/// A StatefulSet like [`deployment`]. Its pods go without the simulated nodes' help: those delete by name alone, and so, late, the
/// successor of that name.
pub(crate) fn stateful_set(name: &str, replicas: u32, policy: &str) -> Value {
    let mut set = deployment(name, replicas);
    set["kind"] = json!("StatefulSet");
    set["spec"]["serviceName"] = json!(name);
    set["spec"]["podManagementPolicy"] = json!(policy);
    pod_spec(&mut set)["terminationGracePeriodSeconds"] = json!(0);
    set
}

/// A DaemonSet like [`deployment`].
pub(crate) fn daemon_set(name: &str) -> Value {
    let mut set = deployment(name, 1);
    set["kind"] = json!("DaemonSet");
    set["spec"].as_object_mut().unwrap().remove("replicas");
    set
}

/// The template's pod.
pub(crate) fn pod_spec(workload: &mut Value) -> &mut Value {
    &mut workload["spec"]["template"]["spec"]
}

/// The same service as others.
pub(crate) fn of_service(mut workload: Value, app: &str) -> Value {
    workload["spec"]["template"]["metadata"]["labels"]["app"] = json!(app);
    workload
}

/// On the real node, where containers run: one that runs this script. Those that end for good end on SIGTERM.
pub(crate) fn on_real_node(mut workload: Value, script: &str) -> Value {
    *pod_spec(&mut workload) = json!({
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "main", "image": "nginx:1.27", "command": ["sh", "-c", script]}],
    });
    workload
}

/// A script that serves until it is told to end.
pub(crate) const SERVE: &str = "exec sh /serve";

/// A pod for the simulated nodes.
pub(crate) fn simulated_pod() -> Value {
    json!({
        "nodeSelector": {"cluster.test/flavour": "simulated"},
        "tolerations": [{"key": "kwok.x-k8s.io/node", "operator": "Exists"}],
        "containers": [{"name": "main", "image": "nginx:1.27"}],
    })
}

/// A pod without a controller, on the simulated nodes.
pub(crate) fn bare_pod(name: &str, app: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": app}}, "spec": simulated_pod()})
}

/// A disruption budget for a service.
pub(crate) fn budget(name: &str, app: &str, min_available: u32) -> Value {
    json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name},
        "spec": {"minAvailable": min_available, "selector": {"matchLabels": {"app": app}}},
    })
}
