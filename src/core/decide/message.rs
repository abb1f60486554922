//! The decision in one sentence, for a service owner at three in the morning.

use super::{Decision, GuardrailId, Mode, Reason};
use crate::core::words::{amount, inert, quoted};

/// The longest name in a sentence: the longest that Kubernetes allows.
const LONGEST_NAME: usize = 253;
/// As much of a runbook's notes as an approval request repeats.
const LONGEST_NOTES: usize = 200;

impl Decision<'_> {
    /// What is done about this pod, and why: one line, bounded, and inert whatever the request's annotations hold.
    pub fn message(&self, pod: &str) -> String {
        let pod = inert(pod, LONGEST_NAME);
        let runbook = self.runbook.map_or("the runbook", |runbook| &runbook.name);
        let runbook = inert(runbook, LONGEST_NAME);
        let passed = format!("every guardrail of {runbook} passed");
        match &self.reason {
            Reason::Closed(why) => format!("closed the request on {pod}: {why}"),
            Reason::Malformed(why) => format!("skipped {pod}: malformed request: {why}"),
            Reason::Expired { requested_at, maximum_minutes, .. } => format!(
                "skipped {pod}: the request has expired: it was made at {requested_at:.0} and counts for {}",
                amount(*maximum_minutes, "minute")
            ),
            Reason::NoRunbook(why) => format!("left {pod} to a human: {why}"),
            Reason::SeveralRunbooks(names) => {
                let names = inert(&names.join(", "), 2 * LONGEST_NAME);
                format!("left {pod} to a human: several runbooks match this request ({names})")
            }
            Reason::LowConfidence { confidence, minimum } => {
                let stated = match confidence {
                    Some(confidence) => format!("confidence {confidence} is below the runbook's minimum {minimum}"),
                    None => format!("no confidence is stated, and the runbook's minimum is {minimum}"),
                };
                match self.blocks() {
                    Some(blocks) => format!("would suggest replacing {pod}: {stated}; and {blocks}"),
                    None => format!("would suggest replacing {pod}: {stated}; {passed}"),
                }
            }
            Reason::Blocked => format!("skipped {pod}: {}", self.blocks().unwrap_or_else(|| "blocked by a guardrail".to_owned())),
            Reason::Approved { by, verified } => {
                let by = by.as_deref().map_or_else(|| "somebody who gives no name".to_owned(), quoted);
                let word = if *verified { "" } else { " (unverified: whoever may annotate the pod may say so)" };
                format!("replacing {pod}: {passed}, and {by} approved plan {}{word}", self.plan_id())
            }
            Reason::ApprovalVoid(why) => self.allowed(&pod, &passed, &format!("the approval given is void: {why}")),
            Reason::RunbookMode => self.allowed(&pod, &passed, "the runbook allows no more"),
            Reason::HighRisk => self.allowed(&pod, &passed, "its risk is high"),
            Reason::Ceiling => self.allowed(&pod, &passed, "the run's mode ceiling allows no more"),
        }
    }

    fn allowed(&self, pod: &str, passed: &str, why: &str) -> String {
        match self.mode {
            Mode::AutoExecute => format!("replacing {pod}: {passed}"),
            Mode::ApprovalRequired => format!("replacing {pod} needs an approval: {passed}, and {why}{}", self.question(pod)),
            Mode::Suggest => format!("would suggest replacing {pod}: {passed}, and {why}"),
            Mode::Observe => format!("only observing {pod}: {passed}, and {why}"),
            Mode::Manual | Mode::Abort => format!("left {pod} to a human: {passed}, and {why}"),
        }
    }

    fn plan_id(&self) -> &str {
        self.plan.as_ref().map_or("", |plan| &plan.id)
    }

    /// What a human needs to know to approve, the command first: an Event has room for that much.
    fn question(&self, pod: &str) -> String {
        let (Some(plan), Some(runbook), Some(evidence)) = (&self.plan, self.runbook, &self.evidence) else { return String::new() };
        let cause = evidence.cause.as_deref().map_or_else(|| "none stated".to_owned(), quoted);
        let confidence = evidence.confidence.map_or_else(|| "none stated".to_owned(), |confidence| confidence.to_string());
        let verification = &runbook.verification;
        format!(
            "; to approve plan {} until {:.0}: {}; symptom {}, probable cause {cause}, confidence {confidence}, risk {}; the plan: {} {pod} of {}, \
             then a replacement must be Ready{} within {} s; rollback: {}{}",
            plan.id,
            plan.expires_at,
            plan.approve_with,
            quoted(&evidence.symptom),
            runbook.risk,
            runbook.action.method.as_str(),
            inert(&plan.concerns, LONGEST_NAME),
            if verification.available_equals_desired { " and all replicas available" } else { "" },
            verification.timeout_seconds,
            runbook.rollback.kind,
            if runbook.rollback.notes.is_empty() { String::new() } else { format!(" ({})", inert(&runbook.rollback.notes, LONGEST_NOTES)) },
        )
    }

    /// `blocked by cooldown: …; probes: …`. Several that lack the same fact are one clause: it says so once.
    fn blocks(&self) -> Option<String> {
        let mut clauses: Vec<(&str, Vec<GuardrailId>)> = Vec::new();
        for check in self.blocked() {
            match clauses.iter_mut().find(|(message, _)| *message == check.message) {
                Some((_, ids)) => ids.push(check.id),
                None => clauses.push((&check.message, vec![check.id])),
            }
        }
        let ids = |ids: Vec<GuardrailId>| ids.into_iter().map(GuardrailId::as_str).collect::<Vec<_>>().join(", ");
        let clauses: Vec<String> = clauses.into_iter().map(|(message, of)| format!("{}: {message}", ids(of))).collect();
        (!clauses.is_empty()).then(|| format!("blocked by {}", clauses.join("; ")))
    }
}

/// The parts of what a human is asked to approve, as [`Decision::message`] puts them into one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Question<'a> {
    /// Why an approval is needed.
    pub why: &'a str,
    /// Symptom, probable cause, confidence and risk.
    pub evidence: &'a str,
    /// What is done, to what.
    pub action: &'a str,
    /// What then has to hold.
    pub verify: &'a str,
    /// What becomes of it where it does not.
    pub rollback: &'a str,
}

impl<'a> Question<'a> {
    /// The parts of a message with this command in it; `None`: it was not written here.
    pub(crate) fn of(message: &'a str, approve_with: &str) -> Option<Self> {
        let (before, after) = message.split_once(approve_with)?;
        let (why, _) = before.split_once("; to approve plan ")?;
        let (evidence, plan) = split_unquoted(after.strip_prefix("; ")?, "; the plan: ")?;
        let (plan, rollback) = plan.split_once("; rollback: ")?;
        let (action, verify) = plan.split_once(", then ")?;
        Some(Self { why, evidence, action, verify, rollback })
    }
}

/// At the first of these words that is not in quotes: what a request says of itself is, so it imitates nothing.
fn split_unquoted<'a>(text: &'a str, words: &str) -> Option<(&'a str, &'a str)> {
    let (mut inside, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if std::mem::take(&mut escaped) => {}
            '\\' => escaped = inside,
            '"' => inside = !inside,
            _ if !inside && text.get(at..).is_some_and(|rest| rest.starts_with(words)) => {
                let (before, from) = text.split_at(at);
                return Some((before, from.strip_prefix(words)?));
            }
            _ => {}
        }
    }
    None
}
