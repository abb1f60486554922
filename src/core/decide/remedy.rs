//! What to do about a block: one remedy for each guardrail, and one for each reason that comes before them.

use super::asked::renew_with;
use super::{Check, Decision, GuardrailId, Mode, Reason, Verdict};
use crate::core::ledger::{BreakerEvent, Ledger};
use crate::core::runbook::Runbook;
use crate::core::selector::{Operator, Requirement, Selector};
use crate::core::snapshot::{Request, Service, Snapshot, Workload};
use crate::core::words::{PROGRAM, amount, annotation, inert};
use crate::core::workload_kind::WorkloadKind;

/// What a human can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy {
    /// In words.
    pub advice: String,
    /// What to type for it, or to see more, where that is one command.
    pub command: Option<String>,
}

impl Remedy {
    fn new(advice: impl Into<String>) -> Self {
        Self { advice: advice.into(), command: None }
    }

    fn by(self, command: impl Into<String>) -> Self {
        Self { command: Some(command.into()), ..self }
    }
}

/// What a remedy speaks of: the pod that asks, and what is known around it.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    request: &'a Request,
    runbook: Option<&'a Runbook>,
    snapshot: &'a Snapshot,
    ledger: &'a Ledger,
}

impl<'a> Subject<'a> {
    /// One of the snapshot's requests, and the runbook that answers to it, if one does.
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

    /// How to ask for the pod's replacement.
    pub fn ask(&self) -> Remedy {
        match self.one_label() {
            Some((key, value)) => {
                Remedy::new("to ask for its replacement").by(self.kubectl(format_args!("label pod {} {key}={value}", self.pod())))
            }
            None => Remedy::new(format!("to ask for its replacement, set labels that match {}", self.selector())),
        }
    }

    /// Takes the request back and makes it again, so that it is of now.
    fn ask_again(&self) -> Remedy {
        let advice = "if it is still wanted, ask again: remove the label and set it once more";
        match self.one_label() {
            Some((key, value)) => {
                let label = self.kubectl(format_args!("label pod {}", self.pod()));
                Remedy::new(advice).by(format!("{label} {key}- && {label} {key}={value}"))
            }
            None => Remedy::new(format!("{advice} (a pod asks if it matches {})", self.selector())),
        }
    }

    /// The one label that makes a request, where it is one.
    fn one_label(&self) -> Option<(&'a str, &'a str)> {
        match &self.selector().0[..] {
            [Requirement { key, operator: Operator::In(values) }] => Some((key, values.first()?)),
            _ => None,
        }
    }

    /// The opening that stops the runbook here.
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
    /// What to do, where it blocks.
    pub fn remedy(&self, subject: &Subject<'_>) -> Option<Remedy> {
        match self.verdict {
            Verdict::Pass | Verdict::NotApplicable => None,
            Verdict::Blocked if self.is_unknown() => {
                Some(Remedy::new("what could not be read blocks: see to it that it can be, or wait, for every run reads it anew"))
            }
            Verdict::Blocked => Some(self.id.remedy(self, subject)),
        }
    }
}

impl GuardrailId {
    /// What to do where it blocks on known facts.
    fn remedy(self, check: &Check, subject: &Subject<'_>) -> Remedy {
        let wait = |what: &str| match check.until {
            Some(until) => Remedy::new(format!("wait until {until:.0}: {what}")),
            None => Remedy::new(format!("wait: {what}")),
        };
        let (namespace, workload, runbook) = (subject.namespace(), subject.workload_in_words(), subject.runbook_in_words());
        match self {
            Self::Request if check.observed.starts_with(annotation::REQUESTED_AT) => {
                Remedy::new("if it is still wanted, renew the request as of now").by(renew_with(&subject.request.pod.name, namespace))
            }
            Self::Request => subject.ask_again(),
            Self::BareRequest => Remedy::new("say what is wrong with the pod, then ask again").by(format!(
                "{} {}=SYMPTOM {}=CAUSE {}=0.9",
                subject.kubectl(format_args!("annotate pod {}", subject.pod())),
                annotation::SYMPTOM,
                annotation::PROBABLE_CAUSE,
                annotation::CONFIDENCE
            )),
            Self::SymptomPresent => Remedy::new("nothing, if it is well: then remove the request; else say what is wrong with it now")
                .by(subject.kubectl(format_args!("describe pod {}", subject.pod()))),
            Self::Namespace => Remedy::new(format!(
                "if {runbook} is meant for this namespace too, its owner adds {namespace} to spec.scope.allowedNamespaces"
            )),
            Self::OptIn => {
                let required = subject.runbook.map(|runbook| runbook.scope.required_labels.as_slice()).unwrap_or_default();
                let labels: Vec<String> = required.iter().map(|(key, value)| format!("{key}={value}")).collect();
                let advice = Remedy::new(format!("the owner of {workload} opts it in, if automation may replace its pods"));
                match subject.workload_argument() {
                    Some(workload) => advice.by(subject.kubectl(format_args!("label {workload} {}", labels.join(" ")))),
                    None => advice,
                }
            }
            Self::Controller => match subject.workload().and_then(|workload| workload.controller.as_ref()) {
                Some(controller) => Remedy::new(format!(
                    "leave it to {}; if {runbook} may touch what that controls, its owner adds {} to spec.scope.allowedControllers",
                    inert(&controller.to_string(), 253),
                    inert(&controller.kind, 253)
                )),
                None => Remedy::new("look after this pod by hand: pods of this kind are never replaced by automation"),
            },
            Self::OwnsNothing => Remedy::new("look after the pod by hand, together with what it owns: all of it is deleted with the pod")
                .by(subject.kubectl(format_args!("describe pod {}", subject.pod()))),
            Self::WorkloadKind => Remedy::new(format!(
                "if {runbook} is meant for workloads of this kind too, its owner adds the kind to spec.scope.workloadKinds"
            )),
            Self::ServiceLabel => Remedy::new(format!(
                "set label {} in spec.template.metadata.labels of {workload}, and let it roll out: pods made from the template then carry it",
                subject.snapshot.bounds.service_label
            )),
            Self::RequestLabelInTemplate => Remedy::new(format!(
                "remove what {} matches from spec.template.metadata.labels of {workload}: a request belongs on one pod",
                subject.selector()
            )),
            Self::Terminating => {
                let advice = Remedy::new("nothing, if the deletion is meant; if it hangs, a finalizer holds it");
                match subject.workload().filter(|workload| workload.deleting).and(subject.workload_argument()) {
                    Some(argument) => advice.by(subject.kubectl(format_args!("get {argument} -o jsonpath='{{.metadata.finalizers}}'"))),
                    None => advice.by(format!("kubectl get namespace {namespace} -o jsonpath='{{.status.conditions}}'")),
                }
            }
            Self::CanStart => Remedy::new(format!(
                "see to what keeps this pod from running, or takes its volume: a new pod of {workload} would fare the same"
            ))
            .by(subject.kubectl(format_args!("describe pod {}", subject.pod()))),
            Self::BlastRadius => {
                let least = subject.runbook.map_or(2, |runbook| runbook.guardrails.minimum_ready_replicas);
                let advice = format!(
                    "get at least {} of the service ready: mend those that are not, or scale {workload} up; \
                     meanwhile this pod is for a human",
                    amount(least, "pod")
                );
                Remedy { advice, command: subject.look_at_peers() }
            }
            Self::OwnRedundancy => {
                let advice = Remedy::new(format!("get a second pod of {workload} ready first, or it serves nobody meanwhile"));
                match (subject.workload_argument(), subject.workload()) {
                    (Some(argument), Some(workload)) if workload.desired < 2 => {
                        advice.by(subject.kubectl(format_args!("scale {argument} --replicas 2")))
                    }
                    _ => Remedy { command: subject.look_at_peers(), ..advice },
                }
            }
            Self::UnavailablePercent => {
                let advice = format!("get more pods of {workload} ready first, or scale it up; meanwhile this pod is for a human");
                Remedy { advice, command: subject.look_at_peers() }
            }
            Self::Rollout => rollout(subject),
            Self::OrderedPeers => Remedy { advice: format!("mend the other pods of {workload} first"), command: subject.look_at_peers() },
            Self::MaintenanceWindow => wait("the runbook keeps automation out of these hours"),
            Self::BlockingLabel => Remedy::new("wait until what the label stands for is over, and remove it then").by(subject
                .kubectl(format_args!("get {} --show-labels", subject.workload_argument().unwrap_or_else(|| "deployments".to_owned())))),
            Self::BlockingAnnotation => Remedy::new("leave the pod alone until whoever set the annotation has taken it away")
                .by(format!("{} -o jsonpath='{{.metadata.annotations}}'", subject.kubectl(format_args!("get pod {}", subject.pod())))),
            Self::Cooldown => wait("the service is given time to settle after each replacement"),
            Self::HourlyRate => {
                wait("so many replacements in an hour have not cured it; if it needs one more, find out why before you do it by hand")
            }
            Self::ConcurrentActions => {
                wait("another run is at work, or a run settles what it left").by(format!("{PROGRAM} status -n {namespace}"))
            }
            Self::CircuitBreaker => {
                let advice = Remedy::new("find out why the last replacement failed, mend that, then close the breaker");
                Remedy { command: subject.open_breaker().map(|opening| opening.reset_with(namespace)), ..advice }
            }
            Self::DisruptionBudget => {
                Remedy::new("get the service's other pods healthy, or give the budget room; just one budget may select a pod")
                    .by(subject.kubectl("get poddisruptionbudgets"))
            }
            Self::AffectedServices => wait("replacements in many services at once would look like, or make, an outage"),
            Self::MatchedServices => Remedy::new("find out what these services have in common, and remove the labels that are not meant")
                .by(subject.kubectl(format_args!("get pods -l '{}' --show-labels", subject.selector()))),
            Self::Probes => Remedy::new(format!("see to what the probes of {runbook} ask about: automation waits until they hold"))
                .by(subject.kubectl(format_args!("get {} -o wide", subject.workload_argument().unwrap_or_else(|| "pods".to_owned())))),
            Self::TimeToVerify if check.is_too_long() => Remedy::new(format!(
                "the owner of {runbook} lowers spec.verification.timeoutSeconds (or asks fewer probes), or the operator raises --deadline \
                 (RUN_DEADLINE), and the CronJob's activeDeadlineSeconds with it"
            )),
            Self::TimeToVerify if !check.is_a_pause() => Remedy::new(format!(
                "the owner of {runbook} raises spec.verification.timeoutSeconds beyond what {workload} takes: its probes' delays, \
                 minReadySeconds, and its grace, where a new pod has no place until the old one is gone"
            )),
            Self::TimeToVerify => {
                Remedy::new("wait for the next run, which has all of its time; if every run says so, raise its --deadline (RUN_DEADLINE)")
            }
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
            Remedy::new(format!("let pods of {words} be created again: raise the quota, or change what the policy refuses"))
                .by(subject.kubectl(format_args!("describe {argument}")))
        }
        WorkloadKind::StatefulSet if workload.was_rolled_back(subject.request.revision.as_deref()) => Remedy::new(format!(
            "the template of {words} was set back, and its controller waits for this pod, which is of the bad revision: if it never gets \
             ready, deleting just this pod by hand is what Kubernetes documents (forced rollback)"
        ))
        .by(subject.kubectl(format_args!("delete pod {}", subject.pod()))),
        _ if workload.stalled.is_some() => {
            Remedy::new(format!("the rollout of {words} does not go on by itself: mend it, or roll it back"))
                .by(subject.kubectl(format_args!("rollout undo {argument}")))
        }
        _ if workload.paused => Remedy::new(format!("finish what {words} was paused for, then resume it"))
            .by(subject.kubectl(format_args!("rollout resume {argument}"))),
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet if workload.on_delete => Remedy::new(format!(
            "its strategy is OnDelete, so deleting this pod is a step of {words}'s update: whoever rolls it out deletes it"
        )),
        // kubectl rollout knows no ReplicaSets.
        WorkloadKind::ReplicaSet => Remedy::new(format!("let {words} reach its size")).by(subject.kubectl(format_args!("get {argument}"))),
        _ => Remedy::new(format!("let the rollout of {words} end, or roll it back"))
            .by(subject.kubectl(format_args!("rollout status {argument}"))),
    }
}

impl Decision<'_> {
    /// What to do about what led to it; `None` where that is for the guardrails to say, or nothing stands in the way.
    pub fn remedy(&self, subject: &Subject<'_>) -> Option<Remedy> {
        let mode = self.mode;
        let runbook = subject.runbook_in_words();
        let by_hand = || {
            let command = subject.runbook.map(|runbook| runbook.action.command.on(&subject.pod(), subject.namespace()));
            Remedy { advice: "if you agree, do by hand what would be done".to_owned(), command }
        };
        match &self.reason {
            Reason::Closed(_) => Some(
                Remedy::new(
                    "nothing: the request goes with the pod; if the object stays, look at it, and delete it once it has told you why",
                )
                .by(subject.kubectl(format_args!("describe pod {}", subject.pod()))),
            ),
            Reason::Malformed(_) => Some(
                Remedy::new("correct the annotation, or remove it; the request stands meanwhile")
                    .by(subject.kubectl(format_args!("annotate pod {} KEY=VALUE --overwrite", subject.pod()))),
            ),
            Reason::Expired { renew_with, .. } => Some(Remedy::new("if it is still wanted, renew it").by(renew_with)),
            Reason::NoRunbook(_) => {
                Some(Remedy::new("look after it by hand; if this should be automated, a runbook must list the symptom and the cause"))
            }
            Reason::SeveralRunbooks(_) => {
                Some(
                    Remedy::new("name the one that is meant on the pod, or narrow the runbooks' triggers")
                        .by(subject.kubectl(format_args!("annotate pod {} {}=RUNBOOK", subject.pod(), annotation::RUNBOOK))),
                )
            }
            Reason::LowConfidence { .. } => Some(by_hand()),
            Reason::Blocked | Reason::Approved { .. } => None,
            Reason::RunbookMode | Reason::HighRisk | Reason::Ceiling if mode == Mode::AutoExecute => None,
            Reason::ApprovalVoid(_) | Reason::RunbookMode | Reason::HighRisk | Reason::Ceiling if mode == Mode::ApprovalRequired => {
                let advice = "approve exactly this plan, under your own name, if you agree; the next run carries it out";
                Some(Remedy { advice: advice.to_owned(), command: self.plan.as_ref().map(|plan| plan.approve_with.clone()) })
            }
            Reason::ApprovalVoid(_) => None,
            Reason::RunbookMode => Some(Remedy {
                advice: format!("{}; {runbook} itself allows no more than {}", by_hand().advice, mode.as_str()),
                ..by_hand()
            }),
            Reason::HighRisk => Some(Remedy { advice: format!("{}; the risk of {runbook} is high", by_hand().advice), ..by_hand() }),
            Reason::Ceiling => Some(Remedy {
                advice: format!("{}; --mode-ceiling (MODE_CEILING) allows no more than {}", by_hand().advice, mode.as_str()),
                ..by_hand()
            }),
        }
    }
}
