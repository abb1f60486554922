//! A namespace of a test's own on the cluster, and kubectl in it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::audit_log::log_length;
use crate::direct;
use crate::remediator::{Remediator, Runbook};

/// The request.
pub(crate) const RESTART: &str = "remediator.kubedojo.io/restart";
/// The service owner's opt-in.
pub(crate) const ENABLED: &str = "remediator.kubedojo.io/enabled";
/// The ledger's ConfigMap.
pub(crate) const STATE: &str = "pod-remediator-state";
/// How long anything may take that is not under test. The machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// A namespace, with an empty ledger, and a directory. Both go when this is dropped.
pub(crate) struct Lab {
    pub(crate) namespace: String,
    pub(crate) folder: PathBuf,
    /// What the audit log has of it comes after this byte.
    pub(crate) log_begins: u64,
}

/// The sandbox's directory.
pub(crate) fn cluster_dir() -> PathBuf {
    let set = |name: &str| {
        std::env::var_os(name).unwrap_or_else(|| panic!("{name} is not set: these tests need a cluster, run tests/on-cluster"))
    };
    set("KUBECONFIG");
    PathBuf::from(set("CLUSTER_DIR"))
}

/// Polls until there is something, ever less often: most looks are a kubectl, and many tests wait at once on few cores.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    let mut pause = Duration::from_millis(50);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited {} s in vain: {what}", PATIENCE.as_secs());
        pause = (pause * 3 / 2).min(Duration::from_millis(500));
        std::thread::sleep(pause);
    }
}

impl Lab {
    /// Of a namespace that nothing was in before: that it is there is the caller's business.
    pub(crate) fn of(namespace: String) -> Self {
        let folder = cluster_dir().join("tests").join(&namespace);
        std::fs::create_dir_all(&folder).unwrap();
        Self { namespace, folder, log_begins: log_length() }
    }

    /// A namespace whose name begins with this.
    pub(crate) fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let lab = Self::of(format!("{name}-{}", COUNT.fetch_add(1, Ordering::Relaxed)));
        direct::call("POST", "/api/v1/namespaces", &json!({"metadata": {"name": lab.namespace}})).unwrap();
        direct::call("POST", &lab.path("configmaps"), &json!({"metadata": {"name": STATE}})).unwrap();
        // Without it, pods are not admitted.
        until("the default ServiceAccount", || lab.try_get(&["serviceaccount", "default"]).ok());
        lab
    }

    /// kubectl in this namespace: standard output, or what it says is wrong.
    pub(crate) fn try_kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        self.kubectl_with(arguments, "")
    }

    /// kubectl in this namespace, which must succeed.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        self.try_kubectl(arguments).unwrap()
    }

    fn kubectl_with(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let mut command = Command::new("kubectl");
        // With --raw, kubectl takes no namespace.
        if !arguments.contains(&"--raw") {
            command.args(["--namespace", &self.namespace]);
        }
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("kubectl: {error}"))?;
        // A kubectl that fails early does not read; what it says matters more.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        if output.status.success() {
            Ok(String::from_utf8(output.stdout).unwrap())
        } else {
            Err(format!("kubectl {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
        }
    }

    /// Creates or changes an object.
    pub(crate) fn apply(&self, object: &Value) {
        self.kubectl_with(&["apply", "--filename", "-"], &object.to_string()).unwrap();
    }

    /// Creates what a manifest lists, as written.
    pub(crate) fn apply_text(&self, manifest: &str) {
        self.kubectl_with(&["apply", "--filename", "-"], manifest).unwrap();
    }

    /// Replaces an object by a PUT, which may conflict.
    pub(crate) fn try_put(&self, path: &str, object: &Value) -> Result<String, String> {
        self.kubectl_with(&["replace", "--raw", &self.path(path), "--filename", "-"], &object.to_string())
    }

    /// One object: `deployments.apps/web`, or a kind with a selector.
    pub(crate) fn get(&self, arguments: &[&str]) -> Value {
        self.try_get(arguments).unwrap()
    }

    fn try_get(&self, arguments: &[&str]) -> Result<Value, String> {
        direct::get(&self.namespace, arguments).unwrap_or_else(|| {
            let text = self.try_kubectl(&[&["get", "--output", "json"], arguments].concat())?;
            serde_json::from_str(&text).map_err(|error| error.to_string())
        })
    }

    /// A claim of this name, bound to a volume of its own.
    pub(crate) fn claim(&self, name: &str) {
        let volume = format!("{}-{name}", self.namespace);
        let storage = json!({"storage": "1Mi"});
        self.apply(&json!({
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": volume},
            "spec": {
                "accessModes": ["ReadWriteOnce"], "capacity": storage, "storageClassName": "", "persistentVolumeReclaimPolicy": "Retain",
                "hostPath": {"path": self.folder}, "claimRef": {"namespace": self.namespace, "name": name},
            },
        }));
        self.apply(&json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
            "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "", "volumeName": volume, "resources": {"requests": storage}},
        }));
    }

    /// The path of something in this namespace: `/api/v1` or `/apis/…`, then `pods/web`.
    pub(crate) fn path(&self, path: &str) -> String {
        format!("/api/v1/namespaces/{}/{path}", self.namespace)
    }

    /// Creates a workload and waits until all of its pods are available.
    pub(crate) fn roll_out(&self, workload: &Value) {
        self.apply(workload);
        self.rolled_out(workload);
    }

    /// Waits until a workload has settled.
    pub(crate) fn rolled_out(&self, workload: &Value) {
        let name = format!("{}/{}", workload["kind"].as_str().unwrap(), workload["metadata"]["name"].as_str().unwrap());
        until(&format!("{name} is rolled out"), || is_settled(self.get(&[&name])).then_some(()));
    }

    /// Waits until every node that wants one has an available pod of this DaemonSet.
    pub(crate) fn daemons_are_available(&self, name: &str) {
        until("the DaemonSet is available", || {
            let status = self.get(&[&format!("daemonset/{name}")])["status"].clone();
            (status["numberAvailable"] == status["desiredNumberScheduled"] && status["numberAvailable"].as_u64() >= Some(2)).then_some(())
        });
    }

    /// The pods of a service that are not terminating, by name.
    pub(crate) fn pods(&self, app: &str) -> Vec<Value> {
        let list = self.get(&["pods", "--selector", &format!("app={app}")]);
        let pods = list["items"].as_array().unwrap();
        pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()).cloned().collect()
    }

    /// One pod of a service, labelled: it asks to be replaced.
    pub(crate) fn ask_for_one(&self, app: &str) -> Pod {
        let start = Instant::now();
        let pod = loop {
            let list = |kind: &str| self.get(&[kind])["items"].as_array().unwrap().clone();
            // A pod replaced a moment ago may not be in its workload's numbers yet, and then that seems to roll out. Some never settle.
            if ["replicasets", "deployments"].iter().flat_map(|kind| list(kind)).all(is_settled) || start.elapsed() > Duration::from_secs(3)
            {
                break Pod::of(&self.pods(app)[0]);
            }
            std::thread::sleep(Duration::from_millis(100));
        };
        self.ask(&pod);
        pod
    }

    /// Labels a pod: it asks to be replaced.
    pub(crate) fn ask(&self, pod: &Pod) {
        self.kubectl(&["label", "pod", &pod.name, &format!("{RESTART}=true")]);
    }

    /// The pod is the same one, and is not on its way out.
    pub(crate) fn untouched(&self, pod: &Pod) {
        let now = self.get(&["pod", &pod.name]);
        assert_eq!(now["metadata"]["uid"], *pod.uid, "{} is another one", pod.name);
        assert!(now["metadata"]["deletionTimestamp"].is_null(), "{} is being deleted", pod.name);
    }

    /// Changes a pod's status, as its kubelet would.
    pub(crate) fn patch_status(&self, pod: &str, status: &Value) {
        let patch = json!({"status": status}).to_string();
        self.kubectl(&["patch", "pod", pod, "--subresource", "status", "--type", "strategic", "--patch", &patch]);
    }

    /// The ledger as the API server has it: `.data` and all.
    pub(crate) fn state(&self) -> Value {
        self.get(&["configmap", STATE])
    }

    /// What the ledger remembers.
    pub(crate) fn executions(&self) -> Vec<Value> {
        match self.state()["data"]["ledger.json"].as_str() {
            Some(text) => serde_json::from_str::<Value>(text).unwrap()["ledger"]["executions"].as_array().unwrap().clone(),
            None => Vec::new(),
        }
    }

    /// The default runbook for this namespace, with a replacement believed after a second instead of ten.
    pub(crate) fn runbook(&self) -> Runbook {
        Runbook::of(&self.namespace).with("verification", "timeoutSeconds", 40).with("verification", "stableSeconds", 1)
    }

    /// The program, to be run here with that runbook.
    pub(crate) fn remediator(&self) -> Remediator<'_> {
        self.remediator_with(&self.runbook())
    }

    /// The program, to be run here with this runbook.
    pub(crate) fn remediator_with(&self, runbook: &Runbook) -> Remediator<'_> {
        Remediator::new(self, runbook)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = direct::call("DELETE", &format!("/api/v1/namespaces/{}", self.namespace), &Value::Null);
        let _ = std::fs::remove_dir_all(Path::new(&self.folder));
    }
}

/// A pod, by name and UID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pod {
    pub(crate) name: String,
    pub(crate) uid: String,
}

impl Pod {
    pub(crate) fn of(object: &Value) -> Self {
        let text = |key: &str| object["metadata"][key].as_str().unwrap().to_owned();
        Self { name: text("name"), uid: text("uid") }
    }
}

/// A workload whose latest change is observed, and whose numbers are all as desired. A number that is left out is 0.
fn is_settled(workload: Value) -> bool {
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let is_as_desired = |key: &&str| number(&workload["status"][*key]) == number(&workload["spec"]["replicas"]);
    let seen = workload["status"]["observedGeneration"] == workload["metadata"]["generation"];
    let updated = workload["kind"] == "ReplicaSet" || is_as_desired(&"updatedReplicas");
    seen && updated && ["replicas", "availableReplicas"].iter().all(is_as_desired)
}

/// The pod's condition Ready is True.
pub(crate) fn is_ready(pod: &Value) -> bool {
    pod["status"]["conditions"].as_array().is_some_and(|all| all.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"))
}

/// The restarts of a pod's first container.
pub(crate) fn restarts(pod: &Value) -> u64 {
    pod["status"]["containerStatuses"][0]["restartCount"].as_u64().unwrap_or(0)
}
