//! Questions about permissions. Creating a review changes nothing, so it is retried like a read.

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::core::Request;

use super::{Api, ApiError, Call, Resource};

/// One thing that might be permitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccessQuestion<'a> {
    /// As RBAC names it.
    pub verb: &'a str,
    /// API group; empty for core.
    pub group: &'a str,
    pub resource: &'a str,
    /// On this object only.
    pub name: Option<&'a str>,
    /// Empty for all namespaces at once.
    pub namespace: &'a str,
}

impl Api {
    /// Whether we may do this. What the server cannot tell counts as no.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub(crate) async fn may(&self, question: &AccessQuestion<'_>) -> Result<bool, ApiError> {
        let attributes = Some(question.attributes());
        let spec = SelfSubjectAccessReviewSpec { resource_attributes: attributes, ..SelfSubjectAccessReviewSpec::default() };
        let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
        let reviews = Resource { group: "authorization.k8s.io", version: "v1", plural: "selfsubjectaccessreviews" };
        let call = Call::new("create", reviews, "");
        let body = serde_json::to_vec(&review).map_err(|error| ApiError::unsendable(&call, &error))?;
        let path = Request::new("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews");
        let answer: SelfSubjectAccessReview = self.read(&call, || path.create(&PostParams::default(), body.clone())).await?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }

    /// Whether this ServiceAccount of the namespace may do this. Not every caller may ask about others.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub(crate) async fn may_account(&self, account: &str, question: &AccessQuestion<'_>) -> Result<bool, ApiError> {
        let namespace = self.namespace();
        let groups =
            ["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}"), "system:authenticated".to_owned()];
        let spec = SubjectAccessReviewSpec {
            user: Some(format!("system:serviceaccount:{namespace}:{account}")),
            groups: Some(groups.to_vec()),
            resource_attributes: Some(question.attributes()),
            ..SubjectAccessReviewSpec::default()
        };
        let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
        let reviews = Resource { group: "authorization.k8s.io", version: "v1", plural: "subjectaccessreviews" };
        let call = Call::new("create", reviews, "");
        let body = serde_json::to_vec(&review).map_err(|error| ApiError::unsendable(&call, &error))?;
        let path = Request::new("/apis/authorization.k8s.io/v1/subjectaccessreviews");
        let answer: SubjectAccessReview = self.read(&call, || path.create(&PostParams::default(), body.clone())).await?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }
}

impl AccessQuestion<'_> {
    fn attributes(&self) -> ResourceAttributes {
        let Self { verb, group, resource, name, namespace } = self;
        // RBAC tells a subresource by a slash, a review by a field.
        let (resource, subresource) =
            resource.split_once('/').map_or((*resource, None), |(resource, sub)| (resource, Some(sub.to_owned())));
        ResourceAttributes {
            verb: Some((*verb).to_owned()),
            group: Some((*group).to_owned()),
            resource: Some(resource.to_owned()),
            subresource,
            name: name.map(str::to_owned),
            namespace: Some((*namespace).to_owned()),
            ..ResourceAttributes::default()
        }
    }
}
