//! `withdraw`: a person takes a request back.

use crate::commands::marking::{AtDesk, MarkAction, MarkError, Marked};
use crate::core::marks::Marks;
use crate::core::words::inert;
use crate::run::RunError;

/// Takes the request on this pod back, with all that it said.
///
/// # Errors
/// See [`MarkError`]; then nothing was written.
pub(crate) async fn withdraw(desk: &AtDesk, name: &str) -> Result<Marked, MarkError> {
    let pod = desk.pod(name).await?;
    let selector = &desk.view.settings().selector;
    if !selector.matches(&pod.metadata.labels) {
        return Err(MarkError::AsksNot { pod: inert(name, 253), selector: selector.to_string() });
    }
    let marks = Marks::withdrawal(&pod.metadata.annotations, selector).ok_or_else(|| MarkError::NotOurLabel(selector.to_string()))?;
    let by = desk.api.whoami().await.map_err(RunError::from)?;
    let before = desk.outlook(name, None).await?;
    desk.write(name, &pod.metadata.uid, &marks).await?;
    let (namespace, uid) = (desk.api.namespace().to_owned(), pod.metadata.uid);
    let pod = name.to_owned();
    Ok(Marked { namespace, pod, uid, action: MarkAction::Withdrew, by, chosen: None, plan: None, before: (&before).into(), after: None })
}
