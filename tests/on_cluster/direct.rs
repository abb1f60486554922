//! The API server without a kubectl between, for what tests ask all the time: a kubectl takes a tenth of a second of a core, and
//! many tests wait at once on few of them.

use http::Request;
use kube::config::KubeConfigOptions;
use kube::{Client, Config};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

thread_local! {
    static SERVER: (Runtime, Client) = connect();
}

fn connect() -> (Runtime, Client) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let client = runtime.block_on(async {
        let config = Config::from_kubeconfig(&KubeConfigOptions::default()).await.unwrap();
        Client::try_from(config).unwrap()
    });
    (runtime, client)
}

/// One call, as whoever the kubeconfig says: the answer, or what is wrong.
pub(crate) fn call(method: &str, path: &str, body: &Value) -> Result<Value, String> {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let request = Request::builder().method(method).uri(path).header("Content-Type", "application/json").body(body).unwrap();
    SERVER.with(|(runtime, client)| runtime.block_on(client.request(request))).map_err(|error| format!("{method} {path}: {error}"))
}

/// Group, plural and kind of what tests look at most, by the names that kubectl takes.
fn known(kind: &str) -> Option<(&'static str, &'static str, &'static str)> {
    const CORE: &str = "/api/v1";
    const APPS: &str = "/apis/apps/v1";
    let all = [
        (CORE, "pods", "Pod"),
        (CORE, "configmaps", "ConfigMap"),
        (CORE, "serviceaccounts", "ServiceAccount"),
        (APPS, "deployments", "Deployment"),
        (APPS, "replicasets", "ReplicaSet"),
        (APPS, "statefulsets", "StatefulSet"),
        (APPS, "daemonsets", "DaemonSet"),
    ];
    all.into_iter().find(|(_, plural, name)| kind == *plural || kind.eq_ignore_ascii_case(name))
}

/// What `kubectl get --output json` would print for these arguments; `None` where only kubectl knows.
pub(crate) fn get(namespace: &str, arguments: &[&str]) -> Option<Result<Value, String>> {
    let (kind, name, selector) = match arguments {
        [kind, "--selector", selector] => (*kind, None, Some(*selector)),
        [kind, name] if !name.starts_with('-') => (*kind, Some(*name), None),
        [one] => one.split_once('/').map_or((*one, None, None), |(kind, name)| (kind, Some(name), None)),
        _ => return None,
    };
    let (group, plural, kind) = known(kind)?;
    let mut path = format!("{group}/namespaces/{namespace}/{plural}");
    if let Some(name) = name {
        path = format!("{path}/{name}");
    }
    if let Some(selector) = selector {
        path = format!("{path}?labelSelector={}", utf8_percent_encode(selector, NON_ALPHANUMERIC));
    }
    let mut answer = call("GET", &path, &Value::Null);
    // In a list, the server leaves out what kubectl fills in.
    if let Some(items) = answer.as_mut().ok().and_then(|answer| answer["items"].as_array_mut()) {
        let version = group.trim_start_matches("/apis/").trim_start_matches("/api/");
        for item in items {
            (item["apiVersion"], item["kind"]) = (json!(version), json!(kind));
        }
    }
    Some(answer)
}
