//! The receiver of a webhook: a [`WebServer`] whose address is a secret.

use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::web_server::{Got, Reply, WebServer};

/// It ends when this is dropped.
pub(crate) struct Receiver {
    server: WebServer,
    reply: Arc<Mutex<Reply>>,
}

impl Got {
    /// The body, which must be JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The text of a message to Slack.
    #[track_caller]
    pub(crate) fn text(&self) -> String {
        self.json()["text"].as_str().unwrap_or_else(|| panic!("no text: {}", self.body)).to_owned()
    }
}

impl Receiver {
    /// Answers `ok`.
    pub(crate) fn new() -> Self {
        let reply = Arc::new(Mutex::new(Reply::ok("ok")));
        let told = Arc::clone(&reply);
        Self { server: WebServer::saying(move || told.lock().unwrap().clone()), reply }
    }

    /// From now on.
    pub(crate) fn answers(&self, reply: Reply) {
        *self.reply.lock().unwrap() = reply;
    }

    pub(crate) fn port(&self) -> u16 {
        self.server.port
    }

    /// Where it is; the path is as secret as a webhook's.
    pub(crate) fn url(&self) -> String {
        format!("http://localhost:{}{SECRET}", self.port())
    }

    /// Everything received so far.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.server.got()
    }
}

/// Nothing may show it.
pub(crate) const SECRET: &str = "/services/T0SECRET/b0secret?token=s3cr3t";
