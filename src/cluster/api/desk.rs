//! Calls that no run makes: a person's own commands make them, with that person's rights.

use kube::api::PostParams;
use kube::core::Request;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Api, ApiError, Call, METADATA_PAGE, PAGE, Resource};

impl Api {
    /// Asks what would become of an object if it were created: the server admits or refuses it, and persists nothing.
    /// The object as it would be.
    ///
    /// # Errors
    /// See [`ApiError`]; `Rejected` if the cluster refuses it.
    pub(crate) async fn create_dry_run(&self, resource: Resource, body: &Value) -> Result<Value, ApiError> {
        let call = Call::new("create", resource, "");
        let body = serde_json::to_vec(body).map_err(|error| ApiError::unsendable(&call, &error))?;
        let params = PostParams { dry_run: true, ..PostParams::default() };
        // Nothing is created, so it may be asked again like a read.
        self.read(&call, || resource.request(&self.namespace).create(&params, body.clone())).await
    }

    /// As [`Api::list`], in every namespace at once.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub(crate) async fn list_everywhere<T: DeserializeOwned, K>(
        &self,
        resource: Resource,
        selector: &str,
        keep: impl FnMut(T) -> K,
    ) -> Result<Vec<K>, ApiError> {
        let page = |params: &_| everywhere(resource).list(params);
        self.pages(resource, Some(selector), PAGE, page, keep).await.map(|(kept, _)| kept)
    }

    /// As [`Api::list_everywhere`], of each object its metadata alone.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub(crate) async fn list_metadata_everywhere<T: DeserializeOwned, K>(
        &self,
        resource: Resource,
        selector: &str,
        keep: impl FnMut(T) -> K,
    ) -> Result<Vec<K>, ApiError> {
        let page = |params: &_| everywhere(resource).list_metadata(params);
        self.pages(resource, Some(selector), METADATA_PAGE, page, keep).await.map(|(kept, _)| kept)
    }
}

fn everywhere(resource: Resource) -> Request {
    let root = if resource.group.is_empty() { "/api".to_owned() } else { format!("/apis/{}", resource.group) };
    Request::new(format!("{root}/{}/{}", resource.version, resource.plural))
}
