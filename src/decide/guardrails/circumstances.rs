//! Is this a time, and a state of affairs, in which the runbook may act?

use super::{Case, Finding, LONGEST_LIST, Ruling};
use crate::runbook::{Effect, Open, Window, open, opens_at};
use crate::words::inert;

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
            Open::Denied(window) => Finding::blocked(observed, format_args!("requires a time outside of its window ({window})")),
            Open::Outside => {
                Finding::blocked(observed, format_args!("requires a time in one of its windows ({})", listed(Some(Effect::Allow))))
            }
        };
        Ok(refused.until(opens_at(windows, case.now)))
    })
}

/// Nothing is known to be going on that a replacement would only disturb.
pub(super) fn blocking_label(case: &Case<'_>) -> Ruling {
    let stopping = &case.runbook.guardrails.blocked_by_labels;
    let names: Vec<String> = stopping.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let limit = if names.is_empty() { "no such labels".to_owned() } else { format!("none of {}", names.join(", ")) };
    Ruling::new(limit, || {
        if stopping.is_empty() {
            return Ok(Finding::not_applicable("the runbook lists no such labels"));
        }
        let workload = case.workload()?;
        let of_namespace =
            case.snapshot.namespace_labels.known().map_err(|why| format!("the labels of the namespace are unknown: {why}"))?;
        let places =
            [(format!("{}/{}", workload.kind, workload.name), &workload.labels), (format!("namespace {}", case.namespace()), of_namespace)];
        for (place, labels) in &places {
            let found = stopping.iter().zip(&names).find(|((key, value), _)| labels.get(key) == Some(value));
            if let Some((_, name)) = found {
                let refused = Finding::blocked(format!("{place} has {name}"), "requires that nothing stops it by a label");
                return Ok(refused.and("whoever set it removes it once that is over"));
            }
        }
        Ok(Finding::pass("neither workload nor namespace has any"))
    })
}
