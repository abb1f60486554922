//! `request`: a person, or a detector, asks for a pod's replacement.

mod choose;

use crate::commands::explain::{IF_IT_ASKED, PodExplanation, ToDo};
use crate::commands::marking::{AtDesk, MarkAction, MarkError, Marked};
use crate::core::decide::{GuardrailId, Remedy};
use crate::core::marks::{Detection, Marks};
use crate::run::RunError;

/// Asks for the replacement of `what`: a pod's name, or a workload as `KIND/NAME`, of which it picks the pod.
///
/// # Errors
/// See [`MarkError`]; then nothing was written.
pub(crate) async fn request(desk: &AtDesk, what: &str, detection: &Detection) -> Result<Marked, MarkError> {
    let (name, chosen) = choose::pod(desk, what).await?;
    let pod = desk.pod(&name).await?;
    let by = desk.api.whoami().await.map_err(RunError::from)?;
    let now = desk.api.now().unwrap_or_default();
    let selector = &desk.view.settings().selector;
    let asks = selector.matches(&pod.metadata.labels);
    let marks = Marks::request(&pod.metadata.labels, &pod.metadata.annotations, selector, detection, &by, now);
    let before = desk.outlook(&name, Some(&marks)).await?;
    may_ask(&before)?;
    desk.write(&name, &pod.metadata.uid, &marks).await?;
    let after = desk.outlook(&name, None).await?;
    let action = if asks { MarkAction::Renewed } else { MarkAction::Requested };
    let (namespace, uid) = (desk.api.namespace().to_owned(), pod.metadata.uid);
    Ok(Marked { namespace, pod: name, uid, action, by, chosen, plan: None, before: (&before).into(), after: Some((&after).into()) })
}

/// The decision, of a request that is not made: whether the pod asked before does not matter.
fn said(before: &PodExplanation) -> String {
    before.message.trim_start_matches(IF_IT_ASKED).to_owned()
}

/// A request that no run could ever grant is not made: one that says nothing that counts, or of a workload whose owner has not opted in.
fn may_ask(before: &PodExplanation) -> Result<(), MarkError> {
    if before.reason == "malformed_request" {
        return Err(MarkError::Malformed(said(before)));
    }
    let opt_in = GuardrailId::OptIn.as_str();
    if !before.guardrails.iter().any(|one| one.id == opt_in && one.result == "blocked") {
        return Ok(());
    }
    let remedy = before.to_do.iter().find(|to_do| to_do.guardrails.contains(&opt_in)).cloned();
    let hint = remedy.map(|ToDo { advice, command, .. }| Remedy { advice, command }.in_one_line());
    Err(MarkError::NotOptedIn { message: said(before), hint })
}
