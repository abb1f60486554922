//! Many labs at once, cheaply: a kubectl for each step, not one for each lab.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::fixture::{Lab, Pod, RESTART, STATE, until};
use crate::workloads::deployment;

/// A namespace with a service `web` of three pods, one of which asks to be replaced.
pub(crate) struct Stage {
    pub(crate) lab: Lab,
    pub(crate) target: Pod,
    /// Those that do not ask.
    pub(crate) others: Vec<Pod>,
}

/// As many as wanted, all ready to be acted on.
pub(crate) fn stages(name: &str, count: usize) -> Vec<Stage> {
    let namespaces: Vec<String> = (0..count).map(|number| format!("{name}-{number}")).collect();
    let state = |namespace| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": STATE, "namespace": namespace}});
    let labels = json!({"stages": name});
    let space = |name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
    create(namespaces.iter().map(space).chain(namespaces.iter().map(state)).collect());
    // From here on, whatever fails, they are removed again.
    let labs: Vec<Lab> = namespaces.into_iter().map(Lab::of).collect();
    let ours = |object: &&Value| labs.iter().any(|lab| object["metadata"]["namespace"] == *lab.namespace);
    // Without it, pods are not admitted.
    until("the default ServiceAccounts", || {
        let accounts = list("serviceaccounts", "");
        (accounts.iter().filter(ours).filter(|account| account["metadata"]["name"] == "default").count() == count).then_some(())
    });
    create(
        labs.iter()
            .map(|lab| {
                let mut web = deployment("web", 3);
                web["metadata"]["namespace"] = json!(lab.namespace);
                web["metadata"]["labels"]["stages"] = json!(name);
                web
            })
            .collect(),
    );
    until("every pod is available", || {
        let all = list("deployments", &format!("stages={name}"));
        (all.iter().filter(|one| one["status"]["availableReplicas"] == 3).count() == count).then_some(())
    });
    let pods = list("pods", "app=web");
    let mut asking = Vec::new();
    let stages = labs
        .into_iter()
        .map(|lab| {
            let mut own = pods.iter().filter(|pod| pod["metadata"]["namespace"] == *lab.namespace);
            let target = own.next().unwrap();
            let name = &target["metadata"]["name"];
            asking.push(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": lab.namespace}}));
            Stage { target: Pod::of(target), others: own.map(Pod::of).collect(), lab }
        })
        .collect();
    kubectl(&["label", "--filename", "-", &format!("{RESTART}=true")], &json!({"apiVersion": "v1", "kind": "List", "items": asking}));
    stages
}

fn create(items: Vec<Value>) {
    kubectl(&["create", "--filename", "-"], &json!({"apiVersion": "v1", "kind": "List", "items": items}));
}

/// In all namespaces.
fn list(kind: &str, selector: &str) -> Vec<Value> {
    let text = kubectl(&["get", kind, "--all-namespaces", "--selector", selector, "--output", "json"], &Value::Null);
    let list: Value = serde_json::from_str(&text).unwrap();
    list["items"].as_array().unwrap().clone()
}

fn kubectl(arguments: &[&str], input: &Value) -> String {
    let mut command = Command::new("kubectl");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.to_string().as_bytes());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "kubectl {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    String::from_utf8(output.stdout).unwrap()
}

/// Does all of it, so many at a time; the results in no order. Cases mostly wait, for deadlines and for the simulated nodes.
pub(crate) fn in_parallel<T: Send, R: Send>(at_a_time: usize, all: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let (queue, done) = (Mutex::new(all.into_iter()), Mutex::new(Vec::new()));
    let take = || queue.lock().unwrap().next();
    std::thread::scope(|scope| {
        for _ in 0..at_a_time {
            scope.spawn(|| {
                while let Some(one) = take() {
                    let result = work(one);
                    done.lock().unwrap().push(result);
                }
            });
        }
    });
    done.into_inner().unwrap()
}
