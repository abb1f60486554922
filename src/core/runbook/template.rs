//! Text with `${…}` in it, for what is only known when a pod is replaced.
//!
//! Nothing can be injected by a value: each is checked again for the alphabet that Kubernetes allows it, letters, digits, `-`,
//! `_` and `.`, and none of these means anything in a URL, or between the quotes of PromQL. (In a regular expression, `=~`, a
//! `.` stands for any one character: `=` is the better matcher.)

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::core::names::{is_dns_label, is_dns_subdomain, is_label_value};

/// Text with `${SERVICE}` and the like; every name in it is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Template(String);

/// What may stand in a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variable {
    Service,
    Namespace,
    Workload,
    PodName,
}

/// What the variables of a template stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Values<'a> {
    /// `${SERVICE}`: the value of the service label.
    pub service: &'a str,
    /// `${NAMESPACE}`.
    pub namespace: &'a str,
    /// `${WORKLOAD}`: the name of the Deployment, StatefulSet or other workload.
    pub workload: &'a str,
    /// `${POD_NAME}`: before the action the pod to replace, after it the replacement.
    pub pod_name: &'a str,
}

impl Variable {
    const ALL: [Self; 4] = [Self::Service, Self::Namespace, Self::Workload, Self::PodName];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "SERVICE",
            Self::Namespace => "NAMESPACE",
            Self::Workload => "WORKLOAD",
            Self::PodName => "POD_NAME",
        }
    }

    /// Its value, if that is what Kubernetes allows.
    fn of<'a>(self, values: &Values<'a>) -> Option<&'a str> {
        let (value, rule): (_, fn(&str) -> bool) = match self {
            Self::Service => (values.service, is_label_value),
            Self::Namespace => (values.namespace, is_dns_label),
            Self::Workload => (values.workload, is_dns_subdomain),
            Self::PodName => (values.pod_name, is_dns_subdomain),
        };
        // An empty label's value would ask for everything.
        (!value.is_empty() && rule(value)).then_some(value)
    }
}

impl Template {
    /// A text, if every `${…}` in it is known.
    ///
    /// # Errors
    /// What is wrong, and what is allowed.
    pub fn new(text: &str) -> Result<Self, String> {
        pieces(text, |_| Ok(String::new()))?;
        Ok(Self(text.to_owned()))
    }

    /// The text with values for its variables.
    ///
    /// # Errors
    /// A value that it needs is not what Kubernetes allows: which.
    pub fn with(&self, values: &Values<'_>) -> Result<String, String> {
        pieces(&self.0, |variable| match variable.of(values) {
            Some(value) => Ok(value.to_owned()),
            None => Err(format!("the value of ${{{}}} is not one that Kubernetes allows", variable.as_str())),
        })
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// The text with each variable replaced, once: variables in a value are not replaced.
fn pieces(text: &str, value: impl Fn(Variable) -> Result<String, String>) -> Result<String, String> {
    let known = || Variable::ALL.map(|variable| format!("${{{}}}", variable.as_str())).join(", ");
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, after)) = after.split_once('}') else {
            return Err(format!("has a ${{ without its }} (known: {})", known()));
        };
        let variable = Variable::ALL.into_iter().find(|variable| variable.as_str() == name);
        let variable = variable.ok_or_else(|| format!("has {}, which is not known: use {}", crate::core::words::quoted(name), known()))?;
        whole += before;
        whole += &value(variable)?;
        rest = after;
    }
    whole += rest;
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: Values<'_> = Values { service: "Web_1.x", namespace: "shop", workload: "web.v2", pod_name: "web-6d4-x" };

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let got = Template::new(text).and_then(|template| template.with(&VALUES));
        assert_eq!(got, expected.map(str::to_owned).map_err(str::to_owned), "{text}");
    }

    #[test]
    fn variables_are_replaced_and_nothing_else_is() {
        check("up", Ok("up"));
        check("${SERVICE} ${NAMESPACE} ${WORKLOAD} ${POD_NAME}", Ok("Web_1.x shop web.v2 web-6d4-x"));
        check("a{b=~\"c$\"} $x {y}", Ok("a{b=~\"c$\"} $x {y}"));
        check("$${SERVICE}}", Ok("$Web_1.x}"));
        check("${POD}", Err("has \"POD\", which is not known: use ${SERVICE}, ${NAMESPACE}, ${WORKLOAD}, ${POD_NAME}"));
        check("${service}", Err("has \"service\", which is not known: use ${SERVICE}, ${NAMESPACE}, ${WORKLOAD}, ${POD_NAME}"));
        check("${}", Err("has \"\", which is not known: use ${SERVICE}, ${NAMESPACE}, ${WORKLOAD}, ${POD_NAME}"));
        check("a ${SERVICE", Err("has a ${ without its } (known: ${SERVICE}, ${NAMESPACE}, ${WORKLOAD}, ${POD_NAME})"));
    }

    #[test]
    fn a_value_that_kubernetes_does_not_allow_is_not_put_in() {
        let template = Template::new("up{app=\"${SERVICE}\"}").unwrap();
        for service in ["", "x\"} or vector(1) #", "a b", "a/../b", "a%22", "a\n", "${POD_NAME}", "é", "a{", ".."] {
            let expected = Err("the value of ${SERVICE} is not one that Kubernetes allows".to_owned());
            assert_eq!(template.with(&Values { service, ..VALUES }), expected, "{service:?}");
        }
        let pod = Template::new("${POD_NAME}").unwrap();
        assert!(pod.with(&Values { pod_name: "A", ..VALUES }).is_err());
        assert!(pod.with(&Values { service: "\"", ..VALUES }).is_ok(), "what is not used does not matter");
    }

    #[test]
    fn read_back_from_the_ledger_under_the_same_rule() {
        assert!(serde_json::from_str::<Template>("\"${SERVICE}\"").is_ok());
        assert!(serde_json::from_str::<Template>("\"${HOME}\"").is_err());
    }
}
