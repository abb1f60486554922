//! A world in which everything is allowed, to change one thing at a time.

mod age;
mod approvals;
mod circumstances;
pub(crate) mod documentation;
mod escalation;
mod evidence;
mod limits;
mod modes;
mod probes;
mod property;
mod redundancy;
mod refusals;
mod remedy;
mod scope;
mod symptoms;
mod three_cases;
mod workload;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Check, Decision, GuardrailId, Verdict, decide};
use crate::core::ledger::{BreakerChange, BreakerEvent, Execution, Holder, InFlight, Ledger, ObjectRef};
use crate::core::runbook::{
    Action, BreakerLimits, Command, DecisionMode, Escalate, Escalation, Guardrails, Method, Risk, Rollback, Runbook, Scope, Triggers,
    Verification,
};
use crate::core::snapshot::{
    Approvals, Behind, Bounds, Budget, Container, Fact, Foreign, Namespace, Owner, OwnerKind, Pod, Request, Service, Snapshot, Stateful,
    Workload,
};
use crate::core::words::{default_request_selector, label};
use crate::core::workload_kind::WorkloadKind;
pub(crate) use crate::documented::file as snapshot;

const NAMESPACE: &str = "lab";
/// The UID of the target's ReplicaSet.
const WEB: &str = "rs-web";

pub(crate) fn now() -> Timestamp {
    "2025-06-01T12:00:00Z".parse().unwrap()
}

pub(crate) fn seconds_ago(seconds: i64) -> Timestamp {
    now() - SignedDuration::from_secs(seconds)
}

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Also for the tests of what is made of a decision.
pub(crate) struct World {
    pub(crate) runbooks: Vec<Runbook>,
    pub(crate) snapshot: Snapshot,
    pub(crate) ledger: Ledger,
}

impl World {
    /// Deployment web with three Ready pods, of which web-a asks.
    pub(crate) fn new() -> Self {
        let target = request(pod("web-a", WEB), "web");
        let pods = vec![target.pod.clone(), pod("web-b", WEB), pod("web-c", WEB)];
        let bounds = Bounds {
            namespace: NAMESPACE.to_owned(),
            selector: default_request_selector(),
            service_label: "app".to_owned(),
            ceiling: DecisionMode::AutoExecute,
            deadline: Duration::from_secs(540),
            time_left: Duration::from_secs(540),
            approvals: Approvals::default(),
        };
        let snapshot = Snapshot {
            bounds,
            requests: vec![target],
            services: BTreeMap::from([(service("web"), Fact::Known(pods))]),
            workloads: BTreeMap::from([(WEB.to_owned(), Fact::Known(Behind::Workload(Box::new(deployment("web", 3)))))]),
            budgets: Fact::Known(Vec::new()),
            namespace: Fact::Known(Namespace::default()),
            claims: BTreeMap::new(),
            dependents: Fact::Known(BTreeMap::new()),
            probes: BTreeMap::new(),
        };
        Self { runbooks: vec![runbook("replace")], snapshot, ledger: Ledger::default() }
    }

    pub(crate) fn request(&mut self) -> &mut Request {
        &mut self.snapshot.requests[0]
    }

    pub(crate) fn runbook(&mut self) -> &mut Runbook {
        &mut self.runbooks[0]
    }

    pub(crate) fn pods(&mut self) -> &mut Vec<Pod> {
        match self.snapshot.services.get_mut(&service("web")) {
            Some(Fact::Known(pods)) => pods,
            other => panic!("{other:?}"),
        }
    }

    /// The target, in the request and among its peers.
    fn target(&mut self, change: impl FnOnce(&mut Pod)) {
        change(&mut self.request().pod);
        let target = self.request().pod.clone();
        for pod in self.pods() {
            if pod.uid == target.uid {
                *pod = target.clone();
            }
        }
    }

    pub(crate) fn workload(&mut self) -> &mut Workload {
        match self.snapshot.workloads.get_mut(WEB) {
            Some(Fact::Known(Behind::Workload(workload))) => workload,
            other => panic!("{other:?}"),
        }
    }

    /// The namespace itself.
    fn namespace(&mut self) -> &mut Namespace {
        match &mut self.snapshot.namespace {
            Fact::Known(namespace) => namespace,
            Fact::Unknown(why) => panic!("{why}"),
        }
    }

    /// The pod's controller is one that nobody here understands.
    fn unsupported(&mut self, kind: &str) {
        self.target(|pod| pod.owner.as_mut().unwrap().kind = OwnerKind::Other(kind.into()));
        let foreign = Foreign { kind: kind.to_owned(), name: WEB.to_owned() };
        self.snapshot.workloads.insert(WEB.to_owned(), Fact::Known(Behind::Unsupported(foreign)));
    }

    fn unknown_workload(&mut self) {
        self.snapshot.workloads.insert(WEB.to_owned(), Fact::Unknown("the ReplicaSet web-6d4 no longer exists".to_owned()));
    }

    fn unknown_pods(&mut self) {
        self.snapshot.services.insert(service("web"), Fact::Unknown("listing pods took longer than 10 s".to_owned()));
    }

    /// The Deployment becomes a StatefulSet.
    fn stateful(&mut self, change: impl FnOnce(&mut Stateful)) {
        let mut stateful =
            Stateful { ordered: true, partition: 0, current_revision: "web-1".to_owned(), update_revision: "web-1".to_owned() };
        change(&mut stateful);
        let workload = self.workload();
        (workload.kind, workload.stateful) = (WorkloadKind::StatefulSet, Some(stateful));
        self.target(|pod| pod.owner.as_mut().unwrap().kind = OwnerKind::StatefulSet);
        self.pods().iter_mut().for_each(|pod| pod.owner.as_mut().unwrap().kind = OwnerKind::StatefulSet);
        self.request().revision = Some("web-1".to_owned());
    }

    /// More services ask.
    fn also_asks(&mut self, names: &[&str]) {
        self.snapshot.requests.extend(names.iter().map(|name| request(pod(name, name), name)));
    }

    fn decide(&self) -> Decision<'_> {
        decide(&self.snapshot.requests[0], &self.runbooks, &self.snapshot, &self.ledger, now())
    }

    fn message(&self) -> String {
        self.decide().message("web-a")
    }

    fn hint(&self) -> Option<String> {
        let decision = self.decide();
        decision.hint(&super::Subject::new(&self.snapshot.requests[0], decision.runbook, &self.snapshot, &self.ledger))
    }

    #[track_caller]
    fn check(&self, id: GuardrailId) -> Check {
        self.decide().guardrails.into_iter().find(|check| check.id == id).unwrap()
    }
}

/// After this change, this guardrail says so: `pass: OBSERVED`, `not_applicable: OBSERVED` or `blocked: MESSAGE`.
#[track_caller]
fn check(id: GuardrailId, change: impl FnOnce(&mut World), expected: &str) {
    let mut world = World::new();
    change(&mut world);
    let decision = world.decide();
    assert_eq!(decision.guardrails.iter().map(|check| check.id).collect::<Vec<_>>(), GuardrailId::ALL, "all of them, in order");
    for check in &decision.guardrails {
        assert!(!check.observed.is_empty() && !check.limit.is_empty(), "nothing is left out: {check:?}");
        assert_eq!(check.message.is_empty(), check.verdict != Verdict::Blocked, "{check:?}");
    }
    let check = world.check(id);
    let said = if check.verdict == Verdict::Blocked { &check.message } else { &check.observed };
    assert_eq!(format!("{}: {said}", check.verdict.as_str()), expected);
}

/// One that is missing from the list would compile, and never be looked at.
#[test]
fn the_list_of_guardrails_is_whole_and_in_order() {
    let numbers: Vec<usize> = GuardrailId::ALL.iter().map(|id| *id as usize).collect();
    assert_eq!(numbers, (0..=GuardrailId::TimeToVerify as usize).collect::<Vec<_>>(), "TimeToVerify is the last");
}

fn service(name: &str) -> Service {
    Service { label: "app".to_owned(), name: name.to_owned() }
}

pub(crate) fn pod(name: &str, owner: &str) -> Pod {
    Pod {
        name: name.into(),
        uid: format!("uid-{name}").into(),
        owner: Some(Owner { kind: OwnerKind::ReplicaSet, uid: owner.into(), name: owner.into() }),
        running: true,
        ended: false,
        terminating: false,
        ready: true,
        ready_changed: Some(seconds_ago(3600)),
        status_written: None,
        restarts: 0,
        trouble: None,
        node: None,
    }
}

fn request(pod: Pod, name: &str) -> Request {
    Request {
        pod,
        resource_version: "1".to_owned(),
        labels: labels(&[("app", name), (label::RESTART, "true")]),
        service: Some(service(name)),
        phase: "Running".to_owned(),
        mirror: false,
        revision: None,
        requested_at: Fact::Known(seconds_ago(300)),
        field_manager: None,
        requested_by: None,
        incident: None,
        symptom: None,
        probable_cause: None,
        confidence: None,
        detected_at: None,
        renewed_at: None,
        runbook: None,
        containers: vec![Container::default()],
        unscheduled: None,
        shut_gates: Vec::new(),
        claims: Vec::new(),
        annotations: BTreeMap::new(),
        approval: None,
        approved_by: None,
    }
}

pub(crate) fn deployment(name: &str, desired: u32) -> Workload {
    Workload {
        kind: WorkloadKind::Deployment,
        name: name.to_owned(),
        uid: format!("uid-{name}"),
        labels: labels(&[(label::ENABLED, "true")]),
        annotations: BTreeMap::new(),
        deleting: false,
        controller: None,
        cannot_create: None,
        stalled: None,
        starts: Vec::new(),
        exclusive: None,
        template_labels: labels(&[("app", name)]),
        template_hash: "0".to_owned(),
        generation: 4,
        observed_generation: 4,
        desired,
        replicas: desired,
        updated: desired,
        available: desired,
        paused: false,
        min_ready_seconds: 0,
        grace_seconds: 30,
        template_words: Vec::new(),
        on_delete: false,
        stateful: None,
        owner: None,
    }
}

fn runbook(name: &str) -> Runbook {
    Runbook {
        name: name.to_owned(),
        digest: "sha256:0".to_owned(),
        intent: "replace one pod".to_owned(),
        owner: "platform".to_owned(),
        risk: Risk::Low,
        decision_mode: DecisionMode::AutoExecute,
        triggers: Triggers {
            symptoms: ["CrashLoopBackOff", "OOMKilled", "readiness_probe_failed", "ErrImagePull", "hung", "manual_restart_recommended"]
                .map(str::to_owned)
                .into(),
            probable_causes: vec!["pod_process_hung".to_owned()],
            minimum_confidence: 0.8,
            maximum_request_age_minutes: 60,
            allow_bare_request: true,
        },
        scope: Scope {
            allowed_namespaces: vec![NAMESPACE.to_owned(), "staging".to_owned()],
            required_labels: vec![(label::ENABLED.to_owned(), "true".to_owned())],
            workload_kinds: WorkloadKind::WITH_REDUNDANCY.to_vec(),
            allowed_controllers: Vec::new(),
        },
        guardrails: Guardrails {
            minimum_ready_replicas: 2,
            max_executions_per_hour: 3,
            cooldown_minutes: 10,
            max_concurrent_actions: 1,
            max_affected_services: 1,
            max_matched_services: 3,
            max_unavailable_percent: None,
            maintenance_windows: Vec::new(),
            blocked_by_labels: Vec::new(),
            blocked_by_annotations: Vec::new(),
            probes: Vec::new(),
            circuit_breaker: BreakerLimits::default(),
        },
        action: Action { command: Command::DeletePod, method: Method::Delete },
        verification: Verification { available_equals_desired: true, timeout_seconds: 120, stable_seconds: None, probes: Vec::new() },
        rollback: Rollback { kind: "controller_recreates_pod".to_owned(), notes: String::new() },
        escalation: Escalation {
            on_guardrail_failure: Escalate::PageServiceOwner,
            on_verification_failure: Escalate::OpenIncidentAndDisableRunbook,
        },
    }
}

/// An execution that has ended.
pub(crate) fn executed(name: &str, runbook: &str, started_at: Timestamp) -> Execution {
    let object = |kind: &str| ObjectRef { kind: kind.to_owned(), name: format!("{name}-x"), uid: "0".to_owned() };
    Execution {
        id: format!("{name}-{runbook}-{started_at}"),
        runbook: runbook.to_owned(),
        runbook_digest: "sha256:0".to_owned(),
        namespace: NAMESPACE.to_owned(),
        service: name.to_owned(),
        workload: object("Deployment"),
        pod: object("Pod"),
        incident: None,
        started_at,
        cooldown_until: Timestamp::UNIX_EPOCH,
        charged: true,
        method: Method::Delete,
        approval: None,
        service_owner: None,
        in_flight: None,
        outcome: None,
    }
}

pub(crate) fn in_flight(verify_deadline: Timestamp) -> InFlight {
    InFlight {
        holder: Holder { run_id: "r".to_owned(), pod: None, pod_uid: None },
        service_label: "app".to_owned(),
        owner_uid: WEB.to_owned(),
        template_hash: "0".to_owned(),
        desired: 3,
        pods_before: Vec::new(),
        unready_before: 0,
        seat: None,
        available_equals_desired: true,
        stable_seconds: 10,
        send_before: verify_deadline,
        verify_deadline,
        on_failure: Escalate::None,
        breaker: BreakerLimits::default(),
        probes: Vec::new(),
    }
}

fn breaker(event: BreakerChange, runbook: &str, service: Option<&str>, at: Timestamp) -> BreakerEvent {
    let service = service.map(str::to_owned);
    let (cause, actor) = ("web-x not ready in 120 s".to_owned(), "r".to_owned());
    BreakerEvent { at, runbook: runbook.to_owned(), service, event, cause, actor }
}

fn budget(name: &str, disruptions_allowed: i32) -> Budget {
    Budget {
        name: name.to_owned(),
        selector: Some("app=web".parse().unwrap()),
        generation: 1,
        observed_generation: 1,
        disruptions_allowed,
        current_healthy: 3,
        desired_healthy: 2,
        unhealthy_always_allowed: false,
    }
}
