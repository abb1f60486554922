//! Settings: flags, then the environment, then defaults. They say where to run and what it may see, never what is allowed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::core::names::{DNS_LABEL, DNS_SUBDOMAIN, LABEL_KEY, is_dns_label, is_dns_subdomain, is_label_key};
use crate::core::near::near;
use crate::core::runbook::DecisionMode;
use crate::core::selector::Selector;
use crate::core::snapshot::Bounds;
use crate::core::snapshot::DEFAULT_DEADLINE;
use crate::core::words::{default_request_selector, inert, quoted, without_credentials};
use crate::outside::notify::{NotifyFormat, SecretUrl, Webhook};

/// Settings as given, by a flag or by a variable, not yet understood. The fields' names are the variables' in lower case.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Raw {
    /// `-n`, `TARGET_NAMESPACE`.
    pub target_namespace: Option<String>,
    /// `--runbooks`, `RUNBOOKS`.
    pub runbooks: Option<String>,
    /// `--state-configmap`, `STATE_CONFIGMAP`.
    pub state_configmap: Option<String>,
    /// `--selector`, `REQUEST_SELECTOR`.
    pub request_selector: Option<String>,
    /// `--service-label`, `SERVICE_LABEL`.
    pub service_label: Option<String>,
    /// `--mode-ceiling`, `MODE_CEILING`.
    pub mode_ceiling: Option<String>,
    /// `--deadline`, `RUN_DEADLINE`.
    pub run_deadline: Option<String>,
    /// `--log-format`, `LOG_FORMAT`.
    pub log_format: Option<String>,
    /// `--approvals`, `APPROVALS`.
    pub approvals: Option<String>,
    /// `NOTIFY_URL`. There is no flag: whoever may list processes sees what flags hold.
    pub notify_url: Option<SecretUrl>,
    /// `NOTIFY_FORMAT`.
    pub notify_format: Option<String>,
    /// `POD_NAME`.
    pub pod_name: Option<String>,
    /// `POD_UID`.
    pub pod_uid: Option<String>,
}

/// Our variables, each with its flag, if it has one.
const VARIABLES: [(&str, &str); 13] = [
    ("TARGET_NAMESPACE", "--namespace"),
    ("RUNBOOKS", "--runbooks"),
    ("STATE_CONFIGMAP", "--state-configmap"),
    ("REQUEST_SELECTOR", "--selector"),
    ("SERVICE_LABEL", "--service-label"),
    ("MODE_CEILING", "--mode-ceiling"),
    ("RUN_DEADLINE", "--deadline"),
    ("LOG_FORMAT", "--log-format"),
    ("APPROVALS", "--approvals"),
    ("NOTIFY_URL", ""),
    ("NOTIFY_FORMAT", ""),
    ("POD_NAME", ""),
    ("POD_UID", ""),
];

/// Where runbooks are read from unless a setting says otherwise; the CronJob mounts its ConfigMap there.
pub const DEFAULT_RUNBOOKS: &str = "/etc/pod-remediator/runbooks";

/// Those of the downward API: names near them (NODE_NAME, POD_IP) are common and no misspelling.
const DOWNWARD: &str = "POD_";

/// Settings, valid.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The one namespace of the run; `None`: the ServiceAccount's own, or the context's.
    pub namespace: Option<String>,
    /// A file or a folder.
    pub runbooks: PathBuf,
    /// The ledger's ConfigMap.
    pub state_configmap: String,
    /// Which pods ask.
    pub selector: Selector,
    /// What makes a service.
    pub service_label: String,
    /// The most that any runbook may do.
    pub ceiling: DecisionMode,
    /// A run ends within it.
    pub deadline: Duration,
    /// How records are written.
    pub log_format: LogFormat,
    /// The cluster's admission vouches for who approves.
    pub approvals_admitted: bool,
    /// Whom to tell, if anybody.
    pub notify: Option<Webhook>,
    /// The pod that this runs in.
    pub pod_name: Option<String>,
    /// Its UID.
    pub pod_uid: Option<String>,
}

impl Settings {
    /// What a run by these settings may see and do.
    pub fn bounds(&self, namespace: &str, time_left: Duration) -> Bounds {
        Bounds {
            namespace: namespace.to_owned(),
            selector: self.selector.clone(),
            service_label: self.service_label.clone(),
            ceiling: self.ceiling,
            deadline: self.deadline,
            time_left,
            approvals_admitted: self.approvals_admitted,
        }
    }
}

/// The deadline of runs, by flag or by `RUN_DEADLINE`, for who needs no other setting.
///
/// # Errors
/// It cannot be used.
pub fn run_deadline(flag: Option<String>) -> Result<Duration, ConfigErrors> {
    let variable = || std::env::var("RUN_DEADLINE").ok().filter(|text| !text.is_empty());
    let mut wrong = Vec::new();
    Checker(&mut wrong).deadline(flag.or_else(variable)).ok_or(ConfigErrors(wrong))
}

/// `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

impl LogFormat {
    /// The format that this word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "auto" => Some(Self::Auto),
            "json" => Some(Self::Json),
            "text" => Some(Self::Text),
            _ => None,
        }
    }

    /// For errors of other settings: what the flag says, else the environment, else `auto`.
    pub fn of_errors(flag: Option<&str>) -> Self {
        let variable = || std::env::var("LOG_FORMAT").unwrap_or_default();
        Self::from_word(&flag.map_or_else(variable, str::to_owned)).unwrap_or(Self::Auto)
    }
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A variable that is probably a misspelling of ours.
    #[error("environment variable {name}: did you mean {meant}?")]
    Misspelt {
        /// As it is set.
        name: String,
        /// As it should be.
        meant: &'static str,
    },
    /// A variable of ours that is no text.
    #[error("environment variable {0} is not valid UTF-8")]
    NotText(&'static str),
    /// A value that is not allowed.
    #[error("{setting}: {value} is not allowed: {allowed}")]
    Invalid {
        /// The flag and the variable.
        setting: String,
        /// What was given, in quotes: bounded, inert, and without credentials.
        value: String,
        /// What may be given.
        allowed: String,
    },
    /// A secret that cannot be used.
    #[error("{0}: its value, which is not shown, cannot be used: {1}")]
    Secret(&'static str, &'static str),
}

/// Every setting that cannot be used, in one go.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl Settings {
    /// Understands flags and an environment.
    ///
    /// # Errors
    /// Everything that is wrong with either.
    pub fn understand(flags: Raw, environment: impl Iterator<Item = (OsString, OsString)>) -> Result<Self, ConfigErrors> {
        let mut wrong = Vec::new();
        let settings = flags.or(Raw::from_env(environment, &mut wrong)).validate(&mut wrong);
        settings.filter(|_| wrong.is_empty()).ok_or(ConfigErrors(wrong))
    }

    /// Understands settings that have been read before.
    ///
    /// # Errors
    /// Every value that is not allowed.
    pub fn of(raw: Raw) -> Result<Self, ConfigErrors> {
        let mut wrong = Vec::new();
        raw.validate(&mut wrong).ok_or(ConfigErrors(wrong))
    }
}

impl Raw {
    /// Reads the variables of an environment that are settings; their values are not checked yet.
    ///
    /// # Errors
    /// A variable that is probably misspelt, or no text.
    pub fn of_environment(environment: impl Iterator<Item = (OsString, OsString)>) -> Result<Self, ConfigErrors> {
        let mut wrong = Vec::new();
        let raw = Self::from_env(environment, &mut wrong);
        if wrong.is_empty() { Ok(raw) } else { Err(ConfigErrors(wrong)) }
    }

    /// The settings that a decision depends on, by the names of their variables, as far as they are given.
    pub fn policy(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("STATE_CONFIGMAP", &self.state_configmap),
            ("REQUEST_SELECTOR", &self.request_selector),
            ("SERVICE_LABEL", &self.service_label),
            ("MODE_CEILING", &self.mode_ceiling),
            ("RUN_DEADLINE", &self.run_deadline),
            ("APPROVALS", &self.approvals),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect()
    }

    /// Reads our variables, and only ours, from an environment. An empty one is unset. What is wrong with it is added to `wrong`.
    fn from_env(environment: impl Iterator<Item = (OsString, OsString)>, wrong: &mut Vec<ConfigError>) -> Self {
        let mut ours = Vec::new();
        for (name, value) in environment {
            let Some(name) = name.to_str() else { continue };
            match VARIABLES.iter().find(|(known, _)| *known == name) {
                Some((known, _)) => match value.into_string() {
                    Ok(value) if value.is_empty() => {}
                    Ok(value) => ours.push((name.to_owned(), value)),
                    Err(_) => wrong.push(ConfigError::NotText(known)),
                },
                None => {
                    let spelt_like_ours = VARIABLES.iter().map(|(known, _)| *known).filter(|known| !known.starts_with(DOWNWARD));
                    if let Some(meant) = near(name, spelt_like_ours) {
                        wrong.push(ConfigError::Misspelt { name: inert(name, LONGEST_SHOWN), meant });
                    }
                }
            }
        }
        // An environment has no order that a person could rely on.
        wrong.sort_by_key(ToString::to_string);
        // All fields are optional texts, so nothing is left that could fail.
        envy::from_iter(ours).unwrap_or_default()
    }

    /// Flags win over the environment.
    pub fn or(self, other: Self) -> Self {
        Self {
            target_namespace: self.target_namespace.or(other.target_namespace),
            runbooks: self.runbooks.or(other.runbooks),
            state_configmap: self.state_configmap.or(other.state_configmap),
            request_selector: self.request_selector.or(other.request_selector),
            service_label: self.service_label.or(other.service_label),
            mode_ceiling: self.mode_ceiling.or(other.mode_ceiling),
            run_deadline: self.run_deadline.or(other.run_deadline),
            log_format: self.log_format.or(other.log_format),
            approvals: self.approvals.or(other.approvals),
            notify_url: self.notify_url.or(other.notify_url),
            notify_format: self.notify_format.or(other.notify_format),
            pod_name: self.pod_name.or(other.pod_name),
            pod_uid: self.pod_uid.or(other.pod_uid),
        }
    }

    /// Understands them all, in one step. What is wrong with them is added to `wrong`; `None`: something is.
    fn validate(self, wrong: &mut Vec<ConfigError>) -> Option<Settings> {
        let mut check = Checker(wrong);
        let namespace =
            check.optional("TARGET_NAMESPACE", self.target_namespace, DNS_LABEL, |text| is_dns_label(text).then(|| text.to_owned()));
        let state_configmap = check.setting("STATE_CONFIGMAP", self.state_configmap, "pod-remediator-state", DNS_SUBDOMAIN, |text| {
            is_dns_subdomain(text).then(|| text.to_owned())
        });
        let service_label =
            check.setting("SERVICE_LABEL", self.service_label, "app", LABEL_KEY, |text| is_label_key(text).then(|| text.to_owned()));
        let selector = match self.request_selector {
            None => Some(default_request_selector()),
            Some(text) => match text.parse::<Selector>() {
                Ok(selector) if selector.required_keys().next().is_none() => {
                    check.refuse("REQUEST_SELECTOR", &text, "it must name a label that a requesting pod carries")
                }
                Ok(selector) => Some(selector),
                Err(error) => check.refuse("REQUEST_SELECTOR", &text, &error.to_string()),
            },
        };
        let modes = "observe, manual, suggest, approval_required or auto_execute";
        let ceiling = check.setting("MODE_CEILING", self.mode_ceiling, "auto_execute", modes, DecisionMode::from_word);
        let deadline = check.deadline(self.run_deadline);
        let log_format = check.setting("LOG_FORMAT", self.log_format, "auto", "auto, json or text", LogFormat::from_word);
        let approvals_admitted = check.setting("APPROVALS", self.approvals, "unverified", "unverified or admitted", |text| match text {
            "unverified" => Some(false),
            "admitted" => Some(true),
            _ => None,
        });
        let format = check.setting("NOTIFY_FORMAT", self.notify_format, "slack", "slack or json", NotifyFormat::from_word);
        let notify_url = self.notify_url.as_ref().map(SecretUrl::trimmed);
        if let Some(flaw) = notify_url.as_ref().and_then(SecretUrl::flaw) {
            check.0.push(ConfigError::Secret("NOTIFY_URL", flaw));
        }
        let format = format?;
        Some(Settings {
            namespace: namespace?,
            runbooks: self.runbooks.unwrap_or_else(|| DEFAULT_RUNBOOKS.to_owned()).into(),
            state_configmap: state_configmap?,
            selector: selector?,
            service_label: service_label?,
            ceiling: ceiling?,
            deadline: deadline?,
            log_format: log_format?,
            approvals_admitted: approvals_admitted?,
            notify: notify_url.map(|url| Webhook { url, format }),
            pod_name: self.pod_name,
            pod_uid: self.pod_uid,
        })
    }
}

/// Understands one value after the other; of those that cannot be, it keeps what is wrong.
struct Checker<'a>(&'a mut Vec<ConfigError>);

impl Checker<'_> {
    fn deadline(&mut self, value: Option<String>) -> Option<Duration> {
        let Some(text) = value else { return Some(DEFAULT_DEADLINE) };
        let range = Duration::from_secs(30)..=Duration::from_secs(24 * 60 * 60);
        let understood = humantime::parse_duration(&text).ok().filter(|deadline| range.contains(deadline));
        understood.or_else(|| self.refuse("RUN_DEADLINE", &text, "a duration from 30s to 24h, such as 9m"))
    }

    fn setting<T>(
        &mut self,
        variable: &str,
        value: Option<String>,
        default: &str,
        allowed: &str,
        understand: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = value.as_deref().unwrap_or(default);
        understand(text).or_else(|| self.refuse(variable, text, allowed))
    }

    fn optional<T>(
        &mut self,
        variable: &str,
        value: Option<String>,
        allowed: &str,
        understand: impl Fn(&str) -> Option<T>,
    ) -> Option<Option<T>> {
        match value {
            None => Some(None),
            Some(text) => understand(&text).or_else(|| self.refuse(variable, &text, allowed)).map(Some),
        }
    }

    fn refuse<T>(&mut self, variable: &str, value: &str, allowed: &str) -> Option<T> {
        let flag = VARIABLES.iter().find(|(name, _)| *name == variable).map_or("", |(_, flag)| flag);
        let setting = if flag.is_empty() { variable.to_owned() } else { format!("{flag} ({variable})") };
        self.0.push(ConfigError::Invalid { setting, value: quoted(&without_credentials(value)), allowed: inert(allowed, LONGEST_SHOWN) });
        None
    }
}

/// The longest foreign text in a message, in characters.
const LONGEST_SHOWN: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    fn from(environment: &[(&str, &str)]) -> Result<Settings, ConfigErrors> {
        Settings::understand(Raw::default(), environment.iter().map(|(name, value)| (name.into(), value.into())))
    }

    #[track_caller]
    fn refused(name: &str, value: &str, expected: &str) {
        assert_eq!(from(&[(name, value)]).unwrap_err().to_string(), expected);
    }

    #[test]
    fn without_any_the_defaults_hold() {
        let settings = from(&[("HOME", "/"), ("NODE_NAME", "n1"), ("POD_IP", "10.0.0.1"), ("TARGET_NAMESPACE", "")]).unwrap();
        assert_eq!(settings.namespace, None);
        assert_eq!(settings.runbooks.to_str(), Some("/etc/pod-remediator/runbooks"));
        assert_eq!(settings.state_configmap, "pod-remediator-state");
        assert_eq!(settings.selector.to_string(), "remediator.kubedojo.io/restart=true");
        assert_eq!(settings.service_label, "app");
        assert_eq!(settings.ceiling, DecisionMode::AutoExecute);
        assert_eq!(settings.deadline, Duration::from_secs(540));
    }

    #[test]
    fn a_flag_wins_over_the_environment() {
        let flags = Raw { service_label: Some("team/app".to_owned()), ..Raw::default() };
        let environment = [("SERVICE_LABEL", "svc"), ("RUN_DEADLINE", "90s")];
        let environment = environment.into_iter().map(|(name, value)| (name.into(), value.into()));
        let settings = Settings::understand(flags, environment).unwrap();
        assert_eq!((settings.service_label.as_str(), settings.deadline.as_secs()), ("team/app", 90));
    }

    #[test]
    fn a_value_that_is_not_allowed_is_named_with_what_is() {
        refused("TARGET_NAMESPCE", "x", "environment variable TARGET_NAMESPCE: did you mean TARGET_NAMESPACE?");
        refused("LOG_FORMAT", "xml", r#"--log-format (LOG_FORMAT): "xml" is not allowed: auto, json or text"#);
        refused("RUN_DEADLINE", "9", r#"--deadline (RUN_DEADLINE): "9" is not allowed: a duration from 30s to 24h, such as 9m"#);
        refused(
            "MODE_CEILING",
            "auto",
            r#"--mode-ceiling (MODE_CEILING): "auto" is not allowed: observe, manual, suggest, approval_required or auto_execute"#,
        );
        refused(
            "REQUEST_SELECTOR",
            "!a",
            r#"--selector (REQUEST_SELECTOR): "!a" is not allowed: it must name a label that a requesting pod carries"#,
        );
        assert!(from(&[("TARGET_NAMESPACE", "Shop")]).unwrap_err().to_string().starts_with("--namespace (TARGET_NAMESPACE): \"Shop\""));
        assert!(from(&[("STATE_CONFIGMAP", "a b")]).is_err() && from(&[("SERVICE_LABEL", "a b")]).is_err());
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let environment = [
            ("RUN_DEADLIN", "1m"),
            ("LOG_FORMAT", "xml"),
            ("TARGET_NAMESPCE", "x"),
            ("STATE_CONFIGMAP", "A"),
            ("REQUEST_SELECTOR", "a=b=c"),
        ];
        let told = from(&environment).unwrap_err().to_string();
        let lines: Vec<&str> = told.lines().map(|line| line.split(": ").next().unwrap()).collect();
        let expected = [
            "environment variable RUN_DEADLIN",
            "environment variable TARGET_NAMESPCE",
            "--state-configmap (STATE_CONFIGMAP)",
            "--selector (REQUEST_SELECTOR)",
            "--log-format (LOG_FORMAT)",
        ];
        assert_eq!(lines, expected, "{told}");
    }

    #[test]
    fn a_value_is_shown_inert_bounded_and_without_credentials() {
        refused(
            "LOG_FORMAT",
            "a\n\u{1b}[2J\u{202e}b",
            r#"--log-format (LOG_FORMAT): "a\n\u{1b}[2J\u{202e}b" is not allowed: auto, json or text"#,
        );
        refused("LOG_FORMAT", "https://me:secret@h", r#"--log-format (LOG_FORMAT): "https://…@h" is not allowed: auto, json or text"#);
        let long = from(&[("REQUEST_SELECTOR", &"\u{1b}=\n".repeat(100_000))]).unwrap_err().to_string();
        assert!(long.len() < 1500 && !long.contains(char::is_control), "{long}");
    }

    #[test]
    fn whom_to_tell_is_a_secret() {
        assert_eq!(from(&[("NOTIFY_FORMAT", "json")]).unwrap().notify, None);
        let secret = "https://hooks.example.com/T0/secret";
        let webhook = |format| Some(Webhook { url: secret.into(), format });
        let settings = from(&[("NOTIFY_URL", &format!("{secret}\n"))]).unwrap();
        assert!(!format!("{settings:?}").contains("secret") && settings.notify == webhook(NotifyFormat::Slack), "{settings:?}");
        assert_eq!(from(&[("NOTIFY_URL", secret), ("NOTIFY_FORMAT", "json")]).unwrap().notify, webhook(NotifyFormat::Json));
        let raw = Raw { notify_url: Some(secret.into()), ..Raw::default() };
        assert!(!format!("{raw:?}").contains("secret"), "{raw:?}");

        let why = "NOTIFY_URL: its value, which is not shown, cannot be used:";
        refused("NOTIFY_URL", "secret", &format!("{why} it must begin with http:// or https://"));
        refused("NOTIFY_URL", "https://me:secret@example.com/", &format!("{why} it must not hold a user name or password"));
        refused("NOTIFY_FORMAT", "xml", r#"NOTIFY_FORMAT: "xml" is not allowed: slack or json"#);
        refused("NOTIFY_URI", "secret", "environment variable NOTIFY_URI: did you mean NOTIFY_URL?");
        refused("NOTIFY_FROMAT", "json", "environment variable NOTIFY_FROMAT: did you mean NOTIFY_FORMAT?");
        assert!(from(&[("NOTIFY_SOCKET", "/run/systemd/notify")]).is_ok(), "that is systemd's");
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_of_ours_must_be_text_and_others_need_not() {
        use std::os::unix::ffi::OsStringExt;
        let bad = || OsString::from_vec(vec![0xff]);
        let of = |name: OsString| Settings::understand(Raw::default(), [(name, bad())].into_iter());
        assert_eq!(of("RUNBOOKS".into()).unwrap_err(), ConfigErrors(vec![ConfigError::NotText("RUNBOOKS")]));
        assert!(of("LS_COLORS".into()).is_ok());
        assert!(of(bad()).is_ok());
    }
}
