//! A real Prometheus, in the sandbox, that scrapes a real target every second; the test says what the target's metrics are.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::fixture::{Lab, until};
use crate::remediator::signal;
use crate::web_server::{Reply, WebServer, free_port};

/// It ends when this is dropped, and so does its target.
pub(crate) struct Prometheus {
    port: u16,
    metrics: Arc<Mutex<String>>,
    process: Child,
    _target: WebServer,
}

impl Prometheus {
    /// Starts one whose target serves these metrics, and waits until it has scraped them.
    pub(crate) fn start(lab: &Lab, metrics: &str) -> Self {
        let metrics = Arc::new(Mutex::new(metrics.to_owned()));
        let served = Arc::clone(&metrics);
        let target = WebServer::saying(move || {
            Reply::With(200, "Content-Type: text/plain; version=0.0.4\r\n".to_owned(), served.lock().unwrap().clone())
        });
        let folder = lab.folder.join("prometheus");
        std::fs::create_dir_all(&folder).unwrap();
        let config = folder.join("prometheus.yml");
        let job = format!("[{{job_name: shop, static_configs: [{{targets: ['127.0.0.1:{}']}}]}}]", target.port);
        std::fs::write(&config, format!("global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs: {job}\n")).unwrap();
        let port = free_port();
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("prometheus, of Debian's package of that name: {error}"));
        let started = Self { port, metrics, process, _target: target };
        until("Prometheus has scraped its target", || (started.value("up").as_deref() == Some("1")).then_some(()));
        started
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The target's metrics are these from now on.
    pub(crate) fn set(&self, metrics: &str) {
        metrics.clone_into(&mut self.metrics.lock().unwrap());
    }

    /// Waits until a query gives this value.
    pub(crate) fn says(&self, query: &str, expected: &str) {
        until(&format!("Prometheus says {expected}"), || (self.value(query).as_deref() == Some(expected)).then_some(()));
    }

    /// The value of a query's first series.
    fn value(&self, query: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let query = utf8_percent_encode(query, NON_ALPHANUMERIC);
        write!(stream, "GET /api/v1/query?query={query} HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let answer: Value = serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()?;
        Some(answer["data"]["result"][0]["value"][1].as_str()?.to_owned())
    }

    /// It stands still, or goes on: `STOP`, `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.process.id(), name);
    }

    /// It is no more, though the target is.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
