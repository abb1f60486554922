//! A notification as Slack shows it.
//!
//! Whatever comes from the cluster stands in code spans: nothing in there is a mention, a link or a format. And lest it gets out of
//! them, or a receiver reads them otherwise, it holds none of the characters that could make one.

use crate::core::words::inert;
use crate::terminal::audit::{Record, RecordKind};

/// The longest message that is repeated, in characters; Slack takes 40,000 in all.
const LONGEST_MESSAGE: usize = 4000;
/// The longest of other values.
const LONGEST_VALUE: usize = 300;

/// A record as `text` of Slack's incoming webhooks.
pub(crate) fn slack(record: &Record) -> String {
    let mut lines = vec![title(record), block(&record.message, LONGEST_MESSAGE)];
    let escalation = record.escalation.as_ref();
    // What is pasted stands by itself, below.
    let command = escalation.and_then(|one| one.reset_with.as_deref());
    if let Some(hint) = record.hint.as_ref().filter(|_| command.is_none()) {
        lines.push(format!("Hint: {}", code_of(hint, LONGEST_MESSAGE)));
    }
    lines.extend(listed(&[("Service", record.service.as_deref()), ("pod", record.pod.as_deref()), ("namespace", Some(&record.namespace))]));
    lines.extend(listed(&[
        ("Runbook", record.runbook.as_deref()),
        ("its owner", escalation.and_then(|one| one.runbook_owner.as_deref())),
        ("the workload's owner", escalation.and_then(|one| one.service_owner.as_deref())),
    ]));
    if let Some(approval) = record.approval.as_ref().filter(|approval| approval.state != "approved") {
        lines.push(format!("To approve it until {:.0}:", approval.expires_at));
        lines.push(block(&approval.approve_with, LONGEST_MESSAGE));
    }
    if let Some(command) = command {
        lines.push("Its circuit breaker is open. After you fix the cause:".to_owned());
        lines.push(block(command, LONGEST_MESSAGE));
    }
    lines.extend(listed(&[("Incident", record.incident.as_deref()), ("run", Some(&record.run_id))]));
    lines.join("\n")
}

/// A level, as a human is asked to act on it.
pub(crate) fn in_words(level: &str) -> &'static str {
    match level {
        "page_service_owner" => "Page the service owner",
        "open_incident" => "Open an incident",
        "open_incident_and_disable_runbook" => "Open an incident: the runbook is disabled",
        _ => "For your information",
    }
}

fn title(record: &Record) -> String {
    let level = record.escalation.as_ref().map_or("", |escalation| escalation.level);
    let pod = record.pod.as_deref().map_or_else(|| "a pod".to_owned(), code);
    let what = match (record.kind, record.mode, record.verification.as_ref().map(|seen| seen.result)) {
        (RecordKind::Run, ..) => return format!("*{}*", in_words(level)),
        (_, _, Some("failed")) => format!("replacing {pod} failed"),
        (_, _, Some("degraded_before")) => format!("{pod} was replaced in a workload that was degraded before"),
        (_, _, Some(_)) => format!("whether {pod} was replaced cannot be proved"),
        (_, Some("suggest"), _) => format!("replacing {pod} is suggested"),
        (_, Some("approval_required"), _) => format!("replacing {pod} needs an approval"),
        (_, Some("manual"), _) => format!("{pod} is left to a human"),
        _ => format!("{pod} asks to be replaced, and was not"),
    };
    format!("*{}*: {what}", in_words(level))
}

/// `Service `web`, pod `web-1``; nothing where nothing is known.
fn listed(fields: &[(&str, Option<&str>)]) -> Option<String> {
    let known: Vec<String> = fields
        .iter()
        .filter_map(|(name, value)| value.filter(|value| !value.trim().is_empty()).map(|value| format!("{name} {}", code(value))))
        .collect();
    (!known.is_empty()).then(|| known.join(", "))
}

fn code(value: &str) -> String {
    code_of(value, LONGEST_VALUE)
}

fn code_of(text: &str, longest: usize) -> String {
    format!("`{}`", harmless(text, longest))
}

fn block(text: &str, longest: usize) -> String {
    format!("```{}```", harmless(text, longest))
}

/// Foreign text: on one line, and nothing in it that Slack or one of its imitators obeys.
fn harmless(text: &str, longest: usize) -> String {
    let mut harmless = String::with_capacity(text.len());
    // Some make a link of an address wherever it stands.
    for c in inert(text, longest).replace("://", ":/ /").chars() {
        match c {
            '&' => harmless.push_str("&amp;"),
            '<' => harmless.push_str("&lt;"),
            '>' => harmless.push_str("&gt;"),
            '`' => harmless.push('\''),
            // It looks the same and calls nobody.
            '@' => harmless.push('\u{ff20}'),
            c => harmless.push(c),
        }
    }
    harmless
}

#[cfg(test)]
pub(super) mod tests;
