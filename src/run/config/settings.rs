//! Every setting, declared once. The flags, the variables, the help texts and the table in docs/operations.md follow from this list.

use serde::Deserialize;

use crate::outside::notify::SecretUrl;

/// One setting: its names, its default and its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The environment variable.
    pub variable: &'static str,
    /// The flag, without its dashes. `None`: only the environment has it.
    pub flag: Option<&'static str>,
    /// The value if none is given; or, in words, the consequence of giving none.
    pub default: &'static str,
    /// The effect of the setting, in words for the help and the guide.
    pub meaning: &'static str,
    /// Says which part of the program depends on it.
    pub role: SettingRole,
}

/// Says which part of the program depends on a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SettingRole {
    /// Decisions depend on it. A command from a desk uses the CronJob's, unless its caller gives another.
    Decision,
    /// It leads to the runbooks. Decisions depend on them as well, but a desk finds them in another way.
    Runbooks,
    /// Only the caller's own work depends on it: where to work, and how to print or notify.
    Own,
    /// Kubernetes sets it in a pod, by the downward API.
    Pod,
}

macro_rules! settings {
    ($($field:ident: $value:ty = $variable:ident, $role:ident, $flag:expr, $default:literal, $meaning:literal;)+) => {
        /// Settings as given, by a flag or by a variable, not yet understood. The fields' names are the variables' in lower case.
        #[derive(Debug, Clone, Default, Deserialize)]
        pub(crate) struct Raw {
            $(#[doc = $meaning] pub(crate) $field: Option<$value>,)+
        }

        $(
            #[doc = $meaning]
            pub(crate) const $variable: Setting =
                Setting { variable: stringify!($variable), flag: $flag, default: $default, meaning: $meaning, role: SettingRole::$role };
        )+

        /// All of them, in the order of the documents.
        pub(crate) const SETTINGS: &[Setting] = &[$($variable),+];

        impl Raw {
            /// Takes these settings, and from `other` those that these do not give.
            #[must_use]
            pub(crate) fn or(self, other: Self) -> Self {
                Self { $($field: self.$field.or(other.$field)),+ }
            }

            /// The settings that a decision depends on, as far as they are given.
            pub(crate) fn policy(&self) -> Vec<(Setting, &str)> {
                let all = [$(($variable, self.$field.as_ref().and_then(Shown::shown))),+];
                all.into_iter().filter_map(|(one, value)| Some((one, value?))).filter(|(one, _)| one.role == SettingRole::Decision).collect()
            }

            /// Only the settings that a decision depends on.
            #[must_use]
            pub(crate) fn of_decisions(self) -> Self {
                Self { $($field: self.$field.filter(|_| $variable.role == SettingRole::Decision)),+ }
            }
        }
    };
}

settings! {
    target_namespace: String = TARGET_NAMESPACE, Own, Some("namespace"), "the ServiceAccount's or the context's own",
        "The one namespace to work in";
    runbooks: String = RUNBOOKS, Runbooks, Some("runbooks"), "/etc/pod-remediator/runbooks",
        "A runbook file, or a directory of them; if the default does not exist, `explain` and `check` read those that the CronJob mounts";
    state_configmap: String = STATE_CONFIGMAP, Decision, Some("state-configmap"), "pod-remediator-state",
        "The ConfigMap that holds the ledger";
    request_selector: String = REQUEST_SELECTOR, Decision, Some("selector"), "remediator.kubedojo.io/restart=true",
        "The label selector of requests: a pod that matches it asks to be replaced";
    service_label: String = SERVICE_LABEL, Decision, Some("service-label"), "app",
        "The label whose value is a pod's service";
    mode_ceiling: String = MODE_CEILING, Decision, Some("mode-ceiling"), "auto_execute",
        "The most that any runbook may do; it can only lower what a runbook allows";
    run_deadline: String = RUN_DEADLINE, Decision, Some("deadline"), "9m",
        "How long a run may take; it begins no action that it could not verify within that time";
    log_format: String = LOG_FORMAT, Own, Some("log-format"), "auto",
        "The format of records: `json`, `text`, or `auto`, which is text on a terminal and JSON elsewhere";
    approvals: String = APPROVALS, Decision, Some("approvals"), "unverified",
        "`unverified`; or `admitted`, if an admission policy lets only approvers approve, and only under their own name";
    notify_url: SecretUrl = NOTIFY_URL, Own, None, "nobody is notified",
        "The URL of the webhook to notify; it is a secret, and no output shows it";
    notify_format: String = NOTIFY_FORMAT, Own, None, "slack",
        "`slack`, or `json`: the audit record as it is";
    pod_name: String = POD_NAME, Pod, None, "no pod", "The name of the program's own pod";
    pod_uid: String = POD_UID, Pod, None, "no pod", "The UID of the program's own pod";
}

/// A value that output may show, unless it is secret.
trait Shown {
    /// `None`: it is a secret.
    fn shown(&self) -> Option<&str>;
}

impl Shown for String {
    fn shown(&self) -> Option<&str> {
        Some(self)
    }
}

impl Shown for SecretUrl {
    fn shown(&self) -> Option<&str> {
        None
    }
}

impl Setting {
    /// The setting of this variable.
    pub(crate) fn of_variable(name: &str) -> Option<Self> {
        SETTINGS.iter().find(|one| one.variable == name).copied()
    }

    /// Whether decisions depend on it: on its value, or on the runbooks that it leads to.
    pub(crate) fn decides(self) -> bool {
        matches!(self.role, SettingRole::Decision | SettingRole::Runbooks)
    }

    /// Its flag's help.
    pub(crate) fn help(self) -> String {
        self.help_as(self.meaning)
    }

    /// Its flag's help, for a command in which it has this meaning.
    pub(crate) fn help_as(self, meaning: &str) -> String {
        format!("{meaning} [env: {}] [default: {}]", self.variable, self.default)
    }

    /// The name in errors: `--deadline (RUN_DEADLINE)`.
    pub(crate) fn name(self) -> String {
        self.flag.map_or_else(|| self.variable.to_owned(), |flag| format!("--{flag} ({})", self.variable))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new setting is one of these, or it is not, by intention: `explain` from a desk decides by them.
    #[test]
    fn what_decisions_depend_on() {
        let deciding: Vec<&str> = SETTINGS.iter().filter(|one| one.decides()).map(|one| one.variable).collect();
        let expected = ["RUNBOOKS", "STATE_CONFIGMAP", "REQUEST_SELECTOR", "SERVICE_LABEL", "MODE_CEILING", "RUN_DEADLINE", "APPROVALS"];
        assert_eq!(deciding, expected);
    }

    #[test]
    fn the_table_of_the_guide_has_every_setting() {
        let mut table = "| flag | variable | default | what it sets |\n| --- | --- | --- | --- |\n".to_owned();
        for Setting { variable, flag, default, meaning, role } in SETTINGS.iter().copied() {
            let flag = flag.map_or_else(|| "none".to_owned(), |flag| format!("`--{flag}`"));
            // A default in words is one that no value stands for.
            let default = if default.contains(' ') { default.to_owned() } else { format!("`{default}`") };
            let by_whom = if role == SettingRole::Pod { "; the CronJob takes it from the downward API" } else { "" };
            table += &format!("| {flag} | `{variable}` | {default} | {meaning}{by_whom} |\n");
        }
        crate::documented::part("docs/operations.md", "settings", &table);
    }
}
