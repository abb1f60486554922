//! Is this a time, and a state of affairs, in which the runbook may act?

use std::collections::BTreeMap;

use super::{Case, Finding, LONGEST_LIST, Ruling};
use crate::core::runbook::{Effect, Open, Window, open, opens_at};
use crate::core::snapshot::{Namespace, Workload};
use crate::core::words::inert;

/// The hour is one in which the runbook may act.
pub(super) fn maintenance_window(case: &Case<'_>) -> Ruling {
    let windows = &case.runbook.guardrails.maintenance_windows;
    let listed = |effect: Option<Effect>| {
        let some = windows.iter().filter(|window| effect.is_none_or(|effect| window.effect == effect));
        inert(&some.map(Window::to_string).collect::<Vec<_>>().join("; "), LONGEST_LIST)
    };
    let limit = if windows.is_empty() { "at any time".to_owned() } else { listed(None) };
    Ruling::new(limit, || {
        let observed = format!("now={:.0}", case.now);
        let refused = match open(windows, case.now) {
            Open::Yes if windows.is_empty() => return Ok(Finding::not_applicable("the runbook has no maintenance windows")),
            Open::Yes => return Ok(Finding::pass(observed)),
            Open::Denied(window) => Finding::blocked(observed, format!("the runbook does not act in its window {window}")),
            Open::Outside => Finding::blocked(observed, format!("the runbook acts only in its windows {}", listed(Some(Effect::Allow)))),
        };
        Ok(refused.found(format!("now {:.0}", case.now)).until(opens_at(windows, case.now)))
    })
}

/// Nothing is known to be going on that a replacement would only disturb.
pub(super) fn blocking_label(case: &Case<'_>) -> Ruling {
    let runbook = case.runbook;
    blocking(
        case,
        &runbook.guardrails.blocked_by_labels,
        "label",
        &case.request.labels,
        |workload| &workload.labels,
        |namespace| &namespace.labels,
    )
}

/// Nobody has promised the pod that it is not disrupted.
pub(super) fn blocking_annotation(case: &Case<'_>) -> Ruling {
    let runbook = case.runbook;
    blocking(
        case,
        &runbook.guardrails.blocked_by_annotations,
        "annotation",
        &case.request.annotations,
        |workload| &workload.annotations,
        |namespace| &namespace.annotations,
    )
}

type Pairs = BTreeMap<String, String>;

/// None of `stopping` is on the pod, its workload or the namespace.
fn blocking(
    case: &Case<'_>,
    stopping: &[(String, String)],
    what: &str,
    of_pod: &Pairs,
    of_workload: fn(&Workload) -> &Pairs,
    of_namespace: fn(&Namespace) -> &Pairs,
) -> Ruling {
    let names: Vec<String> = stopping.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let limit = if names.is_empty() { format!("no such {what}s") } else { format!("none of {}", names.join(", ")) };
    Ruling::new(limit, || {
        if stopping.is_empty() {
            return Ok(Finding::not_applicable(format!("the runbook lists no such {what}s")));
        }
        let workload = case.workload()?;
        let namespace = case.snapshot.namespace.known()?;
        let places = [
            ("the pod".to_owned(), of_pod),
            (format!("{}/{}", workload.kind, workload.name), of_workload(workload)),
            (format!("namespace {}", case.namespace()), of_namespace(namespace)),
        ];
        for (place, pairs) in &places {
            let found = stopping.iter().zip(&names).find(|((key, value), _)| pairs.get(key) == Some(value));
            if let Some((_, name)) = found {
                return Ok(Finding::blocked(format!("{place} has {name}"), format!("no {what} that blocks the runbook may be set")));
            }
        }
        Ok(Finding::pass("neither pod, workload nor namespace has any"))
    })
}
