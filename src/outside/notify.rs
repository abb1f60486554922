//! Notifications: one optional webhook, for what a human has to know. Never decisive: what it costs is bounded, and a receiver
//! that fails, hangs or redirects changes nothing but that the next run tries again.
//!
//! The receiver's URL is a secret from beginning to end: it comes by the environment only, and nothing shows it.

mod error;
mod outbox;
mod text;

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;

use crate::outside::http::{self, ExchangeLimits, HttpCause, HttpError};
use crate::terminal::audit::{self, Record};

pub(crate) use error::NotifyError;
pub(crate) use outbox::{Message, News, Outbox};
pub(crate) use text::{in_words, slack};

/// A URL that whoever knows it may post to: nothing shows it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct SecretUrl(String);

impl SecretUrl {
    /// Without what a file ends with: most Secrets are made of one.
    #[must_use]
    pub(crate) fn trimmed(&self) -> Self {
        Self(self.0.trim().to_owned())
    }

    /// Why it cannot be posted to, if it cannot; without the URL itself.
    pub(crate) fn flaw(&self) -> Option<&'static str> {
        http::flaw(&self.0)
    }
}

impl From<&str> for SecretUrl {
    fn from(url: &str) -> Self {
        Self(url.to_owned())
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretUrl(…)")
    }
}

/// How a notification is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotifyFormat {
    /// Text as Slack, and what imitates it, shows it: `{"text": "…"}`.
    Slack,
    /// The audit record as it is.
    Json,
}

impl NotifyFormat {
    /// The format that this word stands for.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word {
            "slack" => Some(Self::Slack),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    /// The word for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Json => "json",
        }
    }
}

/// Where notifications go, and in which format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Webhook {
    /// `NOTIFY_URL`.
    pub url: SecretUrl,
    /// `NOTIFY_FORMAT`.
    pub format: NotifyFormat,
}

impl Webhook {
    /// Posts one record, once.
    ///
    /// # Errors
    /// See [`NotifyError`]; no error shows anything of the URL. After a slow answer it may have been received all the same.
    pub(crate) async fn send(&self, record: &Record, limits: ExchangeLimits) -> Result<(), NotifyError> {
        let body = match self.format {
            NotifyFormat::Slack => serde_json::json!({"text": slack(record), "unfurl_links": false, "unfurl_media": false}).to_string(),
            NotifyFormat::Json => audit::json(record),
        };
        let exchange = http::post(&self.url.0, "application/json", body.into_bytes(), limits);
        // Libraries trace what they ask: whatever RUST_LOG says, not this.
        match exchange.with_subscriber(NoSubscriber::default()).await {
            Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
            Ok(answer) => Err(NotifyError::Refused { status: answer.status }),
            Err(error) => Err(NotifyError::NoAnswer(without_place(&error))),
        }
    }
}

impl Webhook {
    /// Connects to the receiver and sends nothing: its host and port, and why there is no connection, if there is none. For who asks
    /// `check`, that much of the URL is no secret.
    pub(crate) async fn reach(&self, timeout: Duration) -> (String, Result<(), HttpCause>) {
        let connected = http::connect(&self.url.0, timeout).with_subscriber(NoSubscriber::default()).await;
        (http::host_and_port(&self.url.0), connected.map_err(|error| error.cause))
    }
}

/// Why there is no answer. Where the receiver is may be a secret, too: some services make the host's name of it.
fn without_place(error: &HttpError) -> String {
    let cause = error.cause.to_string();
    let host = error.place.split("://").nth(1).unwrap_or_default();
    let host = if host.starts_with('[') { host.split_inclusive(']').next() } else { host.split(':').next() };
    match host {
        Some(host) if !host.is_empty() => cause.replace(host, "…"),
        _ => cause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_not_shown() {
        let webhook = Webhook { url: "https://hooks.example.com/T0/secret".into(), format: NotifyFormat::Slack };
        assert_eq!(format!("{webhook:?}"), "Webhook { url: SecretUrl(…), format: Slack }");
        assert_eq!(webhook.url.flaw(), None);
        assert_eq!(SecretUrl::from("secret").flaw(), Some("it must begin with http:// or https://"));
    }

    #[test]
    fn an_error_does_not_say_where_the_receiver_is() {
        for place in ["https://secret.example.com:8443", "https://secret.example.com"] {
            let cause = HttpCause::Connect("certificate not valid for name \"secret.example.com\"".to_owned());
            let error = HttpError { place: place.to_owned(), cause };
            assert_eq!(without_place(&error), "cannot connect: certificate not valid for name \"…\"");
        }
        let error = HttpError { place: "http://[::1]:1".to_owned(), cause: HttpCause::Connect("[::1] says no".to_owned()) };
        assert_eq!(without_place(&error), "cannot connect: … says no");
        let error = HttpError { place: "a URL that cannot be used".to_owned(), cause: HttpCause::Url("it is no URL") };
        assert_eq!(without_place(&error), "it is no URL");
    }

    #[test]
    fn what_an_answer_means() {
        assert_eq!(
            NotifyError::Refused { status: 302 }.to_string(),
            "the receiver answered with status 302, and redirects are not followed"
        );
        assert_eq!(NotifyError::Refused { status: 500 }.to_string(), "the receiver answered with status 500");
    }
}
