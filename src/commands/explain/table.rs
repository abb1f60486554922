//! The explanation for people.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::{Eligibility, Eligible, Explanation, NearMiss, PodExplanation};
use crate::core::words::{counted, number};
use crate::terminal::style::Tone;
use crate::terminal::table::{Layout, labelled, table, wrapped};

impl Explanation {
    /// For a terminal; `all`: with the guardrails that do not block. In the columns of the layout but for commands.
    pub(crate) fn table(&self, all: bool, layout: Layout) -> String {
        let mut text = format!("namespace {} at {:.0}\n", self.namespace, self.now);
        for in_flight in &self.in_flight {
            text.push_str(&labelled("In flight", &in_flight.to_string(), Tone::Warning, layout));
        }
        if let Some(basis) = &self.basis {
            for (label, said) in basis.lines() {
                text.push_str(&labelled(label, &said, if label == "Unread" { Tone::Warning } else { Tone::Plain }, layout));
            }
            for obstacle in &basis.obstacles {
                text.push_str(&labelled("Obstacle", &obstacle.detail, Tone::Bad, layout));
            }
        }
        if self.pods.is_empty() {
            let _ = writeln!(text, "no pod in {} asks to be replaced ({})", self.namespace, self.selector);
        }
        for pod in &self.pods {
            text.push('\n');
            text.push_str(&self.pod(pod, all, layout));
        }
        text + &self.near_misses(layout)
    }

    fn near_misses(&self, layout: Layout) -> String {
        let colour = layout.colour;
        let mut text = String::new();
        if !self.near_misses.is_empty() {
            let _ = writeln!(text, "\n{}", Tone::Bold.on("Near misses: what does not count as it stands", colour));
        }
        for NearMiss { object, seen, advice, command } in &self.near_misses {
            text.push_str(&labelled("        -", &format!("{object}: {seen}: {advice}"), Tone::Plain, layout));
            if let Some(command) = command {
                let _ = writeln!(text, "{:10}  {}", "", Tone::Bold.on(command, colour));
            }
        }
        if self.more_near_misses > 0 {
            let _ = writeln!(text, "{:10}and {} more", "", self.more_near_misses);
        }
        if !self.not_looked_at.is_empty() {
            let said = format!("not checked for near misses: {}", self.not_looked_at.join("; "));
            let _ = write!(text, "\n{}", labelled("Not seen", &said, Tone::Warning, layout));
        }
        text
    }

    fn pod(&self, pod: &PodExplanation, all: bool, layout: Layout) -> String {
        let colour = layout.colour;
        let controlled = pod.controlled_by.as_ref().map(|controller| format!("controlled by {controller}"));
        let behind = [pod.service.as_deref(), pod.workload.as_deref(), controlled.as_deref()];
        let behind = behind.into_iter().flatten().collect::<Vec<_>>().join(", ");
        let title = if behind.is_empty() { pod.pod.clone() } else { format!("{} ({behind})", pod.pod) };
        let title = wrapped(&title, layout.columns.saturating_sub(2)).join("\n  ");
        let mut text = Tone::Bold.on(&title, colour) + "\n";
        let mut line = |label: &str, said: &str, tone| text.push_str(&labelled(label, said, tone, layout));
        if let Some(state) = &pod.pod_state {
            line("Pod", &format!("not Ready: {state}"), Tone::Warning);
        }
        if let Some(state) = &pod.workload_state {
            line("Workload", state, Tone::Warning);
        }
        if pod.hypothetical {
            let said = format!("it does not ask ({}): below is what would be decided if the label were set now", self.selector);
            line("Assumed", &said, Tone::Warning);
        }
        let tone = match (pod.eligibility.eligible, pod.mode) {
            (Eligible::Now, _) => Tone::Good,
            (_, "abort" | "manual") => Tone::Bad,
            _ => Tone::Warning,
        };
        line("Decision", &format!("{}: {}", pod.mode, pod.message), tone);
        line("Evidence", &evidence(pod), Tone::Plain);
        if !pod.hypothetical {
            line("Request", &request(pod), Tone::Plain);
        }
        if let Some(runbook) = &pod.runbook {
            let said = format!("{}: owner {}, risk {}, at most {}", runbook.name, runbook.owner, runbook.risk, runbook.decision_mode);
            line("Runbook", &said, Tone::Plain);
        }
        line("Eligible", &self.eligible(pod), Tone::Plain);
        if !pod.guardrails.is_empty() {
            text.push('\n');
            text.push_str(&guardrails(pod, all, layout));
        }
        if !pod.to_do.is_empty() {
            text.push_str("\nWhat to do\n");
        }
        for to_do in &pod.to_do {
            let about = if to_do.guardrails.is_empty() { String::new() } else { format!("{}: ", to_do.guardrails.join(", ")) };
            text.push_str(&labelled("        -", &format!("{about}{}", to_do.advice), Tone::Plain, layout));
            if let Some(command) = &to_do.command {
                // Whole, however long: it is there to be copied.
                let _ = writeln!(text, "{:10}  {}", "", Tone::Bold.on(command, colour));
            }
        }
        text
    }

    fn eligible(&self, pod: &PodExplanation) -> String {
        let Eligibility { eligible, at, then, prevented_by } = &pod.eligibility;
        if !prevented_by.is_empty() {
            let not_while = format!("not while {}", prevented_by.join("; nor while "));
            return match at {
                Some(at) => format!("{not_while}; and not before {at:.0}{}", from_now(self.now, *at)),
                None => not_while,
            };
        }
        let if_asked = if pod.hypothetical { "once it asks" } else { "the next run replaces it" };
        let known = self.basis.as_ref().is_none_or(|basis| basis.unread.is_empty());
        let as_given = if known { "" } else { ", with the settings and permissions given here" };
        let Some((at, then)) = at.zip(then.as_ref()) else {
            return match eligible {
                Eligible::Now => format!("now: {if_asked}{as_given}"),
                Eligible::Later | Eligible::NotByItself => "not by itself".to_owned(),
            };
        };
        match eligible {
            Eligible::Now | Eligible::Later => format!("at {at:.0}{}, if nothing else changes{as_given}", from_now(self.now, at)),
            Eligible::NotByItself => {
                format!(
                    "not by itself: what blocks ends at {at:.0}{}, and then it is {}: {}",
                    from_now(self.now, at),
                    then.mode,
                    then.message
                )
            }
        }
    }
}

/// `, in 9m 58s`.
fn from_now(now: Timestamp, at: Timestamp) -> String {
    let seconds = u64::try_from(at.duration_since(now).as_secs()).unwrap_or(0);
    if seconds == 0 { String::new() } else { format!(", in {}", humantime::format_duration(std::time::Duration::from_secs(seconds))) }
}

fn evidence(pod: &PodExplanation) -> String {
    let Some(evidence) = &pod.evidence else { return "not well-formed".to_owned() };
    let mut said = format!("symptom {}", evidence.symptom);
    if let Some(cause) = &evidence.probable_cause {
        let _ = write!(said, ", probable cause {cause}");
    }
    match evidence.confidence {
        Some(confidence) => {
            let _ = write!(said, ", confidence {confidence}");
        }
        None => said.push_str(", no confidence stated"),
    }
    if evidence.bare {
        said.push_str(" (a bare label: a human's own request)");
    }
    if let Some(incident) = &pod.incident {
        let _ = write!(said, ", incident {incident}");
    }
    said
}

fn request(pod: &PodExplanation) -> String {
    let Some(at) = pod.requested_at else { return "since when is not known".to_owned() };
    let mut said = format!("made at {at:.0}");
    if let Some(manager) = &pod.field_manager {
        let _ = write!(said, " with {manager}");
    }
    if let Some(who) = &pod.requested_by {
        let _ = write!(said, " by {who} (by their own account)");
    }
    if let Some(expires) = pod.expires_at {
        let _ = write!(said, ", counts until {expires:.0}");
    }
    said
}

/// Those that block, first; the others only if all are wanted, and else their number.
fn guardrails(pod: &PodExplanation, all: bool, layout: Layout) -> String {
    let (blocked, others): (Vec<_>, Vec<_>) = pod.guardrails.iter().partition(|guardrail| guardrail.result == "blocked");
    let shown = blocked.iter().chain(others.iter().filter(|_| all));
    let rows: Vec<(Tone, [String; 4])> = shown
        .map(|guardrail| {
            let (tone, verdict) = match guardrail.result {
                "pass" => (Tone::Good, "pass"),
                "blocked" => (Tone::Bad, "BLOCKED"),
                _ => (Tone::Dim, "n/a"),
            };
            (tone, [guardrail.id, verdict, &guardrail.observed, &guardrail.limit].map(str::to_owned))
        })
        .collect();
    let mut text = if rows.is_empty() { String::new() } else { table(["GUARDRAIL", "VERDICT", "OBSERVED", "LIMIT"], &rows, layout) };
    if !all {
        let passed = others.iter().filter(|guardrail| guardrail.result == "pass").count();
        let (passed, unasked) = (size(passed), size(others.len() - passed));
        let besides = if blocked.is_empty() { "" } else { "besides, " };
        let said = format!(
            "{besides}{} passed, {} not apply (--all shows them)",
            counted(passed, "guardrail", "guardrails"),
            if unasked == 1 { "one does".to_owned() } else { format!("{} do", number(unasked)) },
        );
        text.push_str(&Tone::Dim.on(&said, layout.colour));
        text.push('\n');
    }
    text
}

fn size(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
