//! The judge: the API server's own record of who did what.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::direct;
use crate::fixture::{Lab, cluster_dir, until};

fn log_file() -> PathBuf {
    cluster_dir().join("audit.log")
}

/// How long the log is, in bytes: at least a test's own lines come after it.
pub(crate) fn log_length() -> u64 {
    std::fs::metadata(log_file()).map_or(0, |file| file.len())
}

impl Lab {
    /// Every request so far in this namespace, by whomever, oldest answer first.
    pub(crate) fn audited(&self) -> Vec<Value> {
        let (log, marker) = self.log(self.log_begins);
        let here = format!("\"namespace\":\"{}\"", self.namespace);
        // The last line may be half written.
        let lines = log.lines().filter(|line| line.contains(&here)).filter_map(|line| serde_json::from_str(line).ok());
        lines.filter(|line: &Value| line["objectRef"]["namespace"] == *self.namespace && line["objectRef"]["name"] != *marker).collect()
    }

    /// Every request so far of this user, in any namespace or in none.
    pub(crate) fn audited_of(&self, user: &str) -> Vec<Value> {
        let (log, _) = self.log(self.log_begins);
        let lines = log.lines().filter(|line| line.contains(user)).filter_map(|line| serde_json::from_str(line).ok());
        lines.filter(|line: &Value| line["user"]["username"] == user).collect()
    }

    /// The whole log, of every namespace.
    pub(crate) fn whole_log(&self) -> String {
        self.log(0).0
    }

    /// The log from a byte on, with all that has been answered so far; and the name in its last line of ours.
    fn log(&self, begins: u64) -> (String, String) {
        // A line is written once the request has been answered. The lines of all that came before are there once this one's is.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let marker = format!("marker-{}-{}", self.namespace, COUNT.fetch_add(1, Ordering::Relaxed));
        let _ = direct::call("GET", &self.path(&format!("configmaps/{marker}")), &Value::Null);
        let log = until("the audit log has the marker", || {
            let mut file = File::open(log_file()).unwrap();
            file.seek(SeekFrom::Start(begins)).unwrap();
            let mut log = Vec::new();
            file.read_to_end(&mut log).unwrap();
            let log = String::from_utf8_lossy(&log).into_owned();
            // It is near the end.
            log.rfind(&marker).map(|_| log)
        });
        (log, marker)
    }

    /// Every request of the program in this namespace.
    pub(crate) fn requests(&self) -> Vec<Value> {
        let ours = |line: &Value| line["userAgent"].as_str().is_some_and(|agent| agent.starts_with("pod-remediator"));
        self.audited().into_iter().filter(ours).collect()
    }

    /// Every request of the program in this namespace that changes something, refused ones included.
    pub(crate) fn writes(&self) -> Vec<Value> {
        self.requests().into_iter().filter(|line| !["get", "list", "watch"].iter().any(|verb| line["verb"] == *verb)).collect()
    }

    /// Every deletion that the program asked for in this namespace, refused ones included.
    pub(crate) fn deletions(&self) -> Vec<Value> {
        self.writes().into_iter().filter(|line| line["verb"] == "delete" || line["objectRef"]["subresource"] == "eviction").collect()
    }
}

/// Every request of the program, by namespace; the log is read only once for many.
pub(crate) fn requests_by_namespace(any: &Lab) -> BTreeMap<String, Vec<Value>> {
    let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in any.whole_log().lines().filter(|line| line.contains("\"userAgent\":\"pod-remediator")) {
        let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
        if let Some(namespace) = line["objectRef"]["namespace"].as_str() {
            found.entry(namespace.to_owned()).or_default().push(line);
        }
    }
    found
}

/// The answer's code.
pub(crate) fn code(line: &Value) -> u64 {
    line["responseStatus"]["code"].as_u64().unwrap_or(0)
}
