//! Remedies: one for each guardrail that blocks, and one for each reason that comes before the guardrails.

use super::asked::renew_with;
use super::{Check, Decision, GuardrailId, Mode, Reason, Verdict};
use crate::core::ledger::{BreakerEvent, Ledger};
use crate::core::runbook::Runbook;
use crate::core::selector::{Operator, Requirement, Selector};
use crate::core::snapshot::{Request, Service, Snapshot, Workload};
use crate::core::words::{PROGRAM, amount, annotation, inert};
use crate::core::workload_kind::WorkloadKind;

/// Advice for a human about a block, with a command if one helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy {
    /// The advice, in words.
    pub advice: String,
    /// The one command that follows the advice or shows more, if there is one.
    pub command: Option<String>,
}

impl Remedy {
    fn new(advice: impl Into<String>) -> Self {
        Self { advice: advice.into(), command: None }
    }

    fn by(self, command: impl Into<String>) -> Self {
        Self { command: Some(command.into()), ..self }
    }

    /// `advice: command`.
    pub fn in_one_line(self) -> String {
        match self.command {
            Some(command) => format!("{}: {command}", self.advice),
            None => self.advice,
        }
    }
}

/// The subject of a remedy: the requesting pod, and what is known about it.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    request: &'a Request,
    runbook: Option<&'a Runbook>,
    snapshot: &'a Snapshot,
    ledger: &'a Ledger,
}

impl<'a> Subject<'a> {
    /// Takes one of the snapshot's requests, and the runbook that applies to it, if one does.
    pub fn new(request: &'a Request, runbook: Option<&'a Runbook>, snapshot: &'a Snapshot, ledger: &'a Ledger) -> Self {
        Self { request, runbook, snapshot, ledger }
    }

    fn pod(&self) -> String {
        name(&self.request.pod.name)
    }

    fn namespace(&self) -> &'a str {
        &self.snapshot.bounds.namespace
    }

    fn selector(&self) -> &'a Selector {
        &self.snapshot.bounds.selector
    }

    fn service(&self) -> Option<&'a Service> {
        self.request.service.as_ref()
    }

    /// The workload behind the pod, if it could be read.
    pub fn workload(&self) -> Option<&'a Workload> {
        self.snapshot.workload_of(self.request)
    }

    /// `deployment/web`, as kubectl takes it.
    fn workload_argument(&self) -> Option<String> {
        self.workload().map(|workload| format!("{}/{}", workload.kind.as_str().to_lowercase(), name(&workload.name)))
    }

    fn workload_in_words(&self) -> String {
        self.workload_argument().unwrap_or_else(|| "its workload".to_owned())
    }

    fn runbook_in_words(&self) -> String {
        self.runbook.map_or_else(|| "the runbook".to_owned(), |runbook| format!("runbook {}", name(&runbook.name)))
    }

    fn kubectl(&self, arguments: impl std::fmt::Display) -> String {
        format!("kubectl -n {} {arguments}", self.namespace())
    }

    /// The remedy that asks for the pod's replacement.
    pub fn ask(&self) -> Remedy {
        match self.one_label() {
            Some((key, value)) => {
                Remedy::new("to ask for its replacement").by(self.kubectl(format_args!("label pod {} {key}={value}", self.pod())))
            }
            None => Remedy::new(format!("to ask for its replacement, set labels that match {}", self.selector())),
        }
    }

    /// The remedy that takes the request back and sets it again, so that it is of now.
    fn ask_again(&self) -> Remedy {
        let advice = "if the pod is still to be replaced, ask again: remove the label and set it once more";
        match self.one_label() {
            Some((key, value)) => {
                let label = self.kubectl(format_args!("label pod {}", self.pod()));
                Remedy::new(advice).by(format!("{label} {key}- && {label} {key}={value}"))
            }
            None => Remedy::new(format!("{advice} (a pod asks if it matches {})", self.selector())),
        }
    }

    /// The label that is a request by itself, if the selector has just one.
    fn one_label(&self) -> Option<(&'a str, &'a str)> {
        match &self.selector().0[..] {
            [Requirement { key, operator: Operator::In(values) }] => Some((key, values.first()?)),
            _ => None,
        }
    }

    /// The opening of the breaker that stops the runbook here.
    fn open_breaker(&self) -> Option<&'a BreakerEvent> {
        self.ledger.open_breaker(&self.runbook?.name, &self.service()?.name)
    }

    fn look_at_peers(&self) -> Option<String> {
        self.service().map(|service| self.kubectl(format_args!("get pods -l {}={}", service.label, name(&service.name))))
    }
}

fn name(text: &str) -> String {
    inert(text, 253)
}

impl Check {
    /// The remedy, if it blocks.
    pub fn remedy(&self, subject: &Subject<'_>) -> Option<Remedy> {
        match self.verdict {
            Verdict::Pass | Verdict::NotApplicable => None,
            Verdict::Blocked if self.is_unknown() => {
                Some(Remedy::new("fix what keeps the fact from being read, or wait: every run reads it again"))
            }
            Verdict::Blocked => Some(self.id.remedy(self, subject)),
        }
    }
}

impl GuardrailId {
    /// The remedy for a block on known facts.
    fn remedy(self, check: &Check, subject: &Subject<'_>) -> Remedy {
        let wait = |what: &str| match check.until {
            Some(until) => Remedy::new(format!("wait until {until:.0}: {what}")),
            None => Remedy::new(format!("wait: {what}")),
        };
        let (namespace, workload, runbook) = (subject.namespace(), subject.workload_in_words(), subject.runbook_in_words());
        match self {
            Self::Request if check.observed.starts_with(annotation::REQUESTED_AT) => {
                Remedy::new("if the pod is still to be replaced, renew the request as of now")
                    .by(renew_with(&subject.request.pod.name, namespace))
            }
            Self::Request => subject.ask_again(),
            Self::BareRequest => Remedy::new("state what is wrong with the pod, then ask again").by(format!(
                "{} {}=SYMPTOM {}=CAUSE {}=0.9",
                subject.kubectl(format_args!("annotate pod {}", subject.pod())),
                annotation::SYMPTOM,
                annotation::PROBABLE_CAUSE,
                annotation::CONFIDENCE
            )),
            Self::SymptomPresent => Remedy::new("if the pod is well, remove the request; otherwise state the symptom that it has now")
                .by(subject.kubectl(format_args!("describe pod {}", subject.pod()))),
            Self::Namespace => Remedy::new(format!(
                "if {runbook} is for this namespace too, ask its owner to add {namespace} to spec.scope.allowedNamespaces"
            )),
            Self::OptIn => {
                let required = subject.runbook.map(|runbook| runbook.scope.required_labels.as_slice()).unwrap_or_default();
                let labels: Vec<String> = required.iter().map(|(key, value)| format!("{key}={value}")).collect();
                let advice = Remedy::new(format!("if automation may replace the pods of {workload}, its owner opts in"));
                match subject.workload_argument() {
                    Some(workload) => advice.by(subject.kubectl(format_args!("label {workload} {}", labels.join(" ")))),
                    None => advice,
                }
            }
            Self::Controller => match subject.workload().and_then(|workload| workload.controller.as_ref()) {
                Some(controller) => Remedy::new(format!(
                    "leave the pod to {}; if {runbook} may replace its pods, ask the runbook's owner to add {} to spec.scope.allowedControllers",
                    inert(&controller.to_string(), 253),
                    inert(&controller.kind, 253)
                )),
                None => Remedy::new("handle this pod by hand: automation never replaces pods of this kind"),
            },
            Self::OwnsNothing => Remedy::new("handle the pod by hand, together with what it owns: all of it is deleted with the pod")
                .by(subject.kubectl(format_args!("describe pod {}", subject.pod()))),
            Self::WorkloadKind => Remedy::new(format!(
                "if {runbook} is for workloads of this kind too, ask its owner to add the kind to spec.scope.workloadKinds"
            )),
            Self::ServiceLabel => Remedy::new(format!(
                "set label {} in spec.template.metadata.labels of {workload}, and let it roll out: its pods then have it",
                subject.snapshot.bounds.service_label
            )),
            Self::RequestLabelInTemplate => Remedy::new(format!(
                "remove what {} matches from spec.template.metadata.labels of {workload}: a request belongs on one pod",
                subject.selector()
            )),
            Self::Terminating => {
                let advice = Remedy::new("if the deletion is intended, do nothing; if it hangs, check for a finalizer");
                match subject.workload().filter(|workload| workload.deleting).and(subject.workload_argument()) {
                    Some(argument) => advice.by(subject.kubectl(format_args!("get {argument} -o jsonpath='{{.metadata.finalizers}}'"))),
                    None => advice.by(format!("kubectl get namespace {namespace} -o jsonpath='{{.status.conditions}}'")),
                }
            }
            Self::CanStart => Remedy::new(format!(
                "fix what keeps this pod from running, or what deletes its volume: another pod of {workload} would not start either"
            ))
            .by(subject.kubectl(format_args!("describe pod {}", subject.pod()))),
            Self::BlastRadius => {
                let least = subject.runbook.map_or(2, |runbook| runbook.guardrails.minimum_ready_replicas);
                let advice = format!(
                    "get {} of the service Ready: scale {workload} up or fix its unready pods, or replace the pod by hand",
                    amount(least, "pod")
                );
                Remedy { advice, command: subject.look_at_peers() }
            }
            Self::OwnRedundancy => {
                let advice = Remedy::new(format!("get a second pod of {workload} Ready first, or it serves nobody during the replacement"));
                match (subject.workload_argument(), subject.workload()) {
                    (Some(argument), Some(workload)) if workload.desired < 2 => {
                        advice.by(subject.kubectl(format_args!("scale {argument} --replicas 2")))
                    }
                    _ => Remedy { command: subject.look_at_peers(), ..advice },
                }
            }
            Self::UnavailablePercent => {
                let advice = format!("get more pods of {workload} Ready first, scale it up, or replace the pod by hand");
                Remedy { advice, command: subject.look_at_peers() }
            }
            Self::Rollout => rollout(subject),
            Self::OrderedPeers => Remedy { advice: format!("fix the other pods of {workload} first"), command: subject.look_at_peers() },
            Self::MaintenanceWindow => wait("the runbook does not act in these hours"),
            Self::BlockingLabel => Remedy::new("wait until the reason for the label is over, then remove the label").by(subject
                .kubectl(format_args!("get {} --show-labels", subject.workload_argument().unwrap_or_else(|| "deployments".to_owned())))),
            Self::BlockingAnnotation => Remedy::new("leave the pod alone until the annotation's author removes it")
                .by(format!("{} -o jsonpath='{{.metadata.annotations}}'", subject.kubectl(format_args!("get pod {}", subject.pod())))),
            Self::Cooldown => wait("the service needs time to settle after each replacement"),
            Self::HourlyRate => wait("replacing it has not helped so far; find out why before you replace the pod by hand"),
            Self::ConcurrentActions => {
                wait("another run is at work, or the next one settles what it left").by(format!("{PROGRAM} status -n {namespace}"))
            }
            Self::CircuitBreaker => {
                let advice = Remedy::new("find out why the last replacement failed, fix the cause, then close the circuit breaker");
                Remedy { command: subject.open_breaker().map(|opening| opening.reset_with(namespace)), ..advice }
            }
            Self::DisruptionBudget => Remedy::new(
                "get the other pods healthy, or let the PodDisruptionBudget allow a disruption; only one of them may select a pod",
            )
            .by(subject.kubectl("get poddisruptionbudgets")),
            Self::AffectedServices => wait("replacements in many services at once look like an outage, or cause one"),
            Self::MatchedServices => {
                Remedy::new("find out what these services have in common, and remove the labels that were set by mistake")
                    .by(subject.kubectl(format_args!("get pods -l '{}' --show-labels", subject.selector())))
            }
            Self::Probes => Remedy::new(format!("fix what the probes of {runbook} ask about: automation waits until they hold"))
                .by(subject.kubectl(format_args!("get {} -o wide", subject.workload_argument().unwrap_or_else(|| "pods".to_owned())))),
            Self::TimeToVerify if check.is_too_long() => Remedy::new(format!(
                "ask the owner of {runbook} to lower spec.verification.timeoutSeconds or remove probes, or the operator to raise --deadline \
                 (RUN_DEADLINE) and the CronJob's activeDeadlineSeconds with it"
            )),
            Self::TimeToVerify if !check.is_a_pause() => Remedy::new(format!(
                "ask the owner of {runbook} to raise spec.verification.timeoutSeconds above what {workload} takes: its probes' delays, \
                 minReadySeconds, and the old pod's grace period if the new one must wait for it"
            )),
            Self::TimeToVerify => Remedy::new("wait for the next run; if every run says so, raise its --deadline (RUN_DEADLINE)"),
        }
    }
}

fn rollout(subject: &Subject<'_>) -> Remedy {
    let words = subject.workload_in_words();
    let (Some(argument), Some(workload)) = (subject.workload_argument(), subject.workload()) else {
        return Remedy::new("let the rollout end, or roll it back");
    };
    match workload.kind {
        _ if workload.cannot_create.is_some() => {
            Remedy::new(format!("let {words} create pods again: raise the quota, or change what the admission policy refuses"))
                .by(subject.kubectl(format_args!("describe {argument}")))
        }
        WorkloadKind::StatefulSet if workload.was_rolled_back(subject.request.revision.as_deref()) => Remedy::new(format!(
            "the template of {words} was rolled back, and its controller waits for this pod of the bad revision: if it never becomes \
             Ready, delete just this pod by hand, as Kubernetes documents it (forced rollback)"
        ))
        .by(subject.kubectl(format_args!("delete pod {}", subject.pod()))),
        _ if workload.stalled.is_some() => Remedy::new(format!("the rollout of {words} is stuck: fix it, or roll it back"))
            .by(subject.kubectl(format_args!("rollout undo {argument}"))),
        _ if workload.paused => Remedy::new(format!("finish what {words} was paused for, then resume it"))
            .by(subject.kubectl(format_args!("rollout resume {argument}"))),
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet if workload.on_delete => {
            Remedy::new(format!("the update strategy of {words} is OnDelete: the person who rolls it out deletes this pod"))
        }
        // kubectl rollout knows no ReplicaSets.
        WorkloadKind::ReplicaSet => Remedy::new(format!("let {words} reach its size")).by(subject.kubectl(format_args!("get {argument}"))),
        _ => Remedy::new(format!("let the rollout of {words} end, or roll it back"))
            .by(subject.kubectl(format_args!("rollout status {argument}"))),
    }
}

impl Decision<'_> {
    /// The hint of the decision, in one line and inert: the remedy of the first block that does not end by itself, else of what led to the
    /// decision. `None` if there is nothing to do, or if the message has the command.
    pub fn hint(&self, subject: &Subject<'_>) -> Option<String> {
        let remedy = match &self.reason {
            Reason::Closed(_) => None,
            _ if self.mode == Mode::ApprovalRequired => None,
            Reason::Blocked => self.blocked().find(|check| !check.is_a_pause()).and_then(|check| check.remedy(subject)),
            _ => self.remedy(subject),
        };
        remedy.map(|remedy| remedy.in_one_line())
    }

    /// The remedy of what led to the decision; `None` if the guardrails have the remedies, or if nothing stands in the way.
    pub fn remedy(&self, subject: &Subject<'_>) -> Option<Remedy> {
        let mode = self.mode;
        let runbook = subject.runbook_in_words();
        let by_hand = || {
            let command = subject.runbook.map(|runbook| runbook.action.command.on(&subject.pod(), subject.namespace()));
            Remedy { advice: "if you agree, do it by hand".to_owned(), command }
        };
        match &self.reason {
            Reason::Closed(_) => Some(
                Remedy::new("do nothing: the request goes with the pod; if the object stays, find out why, then delete it")
                    .by(subject.kubectl(format_args!("describe pod {}", subject.pod()))),
            ),
            Reason::Malformed(_) => Some(
                Remedy::new("correct the annotation, or remove it; the request stays")
                    .by(subject.kubectl(format_args!("annotate pod {} KEY=VALUE --overwrite", subject.pod()))),
            ),
            Reason::Expired { renew_with, .. } => Some(Remedy::new("if the pod is still to be replaced, renew the request").by(renew_with)),
            Reason::NoRunbook(_) => {
                Some(Remedy::new("handle the pod by hand; to automate this, list the symptom and the cause in a runbook"))
            }
            Reason::SeveralRunbooks(_) => {
                Some(Remedy::new("name one of them on the pod, or narrow the triggers of the runbooks").by(subject.kubectl(format_args!(
                    "annotate pod {} {}=RUNBOOK",
                    subject.pod(),
                    annotation::RUNBOOK
                ))))
            }
            Reason::LowConfidence { .. } => Some(by_hand()),
            Reason::Blocked | Reason::Approved { .. } => None,
            Reason::RunbookMode | Reason::HighRisk | Reason::Ceiling if mode == Mode::AutoExecute => None,
            Reason::ApprovalVoid(_) | Reason::RunbookMode | Reason::HighRisk | Reason::Ceiling if mode == Mode::ApprovalRequired => {
                let advice = "if you agree, approve exactly this plan under your own name; the next run carries it out";
                Some(Remedy { advice: advice.to_owned(), command: self.plan.as_ref().map(|plan| plan.approve_with.clone()) })
            }
            Reason::ApprovalVoid(_) => None,
            Reason::RunbookMode => {
                Some(Remedy { advice: format!("{}; {runbook} allows no more than {}", by_hand().advice, mode.as_str()), ..by_hand() })
            }
            Reason::HighRisk => Some(Remedy { advice: format!("{}; the risk of {runbook} is high", by_hand().advice), ..by_hand() }),
            Reason::Ceiling => Some(Remedy {
                advice: format!("{}; --mode-ceiling (MODE_CEILING) allows no more than {}", by_hand().advice, mode.as_str()),
                ..by_hand()
            }),
        }
    }
}
