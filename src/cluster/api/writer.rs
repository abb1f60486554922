//! The calls that change something in the cluster. A dry run has no [`Writer`], so it cannot make them.

use k8s_openapi::api::policy::v1::Eviction;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, ObjectMeta};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Api, ApiError, Call, EVICTIONS, PODS, Resource};
use crate::core::words::PROGRAM;

/// The API server, for whoever may change something there.
#[derive(Clone)]
pub(crate) struct Writer(Api);

impl Writer {
    /// By this connection.
    pub(crate) fn new(api: Api) -> Self {
        Self(api)
    }

    /// The namespace that it writes to.
    pub(crate) fn namespace(&self) -> &str {
        self.0.namespace()
    }

    /// Replaces an object. The body must carry its resourceVersion: without one the server overwrites silently.
    ///
    /// # Errors
    /// See [`ApiError`]; `Conflict` if it has changed meanwhile.
    pub(crate) async fn replace<T: Serialize + DeserializeOwned>(&self, resource: Resource, name: &str, body: &T) -> Result<T, ApiError> {
        let call = Call::new("update", resource, name);
        let body = serde_json::to_vec(body).map_err(|error| ApiError::unsendable(&call, &error))?;
        let request = resource.request(&self.0.namespace).replace(name, &PostParams::default(), body);
        self.0.send(&call, request).await
    }

    /// Creates an object.
    ///
    /// # Errors
    /// See [`ApiError`]; `Conflict` if one of that name exists.
    pub(crate) async fn create<T: Serialize>(&self, resource: Resource, body: &T) -> Result<(), ApiError> {
        let call = Call::new("create", resource, "");
        let body = serde_json::to_vec(body).map_err(|error| ApiError::unsendable(&call, &error))?;
        let request = resource.request(&self.0.namespace).create(&PostParams::default(), body);
        self.0.send::<serde::de::IgnoredAny>(&call, request).await.map(drop)
    }

    /// Deletes an object, under the preconditions given.
    ///
    /// # Errors
    /// See [`ApiError`]; `Conflict` if a precondition does not hold.
    pub(crate) async fn delete(&self, resource: Resource, name: &str, params: &DeleteParams) -> Result<(), ApiError> {
        let call = Call::new("delete", resource, name);
        let request = resource.request(&self.0.namespace).delete(name, params);
        self.0.send::<serde::de::IgnoredAny>(&call, request).await.map(drop)
    }

    /// Changes part of an object, by a JSON merge patch. No run makes this call: it is a person's, with that person's rights.
    ///
    /// # Errors
    /// See [`ApiError`]; `Rejected` if the patch names the UID of another object.
    pub(crate) async fn patch(&self, resource: Resource, name: &str, patch: &serde_json::Value) -> Result<(), ApiError> {
        let call = Call::new("patch", resource, name);
        let params = PatchParams { field_manager: Some(PROGRAM.to_owned()), ..PatchParams::default() };
        let request = resource.request(&self.0.namespace).patch(name, &params, &Patch::Merge(patch));
        self.0.send::<serde::de::IgnoredAny>(&call, request).await.map(drop)
    }

    /// Asks for a pod's eviction.
    ///
    /// # Errors
    /// See [`ApiError`]; `Budget` if a disruption budget forbids it, `Conflict` if a precondition does not hold.
    pub(crate) async fn evict(&self, name: &str, options: DeleteOptions) -> Result<(), ApiError> {
        let call = Call::new("create", EVICTIONS, name);
        // kube's own eviction misspells its delete options.
        let metadata = ObjectMeta { name: Some(name.to_owned()), namespace: Some(self.0.namespace.clone()), ..ObjectMeta::default() };
        let eviction = Eviction { metadata, delete_options: Some(options) };
        let body = serde_json::to_vec(&eviction).map_err(|error| ApiError::unsendable(&call, &error))?;
        let request = PODS.request(&self.0.namespace).create_subresource("eviction", name, &PostParams::default(), body);
        self.0.send::<serde::de::IgnoredAny>(&call, request).await.map(drop)
    }
}
