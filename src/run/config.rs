//! Settings: flags, then the environment, then defaults. They say where to run and what it may see, never what is allowed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

mod error;
pub(crate) mod settings;

pub(crate) use error::{ConfigError, ConfigErrors};
pub(crate) use settings::{Raw, Setting};

use settings::{
    APPROVALS, LOG_FORMAT, MODE_CEILING, NOTIFY_FORMAT, NOTIFY_URL, REQUEST_SELECTOR, RUN_DEADLINE, RUNBOOKS, SERVICE_LABEL, SETTINGS,
    STATE_CONFIGMAP, SettingRole, TARGET_NAMESPACE,
};

use crate::core::names::{DNS_LABEL, DNS_SUBDOMAIN, LABEL_KEY, is_dns_label, is_dns_subdomain, is_label_key};
use crate::core::near::near;
use crate::core::runbook::DecisionMode;
use crate::core::selector::Selector;
use crate::core::snapshot::{Approvals, Bounds};
use crate::core::words::{inert, quoted, without_credentials};
use crate::outside::notify::{NotifyFormat, SecretUrl, Webhook};

/// Settings, valid.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    /// The run's only namespace. `None`: the ServiceAccount's own, or the context's.
    pub namespace: Option<String>,
    /// A runbook file, or a directory of them.
    pub runbooks: PathBuf,
    /// The name of the ledger's ConfigMap.
    pub state_configmap: String,
    /// Matches the pods that ask to be replaced.
    pub selector: Selector,
    /// The label whose value is a pod's service.
    pub service_label: String,
    /// The most that any runbook may do.
    pub ceiling: DecisionMode,
    /// How long a run may take.
    pub deadline: Duration,
    /// How records are written.
    pub log_format: LogFormat,
    /// Whether the cluster vouches for the name of whoever approves.
    pub approvals: Approvals,
    /// The webhook to notify, if there is one.
    pub notify: Option<Webhook>,
    /// The pod that this runs in.
    pub pod_name: Option<String>,
    /// Its UID.
    pub pod_uid: Option<String>,
}

impl Settings {
    /// What a run by these settings may see and do.
    pub(crate) fn bounds(&self, namespace: &str, time_left: Duration) -> Bounds {
        Bounds {
            namespace: namespace.to_owned(),
            selector: self.selector.clone(),
            service_label: self.service_label.clone(),
            ceiling: self.ceiling,
            deadline: self.deadline,
            time_left,
            approvals: self.approvals,
        }
    }
}

/// The deadline of runs, by flag or by `RUN_DEADLINE`, for who needs no other setting.
///
/// # Errors
/// It cannot be used.
pub(crate) fn run_deadline(flag: Option<String>) -> Result<Duration, ConfigErrors> {
    let variable = || std::env::var(RUN_DEADLINE.variable).ok().filter(|text| !text.is_empty());
    let mut wrong = Vec::new();
    Checker(&mut wrong).deadline(flag.or_else(variable)).ok_or(ConfigErrors(wrong))
}

/// `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

impl LogFormat {
    /// The format that this word stands for.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word {
            "auto" => Some(Self::Auto),
            "json" => Some(Self::Json),
            "text" => Some(Self::Text),
            _ => None,
        }
    }

    /// For errors of other settings: what the flag says, else the environment, else `auto`.
    pub(crate) fn of_errors(flag: Option<&str>) -> Self {
        let variable = || std::env::var(LOG_FORMAT.variable).unwrap_or_default();
        Self::from_word(&flag.map_or_else(variable, str::to_owned)).unwrap_or(Self::Auto)
    }
}

impl Settings {
    /// Understands flags and an environment.
    ///
    /// # Errors
    /// Everything that is wrong with either.
    pub(crate) fn understand(flags: Raw, environment: impl Iterator<Item = (OsString, OsString)>) -> Result<Self, ConfigErrors> {
        let mut wrong = Vec::new();
        let settings = flags.or(Raw::from_env(environment, &mut wrong)).validate(&mut wrong);
        settings.filter(|_| wrong.is_empty()).ok_or(ConfigErrors(wrong))
    }

    /// Understands settings that have been read before.
    ///
    /// # Errors
    /// Every value that is not allowed.
    pub(crate) fn of(raw: Raw) -> Result<Self, ConfigErrors> {
        let mut wrong = Vec::new();
        raw.validate(&mut wrong).ok_or(ConfigErrors(wrong))
    }
}

impl Raw {
    /// Reads the variables of an environment that are settings; their values are not checked yet.
    ///
    /// # Errors
    /// A variable that is probably misspelt, or no text.
    pub(crate) fn of_environment(environment: impl Iterator<Item = (OsString, OsString)>) -> Result<Self, ConfigErrors> {
        let mut wrong = Vec::new();
        let raw = Self::from_env(environment, &mut wrong);
        if wrong.is_empty() { Ok(raw) } else { Err(ConfigErrors(wrong)) }
    }

    /// Reads our variables, and only ours, from an environment. An empty one is unset. What is wrong with it is added to `wrong`.
    fn from_env(environment: impl Iterator<Item = (OsString, OsString)>, wrong: &mut Vec<ConfigError>) -> Self {
        let mut ours = Vec::new();
        for (name, value) in environment {
            let Some(name) = name.to_str() else { continue };
            match Setting::of_variable(name) {
                Some(known) => match value.into_string() {
                    Ok(value) if value.is_empty() => {}
                    Ok(value) => ours.push((name.to_owned(), value)),
                    Err(_) => wrong.push(ConfigError::NotText(known.variable)),
                },
                None => {
                    let spelt_like_ours = SETTINGS.iter().filter(|known| known.role != SettingRole::Pod).map(|known| known.variable);
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

    /// Understands them all, in one step. What is wrong with them is added to `wrong`; `None`: something is.
    fn validate(self, wrong: &mut Vec<ConfigError>) -> Option<Settings> {
        let mut check = Checker(wrong);
        let namespace =
            check.optional(TARGET_NAMESPACE, self.target_namespace, DNS_LABEL, |text| is_dns_label(text).then(|| text.to_owned()));
        let state_configmap =
            check.setting(STATE_CONFIGMAP, self.state_configmap, DNS_SUBDOMAIN, |text| is_dns_subdomain(text).then(|| text.to_owned()));
        let service_label = check.setting(SERVICE_LABEL, self.service_label, LABEL_KEY, |text| is_label_key(text).then(|| text.to_owned()));
        let text = self.request_selector.as_deref().unwrap_or(REQUEST_SELECTOR.default);
        let selector = match text.parse::<Selector>() {
            Ok(selector) if selector.required_keys().next().is_none() => {
                check.refuse(REQUEST_SELECTOR, text, "it must name a label that a requesting pod carries")
            }
            Ok(selector) => Some(selector),
            Err(error) => check.refuse(REQUEST_SELECTOR, text, &error.to_string()),
        };
        let modes = "observe, manual, suggest, approval_required or auto_execute";
        let ceiling = check.setting(MODE_CEILING, self.mode_ceiling, modes, DecisionMode::from_word);
        let deadline = check.deadline(self.run_deadline);
        let log_format = check.setting(LOG_FORMAT, self.log_format, "auto, json or text", LogFormat::from_word);
        let approvals = check.setting(APPROVALS, self.approvals, "unverified or admitted", Approvals::from_word);
        let format = check.setting(NOTIFY_FORMAT, self.notify_format, "slack or json", NotifyFormat::from_word);
        let notify_url = self.notify_url.as_ref().map(SecretUrl::trimmed);
        if let Some(flaw) = notify_url.as_ref().and_then(SecretUrl::flaw) {
            check.0.push(ConfigError::Secret(NOTIFY_URL.variable, flaw));
        }
        let format = format?;
        Some(Settings {
            namespace: namespace?,
            runbooks: self.runbooks.unwrap_or_else(|| RUNBOOKS.default.to_owned()).into(),
            state_configmap: state_configmap?,
            selector: selector?,
            service_label: service_label?,
            ceiling: ceiling?,
            deadline: deadline?,
            log_format: log_format?,
            approvals: approvals?,
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
        let range = Duration::from_secs(30)..=Duration::from_secs(24 * 60 * 60);
        self.setting(RUN_DEADLINE, value, "a duration from 30s to 24h, such as 9m", |text| {
            humantime::parse_duration(text).ok().filter(|deadline| range.contains(deadline))
        })
    }

    fn setting<T>(&mut self, setting: Setting, value: Option<String>, allowed: &str, understand: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = value.as_deref().unwrap_or(setting.default);
        understand(text).or_else(|| self.refuse(setting, text, allowed))
    }

    fn optional<T>(
        &mut self,
        setting: Setting,
        value: Option<String>,
        allowed: &str,
        understand: impl Fn(&str) -> Option<T>,
    ) -> Option<Option<T>> {
        match value {
            None => Some(None),
            Some(text) => understand(&text).or_else(|| self.refuse(setting, &text, allowed)).map(Some),
        }
    }

    fn refuse<T>(&mut self, setting: Setting, value: &str, allowed: &str) -> Option<T> {
        let (value, allowed) = (quoted(&without_credentials(value)), inert(allowed, LONGEST_SHOWN));
        self.0.push(ConfigError::Invalid { setting: setting.name(), value, allowed });
        None
    }
}

/// The longest untrusted text in a message, in characters.
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
        // A recorded incident takes the same, and has no settings.
        let (deadline, selector) = (crate::core::snapshot::DEFAULT_DEADLINE, crate::core::words::default_request_selector());
        assert_eq!((settings.deadline, settings.selector), (deadline, selector));
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
    fn all_mistakes_are_reported_at_once() {
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
    fn the_url_of_the_webhook_is_a_secret() {
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
