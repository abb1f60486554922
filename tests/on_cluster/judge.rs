//! The judge of what may be interrupted anywhere: it reads the API server's audit log, and believes nothing that the program says.
//!
//! It returns what is wrong, so that `sabotage` can show that it notices.

use jiff::Timestamp;
use serde_json::Value;

use crate::audit_log::code;
use crate::fixture::{Pod, STATE};

/// What the server was asked to do to pods and ledger in one namespace, by the program.
pub(crate) struct Deeds {
    deletions: Vec<Value>,
    /// Successful writes of the ledger, in the order in which the server did them, and what each says.
    ledgers: Vec<(Timestamp, Vec<Value>)>,
}

/// What is known once all is over.
#[derive(Debug)]
pub(crate) struct Found {
    /// Deletions that the server did.
    pub(crate) deleted: usize,
    /// The executions that the ledger remembers in the end.
    pub(crate) executions: Vec<Value>,
}

type Judged<T> = Result<T, String>;

fn sure(holds: bool, what: impl FnOnce() -> String) -> Judged<()> {
    if holds { Ok(()) } else { Err(what()) }
}

fn time(line: &Value, key: &str) -> Timestamp {
    line[key].as_str().unwrap().parse().unwrap()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn in_flight(executions: &[Value]) -> impl Iterator<Item = &Value> {
    executions.iter().filter(|execution| !execution["inFlight"].is_null())
}

impl Deeds {
    /// From the lines of the audit log that are the program's in one namespace.
    pub(crate) fn of(requests: Vec<Value>) -> Self {
        let (mut deletions, mut ledgers) = (Vec::new(), Vec::new());
        for line in requests {
            let of = &line["objectRef"];
            if text(&line, "verb") == "delete" || text(of, "subresource") == "eviction" {
                deletions.push(line);
            } else if text(&line, "verb") == "update" && of["name"] == STATE && code(&line) == 200 {
                let stored: Value = serde_json::from_str(text(&line["requestObject"]["data"], "ledger.json")).unwrap();
                ledgers.push((time(&line, "stageTimestamp"), stored["ledger"]["executions"].as_array().unwrap().clone()));
            }
        }
        ledgers.sort_by_key(|(when, _)| *when);
        Self { deletions, ledgers }
    }

    /// What holds whatever happened: to one request, when everything has been settled.
    pub(crate) fn judge(&self, target: &Pod) -> Judged<Found> {
        self.intent_first()?;
        self.exactly(target)?;
        self.one_at_a_time()?;
        self.written_once()?;
        let deleted = self.deletions.iter().filter(|line| code(line) == 200).count();
        sure(deleted <= 1, || format!("{deleted} deletions"))?;
        let executions = self.ledgers.last().map(|(_, executions)| executions.clone()).unwrap_or_default();
        sure(in_flight(&executions).next().is_none(), || format!("something is still in flight: {executions:?}"))?;
        let (charged, free): (Vec<_>, Vec<_>) = executions.iter().partition(|execution| execution["charged"] == true);
        sure(charged.len() == 1, || format!("{} executions count for the cooldown, not 1: {executions:?}", charged.len()))?;
        let refunded = free.iter().find(|execution| execution["outcome"]["result"] != "not_executed");
        sure(refunded.is_none(), || format!("done, and not counted: {refunded:?}"))?;
        let ended = text(&charged[0]["outcome"], "result");
        sure(deleted == 0 || ended != "not_executed", || format!("deleted, and the ledger says {ended}"))?;
        sure(deleted == 1 || ended != "verified", || format!("not deleted, and the ledger says {ended}"))?;
        Ok(Found { deleted, executions })
    }

    /// Every deletion is of exactly the pod that asked, as it was read.
    pub(crate) fn exactly(&self, target: &Pod) -> Judged<()> {
        for line in &self.deletions {
            let conditions = &line["requestObject"]["preconditions"];
            let said = || format!("deletion of {} under the conditions {conditions}", line["objectRef"]["name"]);
            sure(conditions["uid"] == *target.uid && line["objectRef"]["name"] == *target.name, said)?;
            sure(conditions["resourceVersion"].is_string(), said)?;
        }
        Ok(())
    }

    /// Before anything is deleted the server has taken the intent.
    pub(crate) fn intent_first(&self) -> Judged<()> {
        for line in &self.deletions {
            let uid = &line["requestObject"]["preconditions"]["uid"];
            let (name, asked) = (&line["objectRef"]["name"], time(line, "requestReceivedTimestamp"));
            let mut before = self.ledgers.iter().filter(|(written, _)| *written <= asked);
            let meant = |execution: &Value| execution["pod"]["name"] == *name && (uid.is_null() || execution["pod"]["uid"] == *uid);
            let intended = before.any(|(_, executions)| in_flight(executions).any(meant));
            sure(intended, || format!("{name} was to be deleted before an intent was in the ledger"))?;
        }
        Ok(())
    }

    /// In no version of the ledger are two in flight.
    pub(crate) fn one_at_a_time(&self) -> Judged<()> {
        let two = self.ledgers.iter().find(|(_, executions)| in_flight(executions).count() > 1);
        sure(two.is_none(), || format!("two in flight at once: {two:?}"))
    }

    /// No version of the ledger forgets an execution, or changes how one ended.
    pub(crate) fn written_once(&self) -> Judged<()> {
        for pair in self.ledgers.windows(2) {
            let [(_, before), (_, after)] = pair else { continue };
            for execution in before {
                let now = after.iter().find(|other| other["id"] == execution["id"]);
                let now = now.ok_or_else(|| format!("forgotten: {execution}"))?;
                sure(execution["outcome"].is_null() || execution == now, || format!("ended twice: {execution} and then {now}"))?;
            }
        }
        Ok(())
    }
}
