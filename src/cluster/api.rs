//! The Kubernetes API: every request of a run goes through [`Api`], each with its own deadline, and ends in a value of [`ApiError`].
//!
//! Only reads are retried here. What a write's unclear end means is decided where the write is made.

mod access;
mod client;
mod desk;
mod error;
mod proxy;
mod reviews;
mod token;
mod wire;
mod writer;

use std::time::Duration;

use futures_util::{Stream, StreamExt};
use http_body_util::{BodyExt, Limited};
use jiff::Timestamp;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{SelfSubjectRulesReview, SubjectRulesReviewStatus};
use kube::api::{GetParams, ListParams, PostParams, WatchEvent, WatchParams};
use kube::client::Body;
use kube::core::Request;
use serde::de::DeserializeOwned;

use crate::core::words::PROGRAM;
use crate::outside::clock::{Clock, Deadline, Heard};
use access::Surroundings;
use proxy::Route;

pub(crate) use access::Access;
pub(crate) use error::{ApiError, Call, Cause};
pub(crate) use reviews::AccessQuestion;
pub(crate) use wire::*;
pub(crate) use writer::Writer;

/// How long any one call may take, its answer's body included.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a read is sent before its failure counts.
const READ_ATTEMPTS: u32 = 5;
/// Pods in one page of a list: small pages are what keeps the memory small.
const PAGE: u32 = 100;
/// Objects in one page of a list of metadata, which take little room.
const METADATA_PAGE: u32 = 500;
/// The largest answer that is read.
const MAX_BODY: usize = 32 << 20;

/// A kind of object that we call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource {
    /// API group; empty for core.
    pub group: &'static str,
    /// Plural, as RBAC names it.
    pub plural: &'static str,
    version: &'static str,
}

macro_rules! resources {
    ($($(#[$doc:meta])* $name:ident = $group:literal $version:literal $plural:literal;)*) => {
        $($(#[$doc])* pub(crate) const $name: Resource = Resource { group: $group, version: $version, plural: $plural };)*
    };
}

resources! {
    PODS = "" "v1" "pods";
    CONFIG_MAPS = "" "v1" "configmaps";
    DEPLOYMENTS = "apps" "v1" "deployments";
    REPLICA_SETS = "apps" "v1" "replicasets";
    STATEFUL_SETS = "apps" "v1" "statefulsets";
    DAEMON_SETS = "apps" "v1" "daemonsets";
    /// Disruption budgets.
    BUDGETS = "policy" "v1" "poddisruptionbudgets";
    EVENTS = "events.k8s.io" "v1" "events";
    /// The eviction of a pod, as RBAC names it.
    EVICTIONS = "" "v1" "pods/eviction";
    /// Namespaces; a Role can grant to read its own.
    NAMESPACES = "" "v1" "namespaces";
    /// Claims of volumes.
    CLAIMS = "" "v1" "persistentvolumeclaims";
    /// CronJobs; read by people's own commands, never by a run.
    CRON_JOBS = "batch" "v1" "cronjobs";
    /// Jobs; likewise.
    JOBS = "batch" "v1" "jobs";
}

impl Resource {
    fn request(self, namespace: &str) -> Request {
        let root = if self.group.is_empty() { "/api".to_owned() } else { format!("/apis/{}", self.group) };
        Request::new(format!("{root}/{}/namespaces/{namespace}/{}", self.version, self.plural))
    }
}

/// The API server, seen from one namespace: what can be read of it. [`Writer`] changes something.
#[derive(Clone)]
pub(crate) struct Api {
    client: kube::Client,
    heard: Heard,
    namespace: String,
    deadline: Deadline,
    route: Route,
}

impl Api {
    /// Reads the configuration and builds the client; nothing is sent yet. Reads are retried until `deadline` at the most.
    ///
    /// # Errors
    /// The kubeconfig, or the ServiceAccount's files, cannot be used: the message says what to do.
    pub(crate) async fn connect(access: Access, deadline: Deadline) -> Result<Self, ApiError> {
        let surroundings = Surroundings {
            variable: |name: &str| std::env::var_os(name),
            home: std::env::var_os("HOME").filter(|home| !home.is_empty()).map(Into::into),
        };
        let loaded = surroundings.load(&access).await.map_err(|error| ApiError::config(&error))?;
        let namespace = access.namespace.unwrap_or_else(|| loaded.config.default_namespace.clone());
        let route = loaded.route.clone();
        let heard = Heard::default();
        let client = client::client(loaded, heard.clone()).map_err(|error| ApiError::config(&error))?;
        let api = Self { client, heard, namespace, deadline, route };
        api.ignored().for_each(|ignored| tracing::warn!("{ignored}"));
        Ok(api)
    }

    /// The proxy that leads to the API server and where it is set, without credentials; `None`: it is reached directly.
    pub(crate) fn proxy(&self) -> Option<String> {
        self.route.proxy.as_ref().map(ToString::to_string)
    }

    /// What of the environment was ignored, a sentence each.
    pub(crate) fn ignored(&self) -> impl Iterator<Item = String> {
        let sentence = |name| format!("{name} is ignored: its value, which is not shown, is not the URL of a proxy");
        self.route.ignored.iter().map(sentence)
    }

    /// The namespace of the run.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The same connection, in another namespace and until another deadline.
    pub(crate) fn within(&self, namespace: &str, deadline: Deadline) -> Self {
        Self { namespace: namespace.to_owned(), deadline, ..self.clone() }
    }

    /// The server's clock, once an answer had a `Date` header.
    pub(crate) fn clock(&self) -> Option<Clock> {
        self.heard.clock()
    }

    /// The server's time, once an answer had a `Date` header.
    pub(crate) fn now(&self) -> Option<Timestamp> {
        self.clock().map(|clock| clock.now())
    }

    /// One object.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub(crate) async fn get<T: DeserializeOwned>(&self, resource: Resource, name: &str) -> Result<T, ApiError> {
        let call = Call::new("get", resource, name);
        self.read(&call, || resource.request(&self.namespace).get(name, &GetParams::default())).await
    }

    /// Every object that `selector` selects, page by page, each reduced by `keep` before the next page is read; and the
    /// resourceVersion to watch from. A consistent read: no resourceVersion is sent.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub(crate) async fn list<T: DeserializeOwned, K>(
        &self,
        resource: Resource,
        selector: Option<&str>,
        keep: impl FnMut(T) -> K,
    ) -> Result<(Vec<K>, String), ApiError> {
        self.pages(resource, selector, PAGE, |params| resource.request(&self.namespace).list(params), keep).await
    }

    /// As [`Api::list`], of every object, and of each its metadata alone: the server sends no more.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub(crate) async fn list_metadata<T: DeserializeOwned, K>(
        &self,
        resource: Resource,
        keep: impl FnMut(T) -> K,
    ) -> Result<Vec<K>, ApiError> {
        let page = |params: &ListParams| resource.request(&self.namespace).list_metadata(params);
        self.pages(resource, None, METADATA_PAGE, page, keep).await.map(|(kept, _)| kept)
    }

    async fn pages<T: DeserializeOwned, K>(
        &self,
        resource: Resource,
        selector: Option<&str>,
        size: u32,
        page: impl Fn(&ListParams) -> Result<http::Request<Vec<u8>>, kube::core::request::Error>,
        mut keep: impl FnMut(T) -> K,
    ) -> Result<(Vec<K>, String), ApiError> {
        let call = Call::new("list", resource, "");
        let mut kept = Vec::new();
        let mut token: Option<String> = None;
        let mut expired = false;
        loop {
            let params = ListParams {
                label_selector: selector.map(str::to_owned),
                limit: Some(size),
                continue_token: token.take(),
                ..ListParams::default()
            };
            let page: Page<T> = match self.read(&call, || page(&params)).await {
                // The continue token outlived the server's history: begin again, once.
                Err(ApiError { cause: Cause::Gone, .. }) if !expired => {
                    expired = true;
                    kept.clear();
                    continue;
                }
                page => page?,
            };
            kept.extend(page.items.into_iter().flatten().map(&mut keep));
            match page.metadata.continue_token.filter(|token| !token.is_empty()) {
                Some(next) => token = Some(next),
                None => return Ok((kept, page.metadata.resource_version)),
            }
        }
    }

    /// Changes of what `selector` selects, from `resource_version` on, for `seconds` at the most. The stream is not retried.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub(crate) async fn watch<T: DeserializeOwned + Clone>(
        &self,
        resource: Resource,
        selector: &str,
        resource_version: &str,
        seconds: u32,
    ) -> Result<impl Stream<Item = Result<WatchEvent<T>, ApiError>> + use<T>, ApiError> {
        let call = Call::new("watch", resource, "");
        let params = WatchParams { label_selector: Some(selector.to_owned()), timeout: Some(seconds), ..WatchParams::default() };
        let mut request =
            resource.request(&self.namespace).watch(&params, resource_version).map_err(|error| ApiError::unsendable(&call, &error))?;
        request.headers_mut().insert(http::header::USER_AGENT, http::HeaderValue::from_static(PROGRAM));
        let opened = tokio::time::timeout(CALL_TIMEOUT, self.client.request_events(request)).await;
        let stream = opened
            .map_err(|_| ApiError::timeout(&call).by(self.proxy()))?
            .map_err(|error| ApiError::of_kube(&call, &error).by(self.proxy()))?;
        Ok(stream.map(move |event| event.map_err(|error| ApiError::of_kube(&call, &error))))
    }

    /// The namespace itself.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub(crate) async fn own_namespace(&self) -> Result<NamespaceObject, ApiError> {
        let call = Call::new("get", NAMESPACES, &self.namespace);
        let path = Request::new("/api/v1/namespaces");
        self.read(&call, || path.get(&self.namespace, &GetParams::default())).await
    }

    /// What we may do in the namespace.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub(crate) async fn permissions(&self) -> Result<SubjectRulesReviewStatus, ApiError> {
        let mut review = SelfSubjectRulesReview::default();
        review.spec.namespace = Some(self.namespace.clone());
        let resource = Resource { group: "authorization.k8s.io", version: "v1", plural: "selfsubjectrulesreviews" };
        let call = Call::new("create", resource, "");
        let body = serde_json::to_vec(&review).map_err(|error| ApiError::unsendable(&call, &error))?;
        // Creating a review changes nothing, so it may be retried like a read.
        let path = Request::new("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews");
        let answer: SelfSubjectRulesReview = self.read(&call, || path.create(&PostParams::default(), body.clone())).await?;
        answer.status.ok_or_else(|| ApiError::malformed(&call, "it has no status"))
    }

    /// Who we are, by the API server's word.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub(crate) async fn whoami(&self) -> Result<String, ApiError> {
        let resource = Resource { group: "authentication.k8s.io", version: "v1", plural: "selfsubjectreviews" };
        let call = Call::new("create", resource, "");
        let body = serde_json::to_vec(&SelfSubjectReview::default()).map_err(|error| ApiError::unsendable(&call, &error))?;
        let path = Request::new("/apis/authentication.k8s.io/v1/selfsubjectreviews");
        let answer: SelfSubjectReview = self.read(&call, || path.create(&PostParams::default(), body.clone())).await?;
        let user = answer.status.and_then(|status| status.user_info).and_then(|user| user.username);
        user.ok_or_else(|| ApiError::malformed(&call, "it names no user"))
    }

    /// Sends a read until it is answered for good, a few times at most, with jitter between.
    async fn read<T: DeserializeOwned, E: std::error::Error + 'static>(
        &self,
        call: &Call,
        request: impl Fn() -> Result<http::Request<Vec<u8>>, E>,
    ) -> Result<T, ApiError> {
        let mut attempt = 1;
        loop {
            let error = match self.send(call, request()).await {
                Err(error) if error.is_transient() => error,
                end => return end,
            };
            let wait = error.retry_after().unwrap_or_else(|| backoff(attempt));
            if attempt == READ_ATTEMPTS || wait >= self.deadline.left() {
                return Err(error);
            }
            tracing::warn!("a read failed: {error}; trying again in {} ms (attempt {attempt} of {READ_ATTEMPTS})", wait.as_millis());
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    /// Sends one request, once.
    async fn send<T: DeserializeOwned>(
        &self,
        call: &Call,
        request: Result<http::Request<Vec<u8>>, impl std::error::Error + 'static>,
    ) -> Result<T, ApiError> {
        let mut request = request.map_err(|error| ApiError::unsendable(call, &error))?.map(Body::from);
        if request.method() != http::Method::GET {
            *request.uri_mut() = given_up_with_us(request.uri()).map_err(|error| ApiError::unsendable(call, &error))?;
        }
        request.headers_mut().insert(http::header::USER_AGENT, http::HeaderValue::from_static(PROGRAM));
        let answer = async {
            let response = self.client.send(request).await.map_err(|error| ApiError::of_kube(call, &error).by(self.proxy()))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, MAX_BODY).collect().await.map_err(|error| ApiError::broken(call, &*error))?.to_bytes();
            if !head.status.is_success() {
                return Err(ApiError::of_answer(call, head.status, &head.headers, &body));
            }
            serde_json::from_slice(&body).map_err(|error| ApiError::malformed(call, &error.to_string()))
        };
        let limit = CALL_TIMEOUT.min(self.deadline.left().max(Duration::from_secs(1)));
        tokio::time::timeout(limit, answer).await.map_err(|_| ApiError::timeout(call).by(self.proxy()))?
    }
}

/// Asks the server to give up a write when we do, so that it does not land long after.
fn given_up_with_us(uri: &http::Uri) -> Result<http::Uri, http::uri::InvalidUri> {
    let text = uri.to_string();
    let joint = if text.ends_with(['?', '&']) {
        ""
    } else if text.contains('?') {
        "&"
    } else {
        "?"
    };
    format!("{text}{joint}timeout={}s", CALL_TIMEOUT.as_secs()).parse()
}

/// 0.2 s, 0.4 s, 0.8 s … and up to half as much again at random, so that runs started together do not return together.
fn backoff(attempt: u32) -> Duration {
    let base = 200 * 2_u64.pow(attempt.min(6) - 1);
    Duration::from_millis(base + u64::from(random_byte()) * base / 512)
}

fn random_byte() -> u8 {
    let mut byte = [0];
    // Without randomness there is no jitter, and nothing else is lost.
    let _ = getrandom::getrandom(&mut byte);
    byte[0]
}
