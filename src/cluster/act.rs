//! Act: one pod, one typed call, under preconditions that make a second or a stale one impossible.

use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;
use kube::api::{DeleteParams, Preconditions};

use crate::cluster::api::{ApiError, Cause, PODS, Writer};
use crate::core::runbook::Method;
use crate::core::snapshot::Request;
use crate::outside::clock::Deadline;

/// What came of the call.
#[derive(Debug)]
pub(crate) enum Acted {
    /// The server took it; that alone proves nothing.
    Sent,
    /// The pod was gone already, which is fine.
    AlreadyGone,
    /// The pod changed since it was read: nothing was done.
    Changed,
    /// Nothing was done: why, and whether a missing permission is the cause.
    Refused(ApiError),
    /// `sendBefore` has passed: nothing was sent.
    TooLate,
    /// It may or may not have been done.
    Unclear(ApiError),
}

/// Removes exactly the pod that was read.
pub(crate) async fn remove(writer: &Writer, target: &Request, method: Method, send_before: Deadline) -> Acted {
    loop {
        if send_before.is_over() {
            return Acted::TooLate;
        }
        let answer = match method {
            Method::Delete => delete(writer, target).await,
            Method::Evict => evict(writer, target).await,
        };
        let error = match answer {
            Ok(()) => return Acted::Sent,
            Err(error) => error,
        };
        match error.cause {
            Cause::NotFound => return Acted::AlreadyGone,
            Cause::Conflict(_) => return Acted::Changed,
            // Not executed, so it may be sent again, as long as there is time.
            Cause::Throttled(_) => match error.retry_after() {
                Some(wait) if wait < send_before.left() => tokio::time::sleep(wait).await,
                _ => return Acted::Refused(error),
            },
            Cause::Unclear(_) | Cause::Malformed(_) => return Acted::Unclear(error),
            _ => return Acted::Refused(error),
        }
    }
}

/// Under the same UID and the same resourceVersion.
///
/// Preconditions: <https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions>.
async fn delete(writer: &Writer, target: &Request) -> Result<(), ApiError> {
    let exactly = Preconditions { uid: Some(target.pod.uid.to_string()), resource_version: Some(target.resource_version.clone()) };
    let params = DeleteParams { preconditions: (!cfg!(feature = "sabotage-precondition")).then_some(exactly), ..DeleteParams::default() };
    writer.delete(PODS, &target.pod.name, &params).await
}

/// Under the same UID only: the server takes the disruption out of the budget before it looks at the conditions, and an eviction
/// that then fails for a resourceVersion would leave the budget spent for minutes.
async fn evict(writer: &Writer, target: &Request) -> Result<(), ApiError> {
    let exactly = meta::Preconditions { uid: Some(target.pod.uid.to_string()), resource_version: None };
    writer.evict(&target.pod.name, meta::DeleteOptions { preconditions: Some(exactly), ..meta::DeleteOptions::default() }).await
}
