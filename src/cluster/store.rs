//! The ledger's ConfigMap. Every write is a PUT with resourceVersion; a state that cannot be trusted is never overwritten.

mod error;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;

use crate::cluster::api::{Api, ApiError, CONFIG_MAPS, Call, Cause, Writer};
use crate::core::ledger::{Ledger, Untrusted};
use crate::outside::clock::Clock;

pub(crate) use error::{Distrust, StoreError};

/// The key of the truth.
pub(crate) const LEDGER_KEY: &str = "ledger.json";
/// The key for human readers.
const SUMMARY_KEY: &str = "summary";
/// Set by the first write: from then on, an empty ConfigMap has lost something.
const INITIALIZED: &str = "remediator.kubedojo.io/initialized";
/// How often one write is tried while the server is busy or unclear.
const WRITE_ATTEMPTS: u32 = 4;

/// The ledger as last read or written, and the object that holds it.
pub(crate) struct Store {
    at: LedgerPlace,
    clock: Clock,
    object: ConfigMap,
    ledger: Ledger,
}

/// Where the ledger is.
struct LedgerPlace {
    api: Api,
    name: String,
}

impl Store {
    /// Reads the ledger.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub(crate) async fn open(api: Api, name: &str) -> Result<Self, StoreError> {
        let at = LedgerPlace { api, name: name.to_owned() };
        let object = at.get().await?;
        // Without the server's time, nothing written would have a date: such an answer is none.
        let no_time = "it has no Date header, and the API server's time is the one that counts";
        let clock = at.api.clock().ok_or_else(|| at.malformed("get", no_time))?;
        let mut store = Self { at, clock, object: ConfigMap::default(), ledger: Ledger::default() };
        store.take(object)?;
        Ok(store)
    }

    /// The API server's clock.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What is remembered.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// When it was made, where nobody has ever written it.
    pub(crate) fn unused_since(&self) -> Option<Timestamp> {
        let ConfigMap { metadata, data, .. } = &self.object;
        let initialized = metadata.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(INITIALIZED));
        let written = data.as_ref().is_some_and(|data| data.contains_key(LEDGER_KEY));
        metadata.creation_timestamp.as_ref().filter(|_| !initialized && !written).map(|made_at| made_at.0)
    }

    /// The UID of the object that holds it.
    pub(crate) fn uid(&self) -> &str {
        self.object.metadata.uid.as_deref().unwrap_or_default()
    }

    /// Takes a changed ledger for what is remembered, and writes nothing: for whoever only says what a run would decide.
    pub(crate) fn assume(&mut self, ledger: Ledger) {
        self.ledger = ledger;
    }

    /// Reads it again.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub(crate) async fn reload(&mut self) -> Result<(), StoreError> {
        let object = self.at.get().await?;
        self.take(object)
    }

    fn take(&mut self, object: ConfigMap) -> Result<(), StoreError> {
        self.ledger = self.at.read(&object, self.clock.now())?;
        self.object = object;
        if let Some(newest) = self.ledger.newest() {
            self.clock.at_least(newest);
        }
        Ok(())
    }

    /// Writes a ledger with something new begun in it, if how that ends will fit as well.
    ///
    /// # Errors
    /// See [`Store::write`].
    pub(crate) async fn begin(&mut self, writer: &Writer, mut ledger: Ledger) -> Result<(), StoreError> {
        ledger.prune(self.clock.now());
        ledger.has_room().map_err(|why| self.at.too_large(why))?;
        self.write(writer, ledger).await
    }

    /// Writes a changed ledger: all of it or nothing.
    ///
    /// # Errors
    /// See [`StoreError`]; after `Conflict` the newer state has been read, and it is for the caller to decide again.
    pub(crate) async fn write(&mut self, writer: &Writer, mut ledger: Ledger) -> Result<(), StoreError> {
        let now = self.clock.now();
        ledger.prune(now);
        let text = ledger.encode().map_err(|why| self.at.too_large(why))?;
        let before = self.ledger.clone();
        let mut object = self.object.clone();
        object.metadata.managed_fields = None;
        object.metadata.annotations.get_or_insert_default().insert(INITIALIZED.to_owned(), "true".to_owned());
        let data = object.data.get_or_insert_default();
        data.insert(LEDGER_KEY.to_owned(), text.clone());
        data.insert(SUMMARY_KEY.to_owned(), ledger.summary(self.at.api.namespace(), now));

        let mut attempt = 1;
        loop {
            let answer = writer.replace(CONFIG_MAPS, &self.at.name, &object).await;
            let error = match answer.and_then(|written| self.at.whole(written, "update")) {
                Ok(written) => {
                    self.object = written;
                    self.ledger = ledger;
                    return Ok(());
                }
                Err(error) => error,
            };
            match &error.cause {
                // A try of ours that seemed lost may have landed late, and be what this one conflicts with.
                Cause::Conflict(_) | Cause::NotFound => {
                    self.reload().await?;
                    return if self.ledger.has_what_changed(&before, &ledger) { Ok(()) } else { Err(StoreError::Conflict) };
                }
                // Not executed: the very same write may be sent again.
                Cause::Throttled(_) if attempt < WRITE_ATTEMPTS => {
                    tokio::time::sleep(error.retry_after().unwrap_or(std::time::Duration::from_secs(1))).await;
                }
                // Executed or not: only the object itself can tell, after the last try as well.
                Cause::Unclear(_) | Cause::Malformed(_) => {
                    self.reload().await?;
                    if self.ledger.has_what_changed(&before, &ledger) {
                        return Ok(());
                    }
                    if self.object.metadata.resource_version != object.metadata.resource_version {
                        return Err(StoreError::Conflict);
                    }
                    if attempt == WRITE_ATTEMPTS {
                        return Err(error.into());
                    }
                }
                Cause::Rejected(why) => {
                    return Err(self.at.untrusted(
                        Distrust::Refused(why.clone()),
                        "If another's key fills it, remove that key: ledger.json and summary are this program's. \
                         If a policy forbids the write, have it allowed.",
                    ));
                }
                _ => return Err(error.into()),
            }
            attempt += 1;
        }
    }
}

impl LedgerPlace {
    async fn get(&self) -> Result<ConfigMap, StoreError> {
        match self.api.get(CONFIG_MAPS, &self.name).await {
            Err(ApiError { cause: Cause::NotFound, .. }) => {
                if self.api.own_namespace().await.is_ok_and(|namespace| namespace.metadata.deletion_timestamp.is_some()) {
                    return Err(StoreError::NamespaceGoes(self.api.namespace().to_owned()));
                }
                let create = format!("kubectl create configmap {} -n {}", self.name, self.api.namespace());
                Err(self.untrusted(Distrust::Missing, &format!("If nothing has been lost, create it: {create}")))
            }
            answer => Ok(self.whole(answer?, "get")?),
        }
    }

    /// Without a resourceVersion, a PUT would overwrite whatever is there: such an answer is none.
    fn whole(&self, object: ConfigMap, verb: &'static str) -> Result<ConfigMap, ApiError> {
        if object.metadata.resource_version.as_ref().is_none_or(String::is_empty) {
            return Err(self.malformed(verb, "it has no resourceVersion"));
        }
        Ok(object)
    }

    fn malformed(&self, verb: &'static str, what: &str) -> ApiError {
        let call = Call { verb, resource: CONFIG_MAPS, name: self.name.clone() };
        ApiError { call, cause: Cause::Malformed(what.to_owned()) }
    }

    fn read(&self, object: &ConfigMap, now: Timestamp) -> Result<Ledger, StoreError> {
        let initialized = object.metadata.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(INITIALIZED));
        let data = object.data.as_ref().filter(|data| !data.is_empty());
        let restore =
            "Restore it from a backup or from the audit log; or, knowing that cooldowns and open breakers are then forgotten, start anew:";
        let anew = format!(
            "{restore} kubectl delete configmap {name} -n {namespace} && kubectl create configmap {name} -n {namespace}",
            name = self.name,
            namespace = self.api.namespace()
        );
        if object.immutable == Some(true) {
            return Err(self.untrusted(Distrust::Immutable, &anew));
        }
        match data.and_then(|data| data.get(LEDGER_KEY)) {
            Some(text) => Ledger::decode(text, now).map_err(|why| self.untrusted(why.into(), &anew)),
            None if initialized => Err(self.untrusted(Distrust::Lost, &anew)),
            None if data.is_some() || object.binary_data.is_some() => {
                Err(self.untrusted(Distrust::Foreign, "Use another name: --state-configmap."))
            }
            None => Ok(Ledger::default()),
        }
    }

    fn too_large(&self, why: Untrusted) -> StoreError {
        self.untrusted(why.into(), "Lower maxAffectedServices or maxExecutionsPerHour, or give this program another --state-configmap.")
    }

    fn untrusted(&self, why: Distrust, repair: &str) -> StoreError {
        StoreError::Untrusted { name: self.name.clone(), namespace: self.api.namespace().to_owned(), why, repair: repair.to_owned() }
    }
}
