//! What a run remembers of the requests that it lists, whatever it then decides: since when each of them stands.

use std::io::Write;

use crate::cluster::matching;
use crate::cluster::store::StoreError;
use crate::core::decide::standing;
use crate::core::snapshot::Request;

use super::{Run, RunError, SETTLE_ATTEMPTS};

impl<W: Write> Run<'_, W> {
    /// Writes into the ledger which requests came and which went, if any did, and withdraws the plans of those that went. The requests: where the ledger changed meanwhile, they are
    /// listed again. So the ledger was always read before the list that changes it, and no run forgets what another saw later.
    pub(super) async fn remember(&mut self, mut requests: Vec<Request>) -> Result<Vec<Request>, RunError> {
        let mut attempt = 1;
        loop {
            let mut ledger = self.store.ledger().clone();
            let remembered = ledger.remember(standing(&requests), &self.settings.selector, self.now());
            let withdrawn = ledger.withdraw_plans_of_nobody(standing(&requests).map(|(uid, _)| uid));
            if !remembered && !withdrawn {
                return Ok(requests);
            }
            let Some(writer) = &self.writer else {
                self.store.assume(ledger);
                return Ok(requests);
            };
            match self.store.write(writer, ledger).await {
                Err(StoreError::Conflict) if attempt < SETTLE_ATTEMPTS => attempt += 1,
                written => {
                    written?;
                    return Ok(requests);
                }
            }
            requests = matching::requests(&self.api, &self.bounds(), self.runbooks).await?;
        }
    }
}
