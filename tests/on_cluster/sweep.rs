//! Many runs, each with one fault at one call; then a run without, and one more request.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::audit_log::requests_by_namespace;
use crate::fault::{Fault, Seen, Site};
use crate::fixture::{Lab, Pod};
use crate::judge::{Deeds, Found};
use crate::proxy::Proxy;
use crate::remediator::{Remediator, Run};
use crate::stage::{Stage, in_parallel, stages};

/// Cases at a time. They mostly wait.
const AT_A_TIME: usize = 8;
/// The longest that a run may take: its verification's timeout, the ten seconds to send, and some for each call that is tried again.
const LONGEST: Duration = Duration::from_secs(90);

/// One fault, at one call of a run; none to watch it only.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) fault: Fault,
    pub(crate) site: Option<Site>,
}

impl Case {
    /// A run without a fault.
    pub(crate) const WATCHED: Self = Self { fault: Fault::Nothing, site: None };
}

/// A case that has been played to its end.
pub(crate) struct Played {
    case: Case,
    /// The calls of the run with the fault.
    pub(crate) calls: Vec<String>,
    stage: Stage,
    /// With the fault.
    first: Run,
    /// Without.
    second: Run,
    /// When one more pod of the service asks.
    third: Run,
    further: Pod,
    took: Duration,
}

/// Plays them all with this build of the program, and keeps what happened for the judge.
pub(crate) fn play(name: &str, program: &Path, cases: Vec<Case>) -> Vec<Played> {
    let staged = cases.iter().cloned().zip(stages(name, cases.len())).collect();
    in_parallel(AT_A_TIME, staged, |(case, stage)| played(case, stage, program))
}

fn played(case: Case, stage: Stage, program: &Path) -> Played {
    let seen = Arc::<Seen>::default();
    let proxy = Proxy::start(&stage.lab, case.fault.script(case.site.clone(), &seen));
    let runbook = stage.lab.runbook().with("verification", "timeoutSeconds", 20);
    let run = || Remediator::of(program, &stage.lab, &runbook).in_no_pod();
    let start = Instant::now();
    let running = run().by(&proxy.kubeconfig).start();
    seen.process.set(running.id()).unwrap();
    let first = running.end();
    let took = start.elapsed();
    let second = run().run();
    let further = stage.others[0].clone();
    stage.lab.ask(&further);
    let third = run().run();
    let calls = seen.calls.lock().unwrap().clone();
    Played { case, calls, stage, first, second, third, further, took }
}

impl Played {
    /// For a person: which call had which fault.
    pub(crate) fn name(&self) -> String {
        let Case { fault, site } = &self.case;
        let made = if self.struck().is_some() { "" } else { ", which was never made" };
        format!("{fault:?} at {site:?}{made}, in {}", self.stage.lab.namespace)
    }

    /// The call that had the fault.
    pub(crate) fn struck(&self) -> Option<&str> {
        self.case.site.as_ref().filter(|site| site.is_in(&self.calls)).map(|site| site.call.as_str())
    }

    /// What is wrong with it, by the server's record; and that automation pauses after it.
    fn judged(&self, deeds: &Deeds) -> Result<Found, String> {
        let found = deeds.judge(&self.stage.target)?;
        let killed = matches!(self.case.fault, Fault::KillBefore | Fault::KillAfter) && self.struck().is_some();
        if killed {
            // Nobody can know that nothing was sent, so nothing is refunded, and nothing is done anew.
            let [execution] = &found.executions[..] else { return Err(format!("not one execution: {:?}", found.executions)) };
            let expected = if found.deleted == 1 { "verified" } else { "not_executed" };
            if execution["outcome"]["result"] != expected {
                return Err(format!("{} deleted, but: {execution}", found.deleted));
            }
        }
        let exits: &[i32] = if killed { &[-1] } else { &[0, 1, 3] };
        if !exits.contains(&self.first.exit) {
            return Err(format!("exit code {} of the run with the fault", self.first.exit));
        }
        if self.took > LONGEST {
            return Err(format!("it took {:?}", self.took));
        }
        if (self.second.exit, self.third.exit) != (0, 0) {
            return Err("a run without a fault fails".to_owned());
        }
        self.paused()?;
        Ok(found)
    }

    /// The further request is refused for the cooldown.
    fn paused(&self) -> Result<(), String> {
        let ours = |record: &&serde_json::Value| record["event.action"] == "decision" && record["k8s.pod.uid"] == *self.further.uid;
        let decision = self.third.records.iter().find(ours).ok_or("the further request is not decided")?;
        let all = decision["guardrails"].as_array().ok_or("no guardrails")?;
        let cooldown = all.iter().find(|guardrail| guardrail["id"] == "cooldown");
        if decision["decision.mode"] == "abort" && cooldown.is_some_and(|guardrail| guardrail["result"] == "blocked") {
            return Ok(());
        }
        Err("the further request is not refused for the cooldown".to_owned())
    }
}

/// What is wrong, case by case.
pub(crate) fn judge(all: &[Played]) -> Vec<String> {
    let mut requests = requests_by_namespace(any_lab(all));
    let mut wrong = Vec::new();
    for one in all {
        let deeds = Deeds::of(requests.remove(&one.stage.lab.namespace).unwrap_or_default());
        if let Err(what) = one.judged(&deeds) {
            wrong.push(format!("{}: {what}\n{:?}\n{:?}\n{:?}", one.name(), one.first, one.second, one.third));
        }
    }
    wrong
}

fn any_lab(all: &[Played]) -> &Lab {
    &all.first().unwrap().stage.lab
}

/// The calls of a run without a fault, in order.
pub(crate) fn calls(name: &str, program: &Path) -> Vec<String> {
    let watched = play(name, program, vec![Case::WATCHED]);
    let wrong = judge(&watched);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    watched[0].calls.clone()
}

/// Plays them all, and fails with everything that is wrong. Every kind of call has had every fault that was meant for it.
#[track_caller]
pub(crate) fn sweep(name: &str, program: &Path, calls: &[String], cases: Vec<Case>) {
    let start = Instant::now();
    let meant: BTreeSet<_> =
        cases.iter().filter_map(|case| Some((format!("{:?}", case.fault), case.site.as_ref()?.call.clone()))).collect();
    let played = play(name, program, cases);
    let wrong = judge(&played);
    let took = start.elapsed();
    println!("{name}: {} cases in {took:.0?}, {} wrong; calls of a run: {}", played.len(), wrong.len(), calls.join(", "));
    assert!(wrong.is_empty(), "{} of {} cases are wrong:\n{}", wrong.len(), played.len(), wrong.join("\n\n"));
    let had = played.iter().filter_map(|one| Some((format!("{:?}", one.case.fault), one.struck()?.to_owned()))).collect();
    let missed: Vec<_> = meant.difference(&had).collect();
    assert!(missed.is_empty(), "never struck: {missed:?}");
}
