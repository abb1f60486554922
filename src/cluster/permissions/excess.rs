//! What is granted beyond the needs of a run: a stolen token could do that too.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::api::authorization::v1::ResourceRule;

use super::Need;
use crate::core::words::inert;

/// What every authenticated user or ServiceAccount has by Kubernetes' own roles, and may as well have.
const EVERYONES: [(&str, &str); 4] = [
    ("authorization.k8s.io", "selfsubjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectrulesreviews"),
    ("authentication.k8s.io", "selfsubjectreviews"),
    ("certificates.k8s.io", "clustertrustbundles"),
];

/// Verbs that no run needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Excess {
    /// On what.
    pub on: Granted,
    /// As RBAC names them; `*` for every one.
    pub verbs: Vec<String>,
}

/// One kind, or one object of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Granted {
    /// API group; `*` for every one.
    pub group: String,
    /// Plural, with a subresource if it is one; `*` for every one.
    pub resource: String,
    /// This object only.
    pub name: Option<String>,
    /// A run needs these verbs, on this object only.
    pub needed_only_on: Option<String>,
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { on: Granted { group, resource: plural, name, needed_only_on }, verbs } = self;
        if verbs.iter().any(|verb| verb == "*") {
            f.write_str("every verb on ")?;
        } else {
            write!(f, "{} ", inert(&verbs.join(", "), 100))?;
        }
        let resource = if plural == "*" { "every resource".to_owned() } else { inert(plural, 253) };
        match group.as_str() {
            "*" => write!(f, "{resource} of every API group")?,
            "" if plural == "*" => write!(f, "{resource} of the core API group")?,
            "" => f.write_str(&resource)?,
            group if plural == "*" => write!(f, "{resource} of API group {}", inert(group, 253))?,
            group => write!(f, "{resource}.{}", inert(group, 253))?,
        }
        if let Some(name) = name {
            write!(f, "/{}", inert(name, 253))?;
        }
        match needed_only_on {
            Some(only) => write!(f, " (needed on {only} only)"),
            None => Ok(()),
        }
    }
}

/// Everything that the rules grant and no need asks for, sorted; what everyone has aside.
pub(crate) fn excess(needs: &[Need], rules: &[ResourceRule]) -> Vec<Excess> {
    let mut found: BTreeMap<Granted, Vec<String>> = BTreeMap::new();
    for rule in rules {
        let groups = rule.api_groups.as_deref().unwrap_or_default();
        let resources = rule.resources.as_deref().unwrap_or_default();
        let named = rule.resource_names.as_deref().unwrap_or_default();
        let names: Vec<Option<&String>> = if named.is_empty() { vec![None] } else { named.iter().map(Some).collect() };
        for (group, resource) in groups.iter().flat_map(|group| resources.iter().map(move |resource| (group, resource))) {
            if EVERYONES.contains(&(group, resource)) {
                continue;
            }
            for (name, verb) in names.iter().flat_map(|name| rule.verbs.iter().map(move |verb| (*name, verb))) {
                let alike =
                    || needs.iter().filter(|need| (need.resource.group, need.resource.plural, need.verb) == (group, resource, verb));
                if alike().any(|need| need.name.is_none() || need.name.as_ref() == name) {
                    continue;
                }
                let only = if name.is_none() { alike().find_map(|need| need.name.clone()) } else { None };
                let granted = Granted { group: group.clone(), resource: resource.clone(), name: name.cloned(), needed_only_on: only };
                let verbs = found.entry(granted).or_default();
                if !verbs.contains(verb) {
                    verbs.push(verb.clone());
                }
            }
        }
    }
    found.into_iter().map(|(on, verbs)| Excess { on, verbs }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::needs;
    use super::*;

    #[track_caller]
    fn check(verbs: &[&str], group: &str, resources: &[&str], names: &[&str], expected: &[&str]) {
        let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let rule = ResourceRule {
            verbs: own(verbs),
            api_groups: Some(own(&[group])),
            resources: Some(own(resources)),
            resource_names: (!names.is_empty()).then(|| own(names)),
        };
        let found: Vec<String> = excess(&needs("state", &[]), &[rule.clone(), rule]).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_a_run_needs_is_not_in_excess() {
        check(&["get", "list", "watch", "delete"], "", &["pods"], &[], &[]);
        check(&["get", "list"], "", &["pods"], &["web-1"], &[]);
        check(&["get", "update"], "", &["configmaps"], &["state"], &[]);
        check(&["create"], "authorization.k8s.io", &["selfsubjectaccessreviews", "selfsubjectrulesreviews"], &[], &[]);
    }

    #[test]
    fn anything_else_is_named() {
        check(&["get", "list"], "", &["pods", "secrets"], &[], &["get, list secrets"]);
        check(&["get", "patch", "update"], "", &["pods"], &[], &["patch, update pods"]);
        check(&["get", "delete"], "apps", &["deployments"], &[], &["delete deployments.apps"]);
        check(&["create"], "", &["pods/exec"], &[], &["create pods/exec"]);
        check(&["delete"], "apps", &["pods"], &[], &["delete pods.apps"]);
        check(&["get"], "", &["configmaps"], &["state", "other"], &["get configmaps/other"]);
        check(&["get", "list"], "", &["configmaps"], &[], &["list configmaps", "get configmaps (needed on state only)"]);
    }

    #[test]
    fn wildcards_are_always_more_than_is_needed() {
        check(&["*"], "*", &["*"], &[], &["every verb on every resource of every API group"]);
        check(&["*"], "", &["pods"], &[], &["every verb on pods"]);
        check(&["get"], "apps", &["*"], &[], &["get every resource of API group apps"]);
        check(&["get"], "", &["*"], &[], &["get every resource of the core API group"]);
        check(&["delete"], "*", &["pods"], &[], &["delete pods of every API group"]);
    }
}
