//! May this pod be touched at all?

use super::{Case, Finding, LONGEST_LIST, Ruling};
use crate::core::snapshot::{Behind, Foreign, Owner, OwnerKind, service_of};
use crate::core::words::inert;
use crate::core::workload_kind::WorkloadKind;

/// The runbook allows the namespace.
pub(super) fn namespace(case: &Case<'_>) -> Ruling {
    let allowed = &case.runbook.scope.allowed_namespaces;
    Ruling::new(format!("one of {}", allowed.join(", ")), || {
        let observed = format!("namespace={}", case.namespace());
        if allowed.iter().any(|name| name == case.namespace()) {
            return Ok(Finding::pass(observed));
        }
        let requirement = format!("the runbook allows only namespaces {}", inert(&allowed.join(", "), LONGEST_LIST));
        Ok(Finding::blocked(observed, requirement).found(format!("this is {}", case.namespace())))
    })
}

/// The service owner has opted the workload in.
pub(super) fn opt_in(case: &Case<'_>) -> Ruling {
    let required: Vec<String> = case.runbook.scope.required_labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    Ruling::new(required.join(", "), || {
        let workload = case.workload()?;
        let missing: Vec<&str> = (case.runbook.scope.required_labels.iter().zip(&required))
            .filter(|((key, value), _)| workload.labels.get(key) != Some(value))
            .map(|(_, text)| text.as_str())
            .collect();
        let observed = format!("{}/{}", workload.kind, workload.name);
        if missing.is_empty() {
            return Ok(Finding::pass(format!("{observed} has them all")));
        }
        let requirement = format!("the workload itself must have label {}", missing.join(" and "));
        Ok(Finding::blocked(format!("{observed} lacks it"), requirement))
    })
}

/// A controller that replaces the pod owns it, one whose rollouts we understand, and nobody else has a say in that one.
pub(super) fn controller(case: &Case<'_>) -> Ruling {
    const REQUIREMENT: &str = "a Deployment, ReplicaSet, StatefulSet or DaemonSet must own the pod";
    let allowed = &case.runbook.scope.allowed_controllers;
    let limit = if allowed.is_empty() { String::new() } else { format!(", controlled by nobody or by {}", allowed.join(", ")) };
    Ruling::new(format!("Deployment, ReplicaSet, StatefulSet or DaemonSet{limit}"), || {
        if case.request.mirror {
            let refused = Finding::blocked("this one mirrors a static pod", REQUIREMENT);
            return Ok(refused.found("it mirrors a static pod, whose file only its node's kubelet reads"));
        }
        let Some(owner) = &case.request.pod.owner else {
            return Ok(Finding::blocked("owner=none", REQUIREMENT).found("it has no owner: nothing would replace it"));
        };
        let (kind, name) = (owner.kind.as_str(), &owner.name);
        let observed = format!("owner={kind}/{name}");
        let workload = match case.behind()? {
            Some(Behind::Workload(workload)) => workload,
            Some(Behind::Unsupported(controller)) => return Ok(unsupported(observed, REQUIREMENT, owner, controller)),
            None => return Err(format!("what is behind {kind} {name} was not read").into()),
        };
        let consistent = match workload.kind {
            WorkloadKind::Deployment | WorkloadKind::ReplicaSet => owner.kind == OwnerKind::ReplicaSet,
            WorkloadKind::StatefulSet => owner.kind == OwnerKind::StatefulSet,
            WorkloadKind::DaemonSet => owner.kind == OwnerKind::DaemonSet,
        };
        if !consistent {
            return Err(format!("a {} was read for {kind} {name}", workload.kind).into());
        }
        let observed = format!("{observed} workload={}/{}", workload.kind, workload.name);
        let Some(above) = &workload.controller else { return Ok(Finding::pass(observed)) };
        let observed = format!("{observed} controlled_by={}", inert(&above.to_string(), LONGEST_LIST));
        if allowed.contains(&above.kind) {
            return Ok(Finding::pass(observed));
        }
        let requirement = "a controller that owns the workload must be in the runbook's allowedControllers";
        let found = format!("{} owns {}/{}", inert(&above.to_string(), LONGEST_LIST), workload.kind, workload.name);
        Ok(Finding::blocked(observed, requirement).found(found))
    })
}

/// It is known what makes the pod, and that this is for a human.
fn unsupported(observed: String, requirement: &str, owner: &Owner, controller: &Foreign) -> Finding {
    let kind = inert(&controller.kind, LONGEST_LIST);
    let found = match controller.kind.as_str() {
        "Job.batch" => format!("{kind} is not supported: a Job retries by its own rules"),
        "Node" => format!("{kind} is not supported: only the node's kubelet starts static pods"),
        _ => format!("{kind} is not supported"),
    };
    let observed = match owner.kind {
        OwnerKind::Other(_) => observed,
        _ => format!("{observed} controlled_by={}", inert(&controller.to_string(), LONGEST_LIST)),
    };
    Finding::blocked(observed, requirement).found(found)
}

/// Nothing belongs to the pod: with it would go what it owns, say the workers of a group whose leader it is.
pub(super) fn owns_nothing(case: &Case<'_>) -> Ruling {
    Ruling::new("no pod and no workload of its own", || match case.snapshot.dependents.known()?.get(&*case.request.pod.uid) {
        None => Ok(Finding::pass("owns nothing")),
        Some(names) => {
            let names = inert(&names.join(", "), LONGEST_LIST);
            let refused = Finding::blocked(format!("owns {names}"), "the pod must own neither pods nor workloads");
            Ok(refused.found(format!("{names} would be deleted with it")))
        }
    })
}

/// The runbook names this kind of workload; a DaemonSet's peers on other nodes are no redundancy, so it must be meant.
pub(super) fn workload_kind(case: &Case<'_>) -> Ruling {
    let allowed: Vec<&str> = case.runbook.scope.workload_kinds.iter().map(|kind| kind.as_str()).collect();
    let allowed = allowed.join(", ");
    Ruling::new(format!("one of {allowed}"), || {
        let workload = case.workload()?;
        let observed = format!("workload={}/{}", workload.kind, workload.name);
        if case.runbook.scope.workload_kinds.contains(&workload.kind) {
            return Ok(Finding::pass(observed));
        }
        let refused = Finding::blocked(observed, format!("the runbook allows only workloads of kind {allowed}"))
            .found(format!("this is {}/{}", workload.kind, workload.name));
        Ok(match workload.kind {
            WorkloadKind::DaemonSet => refused.and("its pods on other nodes are no redundancy"),
            _ => refused,
        })
    })
}

/// The pod belongs to a service, and its replacement will belong to the same: else neither peers nor replacement are found,
/// and a relabelled pod would dodge its own service's limits.
pub(super) fn service_label(case: &Case<'_>) -> Ruling {
    let label = &case.snapshot.bounds.service_label;
    Ruling::new(format!("{label} on the pod, and the same in the pod template"), || {
        let Some(service) = &case.request.service else {
            let requirement = format!("the pod must name its service in label {label}");
            return Ok(Finding::blocked("it has none", requirement));
        };
        let template = service_of(&case.workload()?.template_labels, label);
        if template.as_ref() == Some(service) {
            return Ok(Finding::pass(service.to_string()));
        }
        let template = template.map_or_else(|| "none".to_owned(), |template| template.to_string());
        let observed = format!("pod has {service} template has {template}");
        let refused = Finding::blocked(observed, "the pod must have the service label of its workload's pod template");
        Ok(refused.found(format!("the pod has {service}, the template {template}")))
    })
}

/// The template does not make pods that ask to be replaced: there would be no end to it.
pub(super) fn request_label_in_template(case: &Case<'_>) -> Ruling {
    let selector = &case.snapshot.bounds.selector;
    Ruling::new(format!("a pod template that {selector} does not match"), || {
        let workload = case.workload()?;
        if !selector.matches(&workload.template_labels) {
            // Evidence or an approval that every pod is born with would be of none of them; and where the admission policy is in force,
            // no pod of such a template can be made. Other words of ours, such as the owner's name, do no harm there.
            if let Some(word) = workload.template_words.first() {
                let observed = format!("{}/{} has annotation {word}", workload.kind, workload.name);
                let refused = Finding::blocked(observed, "the pod template must not have a request's annotations");
                return Ok(refused.and("they belong on the one pod that they are about"));
            }
            return Ok(Finding::pass("not in the pod template"));
        }
        let observed = format!("{}/{} matches {selector}", workload.kind, workload.name);
        let refused = Finding::blocked(observed, "the pod template must not have the request label");
        Ok(refused.and("every replacement would be replaced"))
    })
}

/// What makes the pod again stays: a workload that is being deleted makes none, and in a namespace that is, none can be made. (A pod
/// that is itself on its way out, or has ended, is no request any more.)
pub(super) fn terminating(case: &Case<'_>) -> Ruling {
    Ruling::new("neither workload nor namespace is being deleted", || {
        let workload = case.workload()?;
        let namespace = case.snapshot.namespace.known()?;
        let name = format!("{}/{}", workload.kind, workload.name);
        let observed = match (workload.deleting, namespace.deleting) {
            (_, true) => format!("namespace {} is being deleted", case.namespace()),
            (true, false) => format!("{name} is being deleted"),
            (false, false) => return Ok(Finding::pass(format!("{name} stays"))),
        };
        Ok(Finding::blocked(observed, "the workload must stay, or the pod does not come back"))
    })
}
