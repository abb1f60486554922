//! What a run calls, and whether it is granted: asked once, before anything is touched.

mod excess;

use k8s_openapi::api::authorization::v1::{ResourceRule, SubjectRulesReviewStatus};

use crate::cluster::api::{
    AccessQuestion, BUDGETS, CLAIMS, CONFIG_MAPS, DAEMON_SETS, DEPLOYMENTS, EVENTS, EVICTIONS, NAMESPACES, PODS, REPLICA_SETS, Resource,
    STATEFUL_SETS,
};
use crate::core::runbook::{Method, Runbook};

pub(crate) use excess::excess;

/// One permission that a run needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// As RBAC names it.
    pub verb: &'static str,
    /// On which kind.
    pub resource: Resource,
    /// On this object only.
    pub name: Option<String>,
    /// What for.
    pub purpose: &'static str,
}

impl Need {
    /// The question to the server whether it is granted there.
    pub(crate) fn question<'a>(&'a self, namespace: &'a str) -> AccessQuestion<'a> {
        let Self { verb, resource, name, .. } = self;
        AccessQuestion { verb, group: resource.group, resource: resource.plural, name: name.as_deref(), namespace }
    }
}

impl std::fmt::Display for Need {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.verb, self.resource.plural)?;
        if !self.resource.group.is_empty() {
            write!(f, ".{}", self.resource.group)?;
        }
        if let Some(name) = &self.name {
            write!(f, "/{name}")?;
        }
        write!(f, " ({})", self.purpose)
    }
}

/// Every call that a run by these runbooks may make; without any, by the default one.
pub fn needs(state_configmap: &str, runbooks: &[Runbook]) -> Vec<Need> {
    let any = |verb, resource, purpose| Need { verb, resource, name: None, purpose };
    let ledger = |verb, purpose| Need { verb, resource: CONFIG_MAPS, name: Some(state_configmap.to_owned()), purpose };
    let some = |which: fn(&Runbook) -> bool| runbooks.iter().any(which);
    let mut needs = vec![
        any("get", PODS, "to see whether a pod is still there"),
        any("list", PODS, "to find requests and count Ready pods"),
        any("watch", PODS, "to verify the replacement"),
        any("get", DEPLOYMENTS, "to read the opt-in and the rollout"),
        any("get", REPLICA_SETS, "to find a pod's Deployment"),
        any("get", STATEFUL_SETS, "to read the opt-in and the rollout"),
        any("get", DAEMON_SETS, "to read the opt-in and the rollout"),
        any("list", DEPLOYMENTS, "to see what a pod owns"),
        any("list", REPLICA_SETS, "to see what a pod owns"),
        any("list", STATEFUL_SETS, "to see what a pod owns"),
        any("list", DAEMON_SETS, "to see what a pod owns"),
        any("get", CLAIMS, "to see whether a pod's volumes stay"),
        any("get", NAMESPACES, "to see whether the namespace stays, and what stops a runbook in it"),
        any("list", BUDGETS, "to respect disruption budgets"),
        any("create", EVENTS, "to tell the service owner"),
        ledger("get", "to read the ledger"),
        ledger("update", "to write the ledger"),
    ];
    if runbooks.is_empty() || some(|runbook| runbook.action.method == Method::Delete) {
        needs.push(any("delete", PODS, "to replace a pod"));
    }
    if some(|runbook| runbook.action.method == Method::Evict) {
        needs.push(any("create", EVICTIONS, "to evict a pod, as a runbook's action.method wants"));
    }
    needs
}

/// Those of `needs` that are not granted. Where the server says that its answer is incomplete, a missing rule proves nothing.
pub(crate) fn missing(needs: Vec<Need>, granted: &SubjectRulesReviewStatus) -> Vec<Need> {
    if granted.incomplete {
        return Vec::new();
    }
    needs.into_iter().filter(|need| !granted.resource_rules.iter().any(|rule| grants(rule, need))).collect()
}

fn grants(rule: &ResourceRule, need: &Need) -> bool {
    let lists = |list: &Option<Vec<String>>, word: &str| list.iter().flatten().any(|entry| entry == "*" || entry == word);
    let named =
        rule.resource_names.as_ref().is_none_or(|names| names.is_empty() || need.name.as_ref().is_some_and(|name| names.contains(name)));
    named
        && rule.verbs.iter().any(|verb| verb == "*" || verb == need.verb)
        && lists(&rule.api_groups, need.resource.group)
        && lists(&rule.resources, need.resource.plural)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(verbs: &[&str], group: &str, resource: &str, names: &[&str]) -> ResourceRule {
        let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        ResourceRule {
            verbs: own(verbs),
            api_groups: Some(own(&[group])),
            resources: Some(own(&[resource])),
            resource_names: Some(own(names)),
        }
    }

    #[track_caller]
    fn check(rules: Vec<ResourceRule>, incomplete: bool, expected: &[&str]) {
        let granted = SubjectRulesReviewStatus { resource_rules: rules, incomplete, ..SubjectRulesReviewStatus::default() };
        let runbooks = crate::core::runbook::parse("runbook", include_str!("../../config/runbook.yaml")).unwrap();
        let of_interest = needs("state", &runbooks).into_iter().filter(|need| need.verb == "delete" || need.verb == "update").collect();
        let missing: Vec<String> = missing(of_interest, &granted).iter().map(ToString::to_string).collect();
        assert_eq!(missing, expected);
    }

    #[test]
    fn a_missing_permission_is_named_with_its_purpose() {
        let (delete, update) = ("delete pods (to replace a pod)", "update configmaps/state (to write the ledger)");
        check(vec![], false, &[update, delete]);
        check(vec![], true, &[]);
        check(vec![rule(&["*"], "*", "*", &[])], false, &[]);
        check(vec![rule(&["delete"], "", "pods", &[]), rule(&["update"], "", "configmaps", &["state"])], false, &[]);
        check(vec![rule(&["delete"], "apps", "pods", &[]), rule(&["update"], "", "configmaps", &["other"])], false, &[update, delete]);
        check(vec![rule(&["delete"], "", "pods", &["web-1"]), rule(&["update"], "", "configmaps", &[])], false, &[delete]);
    }
}
