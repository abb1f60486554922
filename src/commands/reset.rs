//! `reset-breaker`: a human lets automation go on, and says why. The reason and the API server's own name for them are kept.

use crate::cluster::api::Writer;
use crate::cluster::store::{Store, StoreError};
use crate::core::ledger::{BreakerEvent, Reset};

/// How often it is written, if runs write meanwhile.
const ATTEMPTS: u32 = 5;

/// Writes the resets. The openings that they clear: none, if no breaker is open.
///
/// # Errors
/// The ledger cannot be read or written.
pub(crate) async fn write(reset: &Reset, store: &mut Store, writer: &Writer) -> Result<Vec<BreakerEvent>, StoreError> {
    let mut attempt = 1;
    loop {
        let mut ledger = store.ledger().clone();
        let cleared = reset.apply(&mut ledger, store.clock().now());
        if cleared.is_empty() {
            return Ok(cleared);
        }
        match store.write(writer, ledger).await {
            Ok(()) => return Ok(cleared),
            Err(StoreError::Conflict) if attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}
