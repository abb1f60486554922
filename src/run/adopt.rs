//! What another run left in flight: it is the lock while its holder lives, and ours to settle once it does not.

use std::io::Write;
use std::time::Duration;

use crate::cluster::api::{ApiError, CALL_TIMEOUT, Cause, PODS, PodObject};
use crate::cluster::store::StoreError;
use crate::core::judge::VerificationEnd;
use crate::core::ledger::{Execution, Holder, InFlight, Outcome};
use crate::outside::clock::{Deadline, Stopwatch};

use super::report::EndedExecution;
use super::{ATTEMPTS, Run, RunError};

/// How long after its deadline a holder is still left alone: it may be writing the outcome.
const WRITING: Duration = Duration::from_secs(15);
/// How often the target is read while a late delete may still land.
const LOOK: Duration = Duration::from_secs(1);

/// Whether the run that wrote an intent may still act on it.
enum HolderIs {
    /// Until its deadline at the latest. Why it counts as alive.
    Alive(String),
    /// It will not come back. Why.
    Dead(String),
}

impl<W: Write> Run<'_, W> {
    /// Settles every intent whose holder is dead, and says of the others who holds them and until when.
    pub(super) async fn adopt(&mut self) -> Result<(), RunError> {
        let ids: Vec<String> = self.store.ledger().in_flight().map(|(execution, _)| execution.id.clone()).collect();
        for id in ids {
            self.adopt_one(&id).await?;
        }
        Ok(())
    }

    async fn adopt_one(&mut self, id: &str) -> Result<(), RunError> {
        for _ in 0..ATTEMPTS {
            let mut ledger = self.store.ledger().clone();
            let found = ledger.executions.iter_mut().find(|execution| execution.id == id);
            // Somebody else settled it meanwhile.
            let Some((execution, terms)) = found.and_then(|execution| Some((execution.clone(), execution.in_flight.as_mut()?))) else {
                return Ok(());
            };
            let why = match self.holder(terms).await {
                HolderIs::Alive(why) => {
                    self.reporter.trail.left_to_its_holder(&execution, terms, &why);
                    return Ok(());
                }
                HolderIs::Dead(why) => why,
            };
            let Some(writer) = self.writer.clone() else {
                self.reporter.trail.would_adopt(&execution, &why);
                return Ok(());
            };
            // Ours first, or two runs would settle it.
            terms.holder = self.holder_of_this_run();
            let terms = terms.clone();
            match self.store.write(&writer, ledger).await {
                Err(StoreError::Conflict) => continue,
                written => written?,
            }
            self.reporter.trail.adopting(&execution, &why);
            let execution = Execution { in_flight: Some(terms.clone()), ..execution };
            let clock = Stopwatch::running_for(self.now().duration_since(execution.started_at).unsigned_abs());
            let verdict = self.verdict_on(&execution, &terms, clock).await?;
            // An adopter never refunds a cooldown.
            let ended = EndedExecution { execution: &execution, verdict, charged: true, took: clock.elapsed(), said: None };
            return self.settle(&writer, ended).await;
        }
        Ok(())
    }

    pub(super) fn holder_of_this_run(&self) -> Holder {
        Holder {
            run_id: self.reporter.trail.run_id().to_owned(),
            pod: self.settings.pod_name.clone(),
            pod_uid: self.settings.pod_uid.clone(),
        }
    }

    async fn holder(&self, terms: &InFlight) -> HolderIs {
        let Holder { pod, pod_uid, run_id } = &terms.holder;
        if self.now() > terms.verify_deadline + WRITING {
            return HolderIs::Dead("its deadline has passed".to_owned());
        }
        let (Some(name), Some(uid)) = (pod, pod_uid) else {
            return HolderIs::Alive(format!("run {run_id} has no pod that could be read"));
        };
        if Some(uid) == self.settings.pod_uid.as_ref() {
            return HolderIs::Dead("it ran in this very pod, which has restarted".to_owned());
        }
        match self.api.get::<PodObject>(PODS, name).await {
            Ok(pod) if pod.metadata.uid != *uid => HolderIs::Dead(format!("its pod {name} was replaced by another of that name")),
            Ok(pod) if matches!(pod.status.phase.as_str(), "Pending" | "Running") => HolderIs::Alive(format!("its pod {name} is running")),
            Ok(pod) => HolderIs::Dead(format!("its pod {name} has ended ({})", pod.status.phase)),
            Err(ApiError { cause: Cause::NotFound, .. }) => HolderIs::Dead(format!("its pod {name} no longer exists")),
            Err(error) => HolderIs::Alive(format!("whether its pod {name} lives cannot be read: {error}")),
        }
    }

    /// What can be proved of an action that another run began.
    async fn verdict_on(&self, execution: &Execution, terms: &InFlight, since: Stopwatch) -> Result<VerificationEnd, RunError> {
        // A delete that the dead holder sent at the last moment may still land.
        let may_land = terms.send_before.duration_since(self.now());
        let may_land = Deadline::after(Duration::try_from(may_land).unwrap_or_default() + CALL_TIMEOUT);
        let stands = |pod: &PodObject| pod.metadata.uid == execution.pod.uid && pod.metadata.deletion_timestamp.is_none();
        loop {
            match self.api.get::<PodObject>(PODS, &execution.pod.name).await {
                Ok(pod) if stands(&pod) && may_land.is_over() => {
                    let detail = "the run that meant to delete it ended before it did; the cooldown is kept";
                    return Ok(VerificationEnd::new(Outcome::NotExecuted, detail));
                }
                Ok(pod) if stands(&pod) => {
                    let (pod, left) = (&execution.pod.name, may_land.left().as_secs());
                    self.reporter.trail.progress().show(&format!("waiting whether a late deletion of {pod} lands, {left} s at most"));
                    tokio::time::sleep(LOOK).await;
                }
                Ok(_) | Err(ApiError { cause: Cause::NotFound, .. }) => break,
                Err(error) => return Err(error.into()),
            }
        }
        let left = terms.verify_deadline.duration_since(self.now());
        let deadline = Deadline::after(Duration::try_from(left).unwrap_or_default());
        Ok(self.verification(execution, terms, since, deadline, true).run(None).await)
    }
}
