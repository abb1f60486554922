//! `status`: what the ledger remembers, for people and for programs. It reads, and writes nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;

use crate::commands::desk::{Desk, Runs};
use crate::core::decide::Question;
use crate::core::ledger::{BreakerEvent, Execution, Ledger, Outcome, Proposal, RATE_WINDOW, breaker_scope};
use crate::core::words::inert;
use crate::terminal::style::Tone;
use crate::terminal::table::{Layout, table, wrapped};

/// The longest line of the table, in characters.
const LONGEST_LINE: usize = 2000;

/// Everything that stands in the way of a next execution, or tells of the last.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Status {
    /// The namespace.
    pub namespace: String,
    /// The API server's time.
    pub now: Timestamp,
    /// Whether runs happen; null where that could not be read, and in a pod.
    pub runs: Option<Runs>,
    /// What could not be read of it, each with why.
    pub unread: Vec<String>,
    /// The newest outcome of all.
    pub newest_outcome: Option<NewestOutcome>,
    /// Actions whose outcome is not known yet: each is a lock on the namespace.
    pub in_flight: Vec<InFlightStatus>,
    /// Openings that no reset has cleared.
    pub open_breakers: Vec<OpenBreaker>,
    /// Plans that wait for a human's approval.
    pub proposals: Vec<ProposalStatus>,
    /// By name.
    pub services: Vec<ServiceStatus>,
}

/// An action under way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct InFlightStatus {
    /// The execution's id.
    pub execution_id: String,
    /// The service.
    pub service: String,
    /// The pod.
    pub pod: String,
    /// The runbook.
    pub runbook: String,
    /// The run that holds it.
    pub run_id: String,
    /// The pod of that run, if it has one.
    pub holder: Option<String>,
    /// It ends by then, or another run settles it.
    pub verify_deadline: Timestamp,
}

/// A circuit breaker that no reset has closed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct OpenBreaker {
    /// When it opened.
    pub at: Timestamp,
    /// For this runbook.
    pub runbook: String,
    /// For this service only; null: for the whole namespace.
    pub service: Option<String>,
    /// The failure that opened it.
    pub cause: String,
    /// The run that opened it.
    pub actor: String,
    /// The command that closes it, and no other.
    pub reset_with: String,
}

impl OpenBreaker {
    fn new(opening: &BreakerEvent, namespace: &str) -> Self {
        let BreakerEvent { at, runbook, service, cause, actor, .. } = opening.clone();
        Self { at, runbook, service, cause, actor, reset_with: opening.reset_with(namespace) }
    }
}

/// A plan that waits for its approval.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ProposalStatus {
    /// Its id.
    pub plan: String,
    /// When it was put to a human.
    pub issued_at: Timestamp,
    /// Until when an approval of it counts.
    pub expires_at: Timestamp,
    /// The service.
    pub service: String,
    /// The pod.
    pub pod: String,
    /// Its UID.
    pub pod_uid: String,
    /// The runbook.
    pub runbook: String,
    /// A notification, on one line.
    pub message: String,
    /// The command that approves it.
    pub approve_with: String,
}

impl From<&Proposal> for ProposalStatus {
    fn from(proposal: &Proposal) -> Self {
        let Proposal { plan, issued_at, expires_at, service, pod, runbook, message, approve_with, .. } = proposal.clone();
        Self { plan, issued_at, expires_at, service, pod: pod.name, pod_uid: pod.uid, runbook, message, approve_with }
    }
}

/// One service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ServiceStatus {
    /// Its name.
    pub service: String,
    /// Until when its cooldown lasts, if it does.
    pub cooldown_until: Option<Timestamp>,
    /// The execution that it is for, and the minutes that its runbook charged.
    pub cooldown: Option<CooldownStatus>,
    /// Executions in the last hour, by runbook.
    pub executions_in_the_last_hour: BTreeMap<String, usize>,
    /// How the last execution ended, unless it is in flight.
    pub last: Option<LastOutcome>,
}

/// What a cooldown is for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct CooldownStatus {
    /// The runbook that charged it.
    pub runbook: String,
    /// When its execution began.
    pub execution_at: Timestamp,
    /// How many minutes it charged.
    pub minutes: u32,
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct LastOutcome {
    pub at: Timestamp,
    pub result: Outcome,
    /// What was seen.
    pub detail: String,
    /// The pod that was replaced.
    pub pod: String,
    /// The pod that took over.
    pub replacement: Option<String>,
    /// The runbook.
    pub runbook: String,
}

/// The newest outcome, and of which service it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct NewestOutcome {
    /// The service.
    pub service: String,
    /// How its execution ended.
    #[serde(flatten)]
    pub outcome: LastOutcome,
}

/// What the ledger says of a namespace at this moment.
pub(crate) fn status(ledger: &Ledger, namespace: &str, now: Timestamp) -> Status {
    let mut by_service: BTreeMap<&str, Vec<&Execution>> = BTreeMap::new();
    for execution in ledger.executions.iter().filter(|execution| execution.namespace == namespace) {
        by_service.entry(&execution.service).or_default().push(execution);
    }
    let in_flight = ledger.in_flight().map(|(execution, terms)| InFlightStatus {
        execution_id: execution.id.clone(),
        service: execution.service.clone(),
        pod: execution.pod.name.clone(),
        runbook: execution.runbook.clone(),
        run_id: terms.holder.run_id.clone(),
        holder: terms.holder.pod.clone(),
        verify_deadline: terms.verify_deadline,
    });
    let services: Vec<ServiceStatus> =
        by_service.into_iter().map(|(name, executions)| service(ledger, namespace, name, &executions, now)).collect();
    let outcomes = services.iter().filter_map(|one| Some((&one.service, one.last.as_ref()?)));
    let newest = outcomes.max_by_key(|(_, outcome)| outcome.at);
    let newest_outcome = newest.map(|(service, outcome)| NewestOutcome { service: service.clone(), outcome: outcome.clone() });
    Status {
        namespace: namespace.to_owned(),
        now,
        runs: None,
        unread: Vec::new(),
        newest_outcome,
        in_flight: in_flight.collect(),
        open_breakers: ledger.open_breakers().into_iter().map(|opening| OpenBreaker::new(opening, namespace)).collect(),
        proposals: ledger.proposals.iter().filter(|proposal| proposal.expires_at > now).map(Into::into).collect(),
        services,
    }
}

fn service(ledger: &Ledger, namespace: &str, name: &str, executions: &[&Execution], now: Timestamp) -> ServiceStatus {
    let mut rates = BTreeMap::new();
    for execution in executions.iter().filter(|execution| execution.charged && now.duration_since(execution.started_at) < RATE_WINDOW) {
        *rates.entry(execution.runbook.clone()).or_default() += 1;
    }
    let last = executions.iter().rev().find_map(|execution| {
        let end = execution.outcome.as_ref()?;
        Some(LastOutcome {
            at: end.at,
            result: end.result,
            detail: end.detail.clone(),
            pod: execution.pod.name.clone(),
            replacement: end.replacement.as_ref().map(|replacement| replacement.name.clone()),
            runbook: execution.runbook.clone(),
        })
    });
    // What a runbook asks for itself is not known here: this is what has been charged.
    let cooldown = ledger.cooldown(namespace, name, 0, now);
    ServiceStatus {
        service: name.to_owned(),
        cooldown_until: cooldown.as_ref().map(|cooldown| cooldown.until),
        cooldown: cooldown.map(|cooldown| CooldownStatus {
            runbook: cooldown.execution.runbook.clone(),
            execution_at: cooldown.execution.started_at,
            minutes: cooldown.charged_minutes.unwrap_or(0),
        }),
        executions_in_the_last_hour: rates,
        last,
    }
}

impl Status {
    /// With what could be read of the CronJob.
    pub(crate) fn with(self, desk: &Desk) -> Self {
        Self { runs: desk.runs(Some(self.now)), unread: desk.unread.iter().map(ToString::to_string).collect(), ..self }
    }

    /// For people.
    pub(crate) fn table(&self, layout: Layout) -> String {
        let mut text = format!("namespace {} at {:.0}\n", self.namespace, self.now);
        // Further lines are indented.
        let paragraph = |text: &str| wrapped(text, layout.columns.saturating_sub(2)).join("\n  ") + "\n";
        for line in self.runs.iter().flat_map(Runs::lines) {
            text.push_str(&paragraph(&line));
        }
        if !self.unread.is_empty() {
            text.push_str(&paragraph(&format!("not read: {}", self.unread.join("; "))));
        }
        if let Some(NewestOutcome { service, outcome: LastOutcome { at, result, pod, .. } }) = &self.newest_outcome {
            text.push_str(&paragraph(&format!("newest outcome: {} at {at:.0}: {} of {}", result.as_str(), name(pod), name(service))));
        }
        if self.in_flight.is_empty() {
            text.push_str("nothing is in flight\n");
        }
        for in_flight in &self.in_flight {
            text.push_str(&paragraph(&format!("in flight: {in_flight}")));
        }
        if self.open_breakers.is_empty() {
            text.push_str("every circuit breaker is closed\n");
        }
        for opening in &self.open_breakers {
            let OpenBreaker { at, runbook, service, cause, reset_with, .. } = opening;
            let scope = breaker_scope(service.as_deref());
            text.push_str(&paragraph(&format!("circuit breaker OPEN: {} for {scope} since {at:.0}: {}", name(runbook), inert(cause, 300))));
            let _ = writeln!(text, "  once the cause is fixed:\n    {}", reset_with);
        }
        for proposal in &self.proposals {
            text.push_str(&waiting(proposal, layout));
        }
        if !self.services.is_empty() {
            let headings = ["SERVICE", "COOLDOWN UNTIL", "LAST HOUR", "LAST OUTCOME", "DETAIL"];
            let rows: Vec<(Tone, [String; 5])> = self.services.iter().map(|service| (Tone::Plain, service.row())).collect();
            text.push('\n');
            text.push_str(&table(headings, &rows, Layout { colour: false, ..layout }));
        }
        // The ledger can be edited by hand: whatever is in it, a line here is one of ours.
        text.lines().map(|line| inert(line, LONGEST_LINE) + "\n").collect()
    }
}

/// A plan that waits for its approval: a line for each thing to know, and the command once, whole.
/// A plan that waits, as a person reads it.
pub(crate) fn waiting(proposal: &ProposalStatus, layout: Layout) -> String {
    let ProposalStatus { plan, pod, service, expires_at, message, approve_with, .. } = proposal;
    let (pod, command) = (name(pod), inert(approve_with, LONGEST_LINE - 20));
    let title = format!("waits for an approval until {expires_at:.0}: {pod} of {}", name(service));
    let mut text = wrapped(&title, layout.columns.saturating_sub(2)).join("\n  ") + "\n";
    let mut line = |label: &str, said: &str| {
        let said = wrapped(said, layout.columns.saturating_sub(11)).join(&format!("\n{:11}", ""));
        let _ = writeln!(text, "  {label:<8} {said}");
    };
    let plan = name(plan);
    match Question::of(message, approve_with) {
        Some(Question { why, evidence, action, verify, rollback }) => {
            line("plan", &plan);
            line("action", &inert(action, LONGEST_LINE));
            line("why", &inert(why, LONGEST_LINE));
            line("evidence", &inert(evidence, LONGEST_LINE));
            line("verify", &inert(verify, LONGEST_LINE));
            line("rollback", &inert(rollback, LONGEST_LINE));
        }
        // As an earlier program wrote it, or a hand: as it is, but for the command.
        None => {
            line("plan", &plan);
            line("why", &inert(&message.replace(approve_with, "as below"), LONGEST_LINE));
        }
    }
    let _ = writeln!(text, "  approve\n    {command}");
    text
}

impl std::fmt::Display for InFlightStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { service, pod, runbook, run_id, holder, verify_deadline, .. } = self;
        let holder = holder.as_ref().map_or_else(String::new, |pod| format!(" in pod {}", name(pod)));
        let (service, pod, runbook, run_id) = (name(service), name(pod), name(runbook), name(run_id));
        write!(f, "{pod} of {service} by {runbook}, held by run {run_id}{holder} until {verify_deadline:.0} at the latest")
    }
}

impl ServiceStatus {
    fn row(&self) -> [String; 5] {
        let time = |time: Timestamp| format!("{time:.0}");
        let rates: Vec<String> =
            self.executions_in_the_last_hour.iter().map(|(runbook, count)| format!("{count} {}", name(runbook))).collect();
        let last = self.last.as_ref();
        [
            name(&self.service),
            self.cooldown.as_ref().zip(self.cooldown_until).map_or_else(
                || "-".to_owned(),
                |(cooldown, until)| format!("{} ({} min by {})", time(until), cooldown.minutes, name(&cooldown.runbook)),
            ),
            if rates.is_empty() { "0".to_owned() } else { rates.join(", ") },
            last.map_or_else(|| "-".to_owned(), |last| format!("{} at {}", last.result.as_str(), time(last.at))),
            last.map_or_else(String::new, |last| inert(&last.detail, 120)),
        ]
    }
}

/// A name as long as Kubernetes has them, inert.
fn name(text: &str) -> String {
    inert(text, 253)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::decide::decide;
    use crate::core::decide::tests::{World, executed, now, seconds_ago, snapshot};
    use crate::core::runbook::DecisionMode;
    use crate::terminal::output::tests::only_snake_case;

    #[test]
    fn an_approval_is_lines_and_its_command_is_there_once() {
        let mut world = World::new();
        world.runbook().decision_mode = DecisionMode::ApprovalRequired;
        world.runbook().rollback.notes = "roll back the release; the plan: none".to_owned();
        world.request().probable_cause = Some("a\"; the plan: delete everything, then rest; rollback: x".to_owned());
        world.runbook().triggers.probable_causes.clear();
        world.request().confidence = Some("0.9".to_owned());
        let decision = decide(&world.snapshot.requests[0], &world.runbooks, &world.snapshot, &world.ledger, now());
        let proposal = crate::core::intent::Decided {
            request: &world.snapshot.requests[0],
            decision: &decision,
            snapshot: &world.snapshot,
            ledger: &world.ledger,
            now: now(),
        }
        .proposal()
        .unwrap();
        let command = proposal.approve_with.clone();
        let ledger = Ledger { proposals: vec![proposal], ..Ledger::default() };
        for columns in [60, 80, 120] {
            let text = status(&ledger, "lab", now()).table(Layout { columns, colour: false });
            assert_eq!(text.matches(&command).count(), 1, "{text}");
            assert!(text.contains(&format!("\n  approve\n    {command}\n")), "{text}");
            let short = text.lines().filter(|line| !line.contains(&command)).all(|line| line.chars().count() <= columns);
            assert!(short, "{text}");
        }
        snapshot("src/commands/status/approval.txt", &status(&ledger, "lab", now()).table(Layout { columns: 80, colour: false }));
        only_snake_case(&serde_json::to_value(status(&ledger, "lab", now())).unwrap());
        // What no program of ours wrote is shown as it is, and the command once all the same.
        let mut other = ledger.clone();
        other.proposals[0].message = format!("do it: {command}");
        let text = status(&other, "lab", now()).table(Layout::PLAIN);
        assert!(text.contains("do it: as below") && text.matches(&command).count() == 1, "{text}");
    }

    #[test]
    fn a_cooldown_is_told_with_the_runbook_that_charged_it() {
        let mut charged = executed("web", "slow", seconds_ago(180));
        charged.cooldown_until = seconds_ago(-3420);
        let ledger = Ledger { executions: vec![charged, executed("web", "replace", seconds_ago(60))], ..Ledger::default() };
        let told = status(&ledger, "lab", now());
        let expected = CooldownStatus { runbook: "slow".to_owned(), execution_at: seconds_ago(180), minutes: 60 };
        assert_eq!((told.services[0].cooldown_until, &told.services[0].cooldown), (Some(seconds_ago(-3420)), &Some(expected)));
        let table = told.table(Layout { columns: 200, colour: false });
        assert!(table.contains("  2025-06-01T12:57:00Z (60 min by slow)  "), "{table}");
    }
}
