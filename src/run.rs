//! A run: match, check, act, verify, audit, in that order, one pod at a time.

mod adopt;
mod announce;
pub(crate) mod config;
mod error;
mod forgotten;
mod news;
mod outcome;
mod remember;
mod report;
mod tell;
mod trail;

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use crate::cluster::act::{self, Acted};
use crate::cluster::api::{Access, Api, Cause, Writer};
use crate::cluster::matching::{self, Again, Fresh};
use crate::cluster::permissions::{missing, needs};
use crate::cluster::store::{Store, StoreError};
use crate::cluster::verify::Verifier;
use crate::core::decide::{Decider, Decision, Mode, decide, probes_wanted, turn};
use crate::core::exit::Exit;
use crate::core::intent::{Decided, SEND_WITHIN};
use crate::core::judge::VerificationEnd;
use crate::core::ledger::{Execution, InFlight, Ledger, Outcome, SettleEffect, Settled};
use crate::core::runbook::Runbook;
use crate::core::snapshot::{Bounds, Request, Snapshot};
use crate::incident::record::{Recorder, Seen};
use crate::outside::clock::{Deadline, Stopwatch};
use crate::outside::load::load;
use crate::outside::probe;
use crate::run::config::Settings;
use crate::terminal::audit::{Record, RunReason, Sink};

pub(crate) use error::RunError;
use error::exit_of;
use report::{EndedExecution, Reporter};
use tell::Put;
use trail::Trail;

/// How often one pod is decided anew because it, or the ledger, changed meanwhile.
const ATTEMPTS: u32 = 3;
/// How often the end of an execution is written, if others write meanwhile.
const SETTLE_ATTEMPTS: u32 = 10;

/// Runs once. `dry_run`: the same reads and the same decisions, and not one write. `record`: a directory to record it in.
///
/// # Errors
/// See [`RunError`]; whatever was begun is in the ledger.
pub(crate) async fn run<W: Write>(
    settings: &Settings,
    access: Access,
    dry_run: bool,
    record: Option<&Path>,
    sink: Sink<W>,
) -> Result<Exit, RunError> {
    let deadline = Deadline::after(settings.deadline);
    let late = |_| RunError::Deadline(settings.deadline.into());
    let runbooks = load(&settings.runbooks, settings.deadline)?;
    let recorder = record.map(|folder| Recorder::new(folder, &settings.runbooks)).transpose()?;
    // To connect counts as well; a credential plugin alone blocks the thread, and is waited for.
    let opening = async {
        let api = Api::connect(access, deadline).await?;
        let store = Store::open(api.clone(), &settings.state_configmap).await;
        Ok::<_, RunError>((api, store))
    };
    let (api, store) = tokio::time::timeout(deadline.left(), opening).await.map_err(late)??;
    let writer = (!dry_run).then(|| Writer::new(api.clone()));
    let store = match store {
        Err(goes @ StoreError::NamespaceGoes(_)) => return nothing_is_left(settings, &api, writer, goes, sink),
        store => store?,
    };
    let reporter = Reporter::new(Trail::new(sink, &api, store.clock(), settings, dry_run), writer.clone(), settings);
    let exit = Exit::Done;
    let mut run = Run { api, writer, store, runbooks: &runbooks, settings, deadline, reporter, recorder, exit, starts_anew: false };
    match tokio::time::timeout(deadline.left(), run.complete()).await.unwrap_or_else(|elapsed| Err(late(elapsed))) {
        // A failed verification before it is not forgotten for an API that fails later.
        Err(error) if run.exit > error.exit() => Err(RunError::After { exit: run.exit, error: Box::new(error) }),
        Err(error) => Err(error),
        Ok(()) => Ok(run.exit),
    }
}

/// The namespace is being deleted, and the ledger with it: the trail says so, and that is all.
fn nothing_is_left<W: Write>(
    settings: &Settings,
    api: &Api,
    writer: Option<Writer>,
    goes: StoreError,
    sink: Sink<W>,
) -> Result<Exit, RunError> {
    let Some(clock) = api.clock() else { return Err(goes.into()) };
    let mut reporter = Reporter::new(Trail::new(sink, api, &clock, settings, writer.is_none()), writer, settings);
    reporter.trail.about_the_run(goes.to_string());
    Ok(if reporter.trail.lost().is_some() { Exit::Unwritten } else { Exit::Done })
}

struct Run<'a, W> {
    api: Api,
    /// None in a dry run.
    writer: Option<Writer>,
    store: Store,
    runbooks: &'a [Runbook],
    settings: &'a Settings,
    deadline: Deadline,
    reporter: Reporter<W>,
    recorder: Option<Recorder>,
    exit: Exit,
    /// It has said that the ledger is a new one.
    starts_anew: bool,
}

impl<'a, W: Write> Run<'a, W> {
    async fn complete(&mut self) -> Result<(), RunError> {
        self.reporter.outbox.knows(self.store.ledger());
        let ended = self.all().await;
        self.tell_the_rest().await;
        self.remember_the_new_ledger().await;
        if self.reporter.trail.lost().is_some() {
            self.exit = self.exit.and(Exit::Unwritten);
        }
        ended
    }

    async fn all(&mut self) -> Result<(), RunError> {
        // Match.
        let mut requests = matching::requests(&self.api, &self.bounds(), self.runbooks).await?;
        self.notice_what_is_forgotten().await;
        let in_flight = self.store.ledger().in_flight().next().is_some();
        if requests.is_empty() && !in_flight {
            self.remember(requests).await?;
            self.reporter.trail.nothing_to_do();
            return Ok(());
        }
        let needs = missing(needs(&self.settings.state_configmap, self.runbooks), &self.api.permissions().await?);
        if !needs.is_empty() {
            return Err(RunError::Permissions { namespace: self.api.namespace().to_owned(), needs });
        }
        requests = self.remember(requests).await?;
        // What a run before us left undone comes first.
        self.adopt().await?;
        if in_flight && !requests.is_empty() {
            // That may have taken minutes.
            requests = matching::requests(&self.api, &self.bounds(), self.runbooks).await?;
            requests = self.remember(requests).await?;
        }
        if requests.is_empty() {
            if !in_flight {
                self.reporter.trail.nothing_to_do();
            }
            return Ok(());
        }
        let mut snapshot = matching::snapshot(&self.api, self.bounds(), requests, self.runbooks).await?;

        // Check: everyone once on the same facts. Who may be replaced is decided again, one at a time, on fresh ones.
        let (mut eligible, mut put, mut decided) = (Vec::new(), Put::default(), Vec::new());
        let now = self.now();
        let ledger = self.store.ledger().clone();
        snapshot.requests.sort_by_cached_key(|request| turn(request, &ledger, &self.settings.selector, now));
        let decider = Decider::new(self.runbooks, &snapshot, &ledger, now);
        for request in &snapshot.requests {
            let decision = decider.decide(request);
            let unasked = probes_wanted(&decision, request, &snapshot).is_some();
            if unasked || (decision.mode == Mode::AutoExecute && self.writer.is_some()) {
                eligible.push(request.clone());
            } else {
                let one = Decided { request, decision: &decision, snapshot: &snapshot, ledger: &ledger, now };
                self.reporter.decision(&one).await;
                put.add(&one);
                if self.recorder.is_some() {
                    decided.push((request, decision));
                }
            }
        }
        let decisions = decided.iter().map(|(request, decision)| (*request, decision)).collect();
        self.record(&Seen { snapshot: &snapshot, ledger: &ledger, now, decisions });
        self.save_record();
        let Some(writer) = self.writer.clone() else {
            // Only what waits for its probes is left.
            for request in eligible {
                self.shadow(&request, &mut snapshot).await;
            }
            return self.tell(Put::default()).await;
        };
        self.tell(put).await?;
        // Ten thousand peers are not needed any more.
        snapshot.services.clear();
        for request in eligible {
            self.replace(&writer, &request, &mut snapshot).await?;
            self.tell_news().await;
        }
        Ok(())
    }

    /// Asks the probes that a dry run's decision waits for, and decides with what they answer.
    async fn shadow(&mut self, request: &Request, snapshot: &mut Snapshot) {
        snapshot.bounds = self.bounds();
        let decide_now = |run: &Self, snapshot: &Snapshot| decide(request, run.runbooks, snapshot, run.store.ledger(), run.now());
        let mut decision = decide_now(self, snapshot);
        if probe::ask_if_wanted(&decision, request, snapshot).await {
            snapshot.bounds = self.bounds();
            decision = decide_now(self, snapshot);
        }
        let ledger = self.store.ledger().clone();
        self.conclude(&Decided { request, decision: &decision, snapshot, ledger: &ledger, now: self.now() }).await;
        self.save_record();
    }

    /// What follows on every decision, whatever it is: its record, which is returned, its Event, and what is recorded of it.
    async fn conclude(&mut self, decided: &Decided<'_>) -> Record {
        let record = self.reporter.decision(decided).await;
        let Decided { request, decision, snapshot, ledger, now } = *decided;
        self.record(&Seen { snapshot, ledger, now, decisions: vec![(request, decision)] });
        record
    }

    /// Decides on fresh facts, and replaces the pod if it still may. What its probes answer goes to `before`.
    async fn replace(&mut self, writer: &Writer, request: &Request, before: &mut Snapshot) -> Result<(), RunError> {
        if self.reporter.trail.lost().is_some() {
            let why = "an earlier record of this run could not be written to the audit trail; the next run tries again";
            self.reporter.trail.left_alone(request, RunReason::TrailUnwritable, why);
            return Ok(());
        }
        for _ in 0..ATTEMPTS {
            let mut fresh = match matching::again(&self.api, self.bounds(), before, request, self.runbooks).await? {
                Again::Asks(fresh) => *fresh,
                Again::Withdrawn => {
                    self.reporter.trail.left_alone(request, RunReason::Withdrawn, "it no longer asks");
                    return Ok(());
                }
                Again::Gone => {
                    self.reporter.trail.left_alone(request, RunReason::Gone, "it is gone already");
                    return Ok(());
                }
            };
            let decision = self.decision_on(&fresh, self.store.ledger());
            if probe::ask_if_wanted(&decision, &fresh.request, &mut fresh.snapshot).await {
                // That took its time: what authorises is read after it.
                before.probes.append(&mut fresh.snapshot.probes);
                continue;
            }
            let before = self.store.ledger().clone();
            let decided =
                Decided { request: &fresh.request, decision: &decision, snapshot: &fresh.snapshot, ledger: &before, now: self.now() };
            let Some((execution, send_before)) = self.intent(&decided) else {
                self.conclude(&decided).await;
                self.save_record();
                let mut put = Put::default();
                put.add(&decided);
                return self.tell(put).await;
            };
            // Intent first: if it cannot be written, nothing is touched.
            let mut ledger = before.clone();
            ledger.executions.push(execution.clone());
            if !cfg!(feature = "sabotage-intent") {
                match self.store.begin(writer, ledger).await {
                    Err(StoreError::Conflict) => continue,
                    written => written?,
                }
            }
            let mut said = self.conclude(&decided).await;
            if self.reporter.trail.lost().is_none() {
                said = self.reporter.intent(&decided, &execution, said);
            }
            // Nothing is sent whose intent is not in the trail: the ledger alone, which forgets, cannot say why a pod was touched.
            if let Some(why) = self.reporter.trail.lost() {
                let verdict = VerificationEnd::new(Outcome::NotExecuted, format!("{why}; nothing was sent"));
                let ended = EndedExecution { execution: &execution, verdict, charged: false, took: Duration::ZERO, said: Some(said) };
                return self.settle(writer, ended).await;
            }
            let clock = Stopwatch::start();
            let (verdict, charged) = match self.act(writer, fresh, &execution, send_before).await {
                Ok(version) => (self.verify(&execution, version, send_before, clock).await, true),
                Err(verdict) => (verdict, false),
            };
            return self
                .settle(writer, EndedExecution { execution: &execution, verdict, charged, took: clock.elapsed(), said: Some(said) })
                .await;
        }
        self.reporter.trail.left_alone(
            request,
            RunReason::LedgerConflict,
            "the ledger changed each time that it was about to be replaced; the next run tries again",
        );
        Ok(())
    }

    /// Takes down what was decided, if that is asked for. It never changes what a run does.
    fn record(&mut self, seen: &Seen<'_>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.observe(seen, self.runbooks);
        }
    }

    /// Writes it. Never between an intent and its action, for that is to be sent at once.
    fn save_record(&mut self) {
        let recorder = self.recorder.as_mut().filter(|recorder| recorder.has_decisions());
        if let Some(Err(error)) = recorder.map(Recorder::write) {
            tracing::warn!("{error}");
        }
    }

    /// The decision on facts read just now.
    fn decision_on(&self, fresh: &Fresh, ledger: &Ledger) -> Decision<'a> {
        decide(&fresh.request, self.runbooks, &fresh.snapshot, ledger, self.now())
    }

    /// What will be done, in full, if the decision is to act: all that another run would need to settle it.
    fn intent(&self, decided: &Decided<'_>) -> Option<(Execution, Deadline)> {
        Some((decided.execution(self.next_id(), self.holder_of_this_run())?, Deadline::after(SEND_WITHIN)))
    }

    /// The run's id and a number, the same until the execution is in the ledger.
    fn next_id(&self) -> String {
        let run_id = self.reporter.trail.run_id();
        let before = self.store.ledger().executions.iter().filter(|execution| execution.id.starts_with(run_id)).count();
        format!("{run_id}-{}", before + 1)
    }

    /// Sends the action. `Ok`: it was sent, or may have been, and the resourceVersion to watch from; `Err`: it certainly was not.
    async fn act(
        &mut self,
        writer: &Writer,
        fresh: Fresh,
        execution: &Execution,
        send_before: Deadline,
    ) -> Result<Option<String>, VerificationEnd> {
        let not_executed = |detail: String| VerificationEnd::new(Outcome::NotExecuted, detail);
        let Fresh { mut request, snapshot, resource_version } = fresh;
        for attempt in 1..=ATTEMPTS {
            match act::remove(writer, &request, execution.method, send_before).await {
                Acted::Sent | Acted::AlreadyGone => return Ok(Some(resource_version)),
                Acted::Unclear(error) => {
                    tracing::warn!("whether the pod was deleted is unclear: {error}; looking at the pods");
                    return Ok(None);
                }
                Acted::TooLate => return Err(not_executed(format!("nothing was sent within {} s", SEND_WITHIN.as_secs()))),
                Acted::Refused(error) => {
                    if matches!(error.cause, Cause::Forbidden(_)) {
                        self.exit = self.exit.and(exit_of(&error));
                    }
                    return Err(not_executed(error.to_string()));
                }
                Acted::Changed if attempt == ATTEMPTS => {}
                // Kubelets update a crash-looping pod ten times a minute: only what the decision rests on matters.
                Acted::Changed => match self.same_decision(&request, &snapshot, execution).await {
                    Ok(Some(fresh)) => request = fresh,
                    Ok(None) => return Ok(None),
                    Err(why) => return Err(not_executed(why)),
                },
            }
        }
        Err(not_executed(format!("the pod changed {ATTEMPTS} times between decision and deletion")))
    }

    /// The pod as it is now, if the decision on it stands and the intent still describes it; `None` if it is gone.
    async fn same_decision(&self, request: &Request, before: &Snapshot, execution: &Execution) -> Result<Option<Request>, String> {
        let again = matching::again(&self.api, self.bounds(), before, request, self.runbooks).await;
        let fresh = match again.map_err(|error| error.to_string())? {
            Again::Asks(fresh) => *fresh,
            Again::Withdrawn => return Err("the request was withdrawn meanwhile".to_owned()),
            Again::Gone => return Ok(None),
        };
        let mut others: Ledger = self.store.ledger().clone();
        others.executions.retain(|other| other.id != execution.id);
        let decision = self.decision_on(&fresh, &others);
        if decision.mode != Mode::AutoExecute {
            return Err(format!("it changed meanwhile: {}", decision.message(&request.pod.name)));
        }
        let same = |now: &Execution| {
            let terms = |one: &InFlight| (one.owner_uid.clone(), one.template_hash.clone(), one.desired, one.pods_before.clone());
            let rules = |one: &Execution| (one.runbook_digest.clone(), one.method, one.approval.clone(), one.incident.clone());
            now.in_flight.as_ref().map(terms) == execution.in_flight.as_ref().map(terms) && rules(now) == rules(execution)
        };
        let decided = Decided { request: &fresh.request, decision: &decision, snapshot: &fresh.snapshot, ledger: &others, now: self.now() };
        match self.intent(&decided) {
            Some((now, _)) if same(&now) => Ok(Some(fresh.request)),
            _ => Err("its workload, or what is said of it, changed between decision and deletion".to_owned()),
        }
    }

    async fn verify(&self, execution: &Execution, version: Option<String>, send_before: Deadline, since: Stopwatch) -> VerificationEnd {
        let Some(terms) = &execution.in_flight else {
            return VerificationEnd::new(Outcome::Unknown, "the intent has no terms to verify by");
        };
        let timeout = terms.verify_deadline.duration_since(terms.send_before).unsigned_abs();
        let deadline = Deadline::after(timeout + send_before.left());
        self.verification(execution, terms, since, deadline, false).run(version).await
    }

    fn verification<'b>(
        &'b self,
        execution: &'b Execution,
        terms: &'b InFlight,
        since: Stopwatch,
        deadline: Deadline,
        adopted: bool,
    ) -> Verifier<'b> {
        Verifier {
            api: &self.api,
            execution,
            terms,
            request: &self.settings.selector,
            since,
            deadline,
            adopted,
            progress: self.reporter.trail.progress(),
        }
    }

    /// Writes the end to the ledger, the trail and the Events. Others may write meanwhile: the end is ours to write all the same,
    /// unless another run took us for dead and adopted it.
    async fn settle(&mut self, writer: &Writer, ended: EndedExecution<'_>) -> Result<(), RunError> {
        let EndedExecution { execution, verdict, charged, took, .. } = &ended;
        let mut attempt = 1;
        let (opening, written) = loop {
            let mut ledger = self.store.ledger().clone();
            let run_id = self.reporter.trail.run_id();
            let ours = |(other, terms): (&Execution, &InFlight)| other.id == execution.id && terms.holder.run_id == run_id;
            if !ledger.in_flight().any(ours) {
                self.reporter.trail.settled_by_another(execution, verdict);
                return Ok(());
            }
            let end = Settled {
                at: self.now(),
                result: verdict.result,
                detail: verdict.detail.clone(),
                replacement: verdict.replacement.clone(),
            };
            if let Some(recorder) = &mut self.recorder {
                recorder.ended(&execution.pod.name, &end, *took);
            }
            let opening =
                ledger.settle(&execution.id, end, SettleEffect { charged: *charged, opens_breaker: verdict.opens_breaker }, run_id);
            match self.store.write(writer, ledger).await {
                Err(StoreError::Conflict) if attempt < SETTLE_ATTEMPTS => attempt += 1,
                written => break (opening, written),
            }
        };
        self.save_record();
        if verdict.result.is_failure() {
            self.exit = self.exit.and(Exit::VerificationFailed);
        }
        self.reporter.outcome(ended, opening.as_ref(), self.runbooks).await;
        Ok(written?)
    }

    fn bounds(&self) -> Bounds {
        self.settings.bounds(self.api.namespace(), self.deadline.left())
    }

    fn now(&self) -> Timestamp {
        self.store.clock().now()
    }
}
