//! `approve`: a person approves the plan that a run would carry out, after they have seen it whole.

use crate::commands::explain::{PlanExplanation, PodExplanation};
use crate::commands::marking::{AtDesk, MarkAction, MarkError, Marked};
use crate::commands::status::ProposalStatus;
use crate::core::marks::Marks;
use crate::core::words::inert;
use crate::run::RunError;

/// The plan of this pod that waits for an approval; `given`: the id of the plan that is meant.
///
/// # Errors
/// The pod does not ask, no plan of it waits, or the plan that is meant is void.
pub(crate) async fn plan(desk: &AtDesk, name: &str, given: Option<&str>) -> Result<(PodExplanation, ProposalStatus), MarkError> {
    let before = desk.outlook(name, None).await?;
    let pod = inert(name, 253);
    if before.hypothetical {
        return Err(MarkError::AsksNot { pod, selector: desk.view.settings().selector.to_string() });
    }
    let Some(plan) = before.plan.clone().filter(|_| before.mode == "approval_required") else {
        return Err(MarkError::NoPlan { pod, message: before.message });
    };
    if let Some(given) = given.filter(|given| *given != plan.id) {
        return Err(MarkError::Void { pod, given: given.to_owned(), stands: plan.id });
    }
    let PlanExplanation { id, issued_at, expires_at, approve_with } = plan;
    let shown = ProposalStatus {
        plan: id,
        issued_at,
        expires_at,
        service: before
            .service
            .as_deref()
            .and_then(|service| service.split_once('='))
            .map_or_else(String::new, |(_, name)| name.to_owned()),
        pod,
        pod_uid: before.uid.clone(),
        runbook: before.runbook.as_ref().map(|runbook| runbook.name.clone()).unwrap_or_default(),
        message: before.message.clone(),
        approve_with,
    };
    Ok((before, shown))
}

/// Approves it, under the caller's real name.
///
/// # Errors
/// See [`MarkError`]; then nothing was written.
pub(crate) async fn approve(desk: &AtDesk, before: &PodExplanation, plan: &str) -> Result<Marked, MarkError> {
    let by = desk.api.whoami().await.map_err(RunError::from)?;
    desk.write(&before.pod, &before.uid, &Marks::approval(plan, &by)).await?;
    let after = desk.outlook(&before.pod, None).await?;
    let (namespace, uid) = (desk.api.namespace().to_owned(), before.uid.clone());
    let (pod, plan) = (before.pod.clone(), Some(plan.to_owned()));
    Ok(Marked {
        namespace,
        pod,
        uid,
        action: MarkAction::Approved,
        by,
        chosen: None,
        plan,
        before: before.into(),
        after: Some((&after).into()),
    })
}
