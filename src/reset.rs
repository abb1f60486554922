//! `reset-breaker`: a human lets automation go on, and says why. The reason and the API server's own name for them are kept.

use jiff::Timestamp;

use crate::ledger::{BreakerChange, BreakerEvent, Ledger};
use crate::store::{Store, StoreError};

/// How often it is written, if runs write meanwhile.
const ATTEMPTS: u32 = 5;

/// Which breakers to reset, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reset {
    /// Of this runbook.
    pub runbook: String,
    /// The one for this service; without it, every open one of the runbook.
    pub service: Option<String>,
    /// What was mended.
    pub reason: String,
    /// Who, by the API server's word.
    pub actor: String,
}

impl Reset {
    /// Writes the resets. The openings that they clear: none, if no breaker is open.
    ///
    /// # Errors
    /// The ledger cannot be read or written.
    pub async fn write(&self, store: &mut Store, now: impl Fn() -> Timestamp) -> Result<Vec<BreakerEvent>, StoreError> {
        let mut attempt = 1;
        loop {
            let mut ledger = store.ledger().clone();
            let cleared = self.apply(&mut ledger, now());
            if cleared.is_empty() {
                return Ok(cleared);
            }
            match store.write(ledger).await {
                Ok(()) => return Ok(cleared),
                Err(StoreError::Conflict) if attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Notes the resets in a ledger. The openings that they clear.
    pub(crate) fn apply(&self, ledger: &mut Ledger, now: Timestamp) -> Vec<BreakerEvent> {
        let concerned = |event: &&BreakerEvent| event.runbook == self.runbook && (self.service.is_none() || event.service == self.service);
        let cleared: Vec<BreakerEvent> = ledger.open_breakers().into_iter().filter(concerned).cloned().collect();
        ledger.breaker.extend(cleared.iter().map(|opening| BreakerEvent {
            // An opening of this very moment is older than its reset.
            at: now.max(opening.at),
            runbook: opening.runbook.clone(),
            service: opening.service.clone(),
            event: BreakerChange::Reset,
            cause: self.reason.clone(),
            actor: self.actor.clone(),
        }));
        cleared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(runbook: &str, service: Option<&str>) -> BreakerEvent {
        let service = service.map(str::to_owned);
        let (cause, actor) = ("it failed".to_owned(), "run".to_owned());
        BreakerEvent { at: Timestamp::UNIX_EPOCH, runbook: runbook.to_owned(), service, event: BreakerChange::Opened, cause, actor }
    }

    #[track_caller]
    fn check(service: Option<&str>, cleared: &[Option<&str>], still_open: &[Option<&str>]) {
        let all = [opened("book", None), opened("book", Some("web")), opened("book", Some("api")), opened("other", None)];
        let mut ledger = Ledger { breaker: all.to_vec(), ..Ledger::default() };
        let (runbook, reason, actor) = ("book".to_owned(), "rolled back".to_owned(), "ann".to_owned());
        let reset = Reset { runbook, service: service.map(str::to_owned), reason, actor };
        let got = reset.apply(&mut ledger, Timestamp::UNIX_EPOCH);
        assert_eq!(got.iter().map(|event| event.service.as_deref()).collect::<Vec<_>>(), cleared);
        let open = ledger.open_breakers();
        let of_book: Vec<_> = open.iter().filter(|event| event.runbook == "book").map(|event| event.service.as_deref()).collect();
        assert_eq!(of_book, still_open);
        assert_eq!(open.len() - of_book.len(), 1, "another runbook's stays");
        assert!(reset.apply(&mut ledger, Timestamp::UNIX_EPOCH).is_empty(), "twice changes nothing");
    }

    #[test]
    fn a_reset_clears_what_it_names_and_nothing_else() {
        check(None, &[None, Some("api"), Some("web")], &[]);
        check(Some("web"), &[Some("web")], &[None, Some("api")]);
    }
}
