//! A pod that does not ask, as if it did.

use crate::cluster::api::{Api, ApiError, Cause, PODS, PodObject};
use crate::core::marks::Marks;
use crate::core::runbook::Runbook;
use crate::core::snapshot::{Bounds, Fact, Request};

use super::facts;

/// The request that these marks on this pod would make now; without marks, the label alone, and what is annotated counts. `None`: there is
/// no such pod.
///
/// # Errors
/// It cannot be read.
pub(crate) async fn hypothetical(
    api: &Api,
    bounds: &Bounds,
    name: &str,
    marks: Option<&Marks>,
    runbooks: &[Runbook],
) -> Result<Option<Request>, ApiError> {
    let mut object = match api.get::<PodObject>(PODS, name).await {
        Err(ApiError { cause: Cause::NotFound, .. }) => return Ok(None),
        object => object?,
    };
    let marks = marks.cloned().unwrap_or_else(|| Marks::asking(&object.metadata.labels, &bounds.selector));
    marks.apply(&mut object.metadata.labels, &mut object.metadata.annotations);
    let mut request = facts::request_of(object, bounds, &super::LookedAt::by(runbooks));
    // The pod's labels may have been set long ago, by somebody who asked for nothing.
    request.requested_at = api.now().map_or_else(|| Fact::Unknown("the API server's answer had no time".to_owned()), Fact::Known);
    request.field_manager = None;
    Ok(Some(request))
}
