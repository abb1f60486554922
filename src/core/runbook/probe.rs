//! Probes: a question to something that knows more than the cluster, and which answers are good. One type before and after
//! the action: before, say, is a dependency up, is there error budget left; after, say, is the error rate down.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::template::Template;

/// One item of `guardrails.probes` or `verification.probes`. The ledger keeps those of an intent as a runbook writes them, so
/// that a run that adopts it asks the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Probe {
    /// A name of its own in its list.
    pub name: String,
    /// What is asked, and which answers are good.
    pub question: ProbeQuestion,
    /// How long one answer may take; default 5.
    pub timeout_seconds: u32,
}

/// What a probe asks: exactly one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum ProbeQuestion {
    /// A GET of a URL.
    Http(HttpProbe),
    /// A query to a Prometheus.
    Prometheus(PrometheusProbe),
}

/// `http`: a GET whose status, and body if that is stated, must be these. Redirects are not followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpProbe {
    /// http or https, without credentials.
    pub url: Template,
    /// Default 200.
    pub status: u16,
    /// A text that must be in the body, letter for letter.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub body_contains: Option<String>,
}

/// `prometheus`: an instant query that must give exactly one number, which must be within the bound in so many samples in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrometheusProbe {
    /// The server, up to where its `/api/v1` begins.
    pub url: Template,
    /// The PromQL query, whose result must be one series.
    pub query: Template,
    /// `below`, `above`, `atMost` or `atLeast`.
    pub bound: Bound,
    /// Default 1.
    pub samples: u32,
    /// Between two samples; default 15. Below the server's own scrape interval, samples repeat each other.
    pub interval_seconds: u32,
}

/// Which numbers are good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Bound {
    /// Less than this.
    Below(Number),
    /// More than this.
    Above(Number),
    /// This or less.
    AtMost(Number),
    /// This or more.
    AtLeast(Number),
}

/// What a probe's question was answered: a plain fact, judged by [`Probe::holds`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Reading {
    /// By an HTTP server.
    #[serde(rename_all = "camelCase")]
    Http {
        /// The answer's status.
        status: u16,
        /// The text that is looked for was in the body; true where none is.
        body_contains: bool,
    },
    /// By a Prometheus: one value a sample, oldest first. Before the action, the first that is out of bound is the last.
    Prometheus {
        /// The values.
        samples: Vec<f64>,
    },
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http { status, body_contains: true } => write!(f, "status={status}"),
            Self::Http { status, body_contains: false } => write!(f, "status={status} body=without_the_text"),
            Self::Prometheus { samples } => {
                let samples: Vec<String> = samples.iter().map(ToString::to_string).collect();
                write!(f, "samples={}", if samples.is_empty() { "none".to_owned() } else { samples.join(",") })
            }
        }
    }
}

/// A finite number, so that it equals itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Number(f64);

impl Eq for Number {}

impl Number {
    /// `None` for NaN and the infinities.
    pub fn new(value: f64) -> Option<Self> {
        value.is_finite().then_some(Self(value))
    }
}

impl Bound {
    /// This number is within. NaN never is.
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::Below(Number(limit)) => value < limit,
            Self::Above(Number(limit)) => value > limit,
            Self::AtMost(Number(limit)) => value <= limit,
            Self::AtLeast(Number(limit)) => value >= limit,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, Number(limit)) = match self {
            Self::Below(limit) => ("below", limit),
            Self::Above(limit) => ("above", limit),
            Self::AtMost(limit) => ("at most", limit),
            Self::AtLeast(limit) => ("at least", limit),
        };
        write!(f, "{word} {limit}")
    }
}

impl Probe {
    /// How many answers it takes.
    pub const fn samples(&self) -> u32 {
        match &self.question {
            ProbeQuestion::Http(_) => 1,
            ProbeQuestion::Prometheus(probe) => probe.samples,
        }
    }

    /// How long there is between two of them.
    pub fn interval(&self) -> Duration {
        match &self.question {
            ProbeQuestion::Http(_) => Duration::ZERO,
            ProbeQuestion::Prometheus(probe) => Duration::from_secs(u64::from(probe.interval_seconds)),
        }
    }

    /// How long one answer may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(u64::from(self.timeout_seconds))
    }

    /// The least time in which it can hold: the pauses between its samples.
    pub fn shortest(&self) -> Duration {
        self.interval().saturating_mul(self.samples().saturating_sub(1))
    }

    /// The most time that asking it may take.
    pub fn longest(&self) -> Duration {
        self.shortest().saturating_add(self.timeout().saturating_mul(self.samples()))
    }

    /// Every answer so far is good.
    pub fn is_good(&self, reading: &Reading) -> bool {
        match (&self.question, reading) {
            (ProbeQuestion::Http(probe), Reading::Http { status, body_contains }) => *status == probe.status && *body_contains,
            (ProbeQuestion::Prometheus(probe), Reading::Prometheus { samples }) => samples.iter().all(|value| probe.bound.holds(*value)),
            // The answer to another question.
            _ => false,
        }
    }

    /// The answers are good, and enough of them.
    pub fn holds(&self, reading: &Reading) -> bool {
        let answers = match reading {
            Reading::Http { .. } => 1,
            Reading::Prometheus { samples } => samples.len(),
        };
        self.is_good(reading) && answers >= self.samples() as usize
    }

    /// What must hold: `status 200`, `below 0.01 in 3 samples in a row`.
    pub fn limit(&self) -> String {
        match &self.question {
            ProbeQuestion::Http(HttpProbe { status, body_contains: None, .. }) => format!("status {status}"),
            ProbeQuestion::Http(HttpProbe { status, body_contains: Some(text), .. }) => {
                format!("status {status} and a body with {}", crate::core::words::quoted(text))
            }
            ProbeQuestion::Prometheus(PrometheusProbe { bound, samples: 1, .. }) => bound.to_string(),
            ProbeQuestion::Prometheus(PrometheusProbe { bound, samples, .. }) => format!("{bound} in {samples} samples in a row"),
        }
    }
}

/// The most time that asking all of them takes: they are asked at once.
pub fn longest(probes: &[Probe]) -> Duration {
    probes.iter().map(Probe::longest).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: f64) -> Number {
        Number::new(value).unwrap()
    }

    #[track_caller]
    fn check(bound: Bound, words: &str, good: &[f64], bad: &[f64]) {
        assert_eq!(bound.to_string(), words);
        assert!(good.iter().all(|value| bound.holds(*value)), "{bound} {good:?}");
        assert!(!bad.iter().any(|value| bound.holds(*value)), "{bound} {bad:?}");
    }

    #[test]
    fn bounds() {
        let odd = f64::NAN;
        check(Bound::Below(number(0.5)), "below 0.5", &[0.4, -1.0, f64::NEG_INFINITY], &[0.5, 0.6, odd, f64::INFINITY]);
        check(Bound::Above(number(2.0)), "above 2", &[2.1, f64::INFINITY], &[2.0, 1.0, odd]);
        check(Bound::AtMost(number(0.0)), "at most 0", &[0.0, -0.0, -1.0], &[0.1, odd]);
        check(Bound::AtLeast(number(-1.5)), "at least -1.5", &[-1.5, 0.0], &[-1.6, odd]);
        assert_eq!([f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(Number::new), [None; 3]);
    }

    fn prometheus(samples: u32) -> Probe {
        let text = |text: &str| Template::new(text).unwrap();
        let question =
            PrometheusProbe { url: text("http://p"), query: text("up"), bound: Bound::Below(number(0.1)), samples, interval_seconds: 10 };
        Probe { name: "errors".to_owned(), question: ProbeQuestion::Prometheus(question), timeout_seconds: 5 }
    }

    #[test]
    fn samples_must_all_be_within_and_be_enough() {
        let holds = |samples: &[f64]| prometheus(3).holds(&Reading::Prometheus { samples: samples.to_vec() });
        assert!(holds(&[0.0, 0.05, 0.09]));
        for samples in [&[0.0, 0.05][..], &[], &[0.0, 0.1, 0.0], &[0.2], &[0.0, f64::NAN, 0.0]] {
            assert!(!holds(samples), "{samples:?}");
        }
        assert!(!prometheus(1).holds(&Reading::Http { status: 200, body_contains: true }), "an answer to another question");
    }

    #[test]
    fn an_answer_must_have_the_status_and_the_text() {
        let probe = |body_contains: Option<&str>| Probe {
            name: "up".to_owned(),
            question: ProbeQuestion::Http(HttpProbe {
                url: Template::new("http://h").unwrap(),
                status: 204,
                body_contains: body_contains.map(str::to_owned),
            }),
            timeout_seconds: 5,
        };
        let answer = |status, body_contains| Reading::Http { status, body_contains };
        assert!(probe(None).holds(&answer(204, true)));
        assert!(!probe(None).holds(&answer(200, true)));
        assert!(probe(Some("ok")).holds(&answer(204, true)));
        assert!(!probe(Some("ok")).holds(&answer(204, false)));
        assert!(!probe(Some("ok")).holds(&answer(302, true)));
        assert_eq!(probe(Some("o\nk")).limit(), "status 204 and a body with \"o\\nk\"");
    }

    #[test]
    fn time() {
        assert_eq!((prometheus(3).shortest(), prometheus(3).longest()), (Duration::from_secs(20), Duration::from_secs(35)));
        assert_eq!((prometheus(1).shortest(), prometheus(1).longest()), (Duration::ZERO, Duration::from_secs(5)));
        assert_eq!(longest(&[prometheus(1), prometheus(3)]), Duration::from_secs(35), "they are asked at once");
        assert_eq!(longest(&[]), Duration::ZERO);
    }

    #[test]
    fn kept_in_the_ledger_whole() {
        let kept = serde_json::to_string(&prometheus(3)).unwrap();
        let expected = r#"{"name":"errors","question":{"prometheus":{"url":"http://p","query":"up","bound":{"below":0.1},"samples":3,"intervalSeconds":10}},"timeoutSeconds":5}"#;
        assert_eq!(kept, expected);
        assert_eq!(serde_json::from_str::<Probe>(&kept).unwrap(), prometheus(3));
    }
}
