//! A ledger that was made anew is said so, once: nothing that it remembered holds this run back.

use std::io::Write;

use crate::cluster::forgotten::earlier_run;
use crate::core::decide::observes_only;
use crate::core::ledger::ObjectRef;

use super::Run;

impl<W: Write> Run<'_, W> {
    /// Says so where runs were here before this ledger was. The run goes on: a namespace is not stopped for what may be its first run.
    pub(super) async fn notice_what_is_forgotten(&mut self) {
        let earlier = match earlier_run(&self.api, &self.store).await {
            Ok(Some(earlier)) => earlier,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!("cannot see whether runs were here before the ledger was: {error}");
                return;
            }
        };
        let name = self.settings.state_configmap.clone();
        let message = earlier.message(&name, self.api.namespace());
        let ledger = ObjectRef { kind: "ConfigMap".to_owned(), name, uid: self.store.uid().to_owned() };
        let silent = observes_only(self.runbooks, self.settings.ceiling);
        self.reporter.ledger_starts_anew(message, &ledger, silent).await;
        self.starts_anew = true;
    }

    /// Writes the ledger as it is, so that the next run does not say it again; where a human was to be notified and could not be, it does.
    pub(super) async fn remember_the_new_ledger(&mut self) {
        let told = self.settings.notify.is_none() || observes_only(self.runbooks, self.settings.ceiling);
        let heard = self.reporter.trail.lost().is_none();
        let Some(writer) = &self.writer else { return };
        if !self.starts_anew || !told || !heard || self.store.unused_since().is_none() {
            return;
        }
        let ledger = self.store.ledger().clone();
        if let Err(error) = self.store.write(writer, ledger).await {
            tracing::warn!("cannot mark the new ledger as used: {error}; the next run says again that it starts anew");
        }
    }
}
