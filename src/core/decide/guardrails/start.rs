//! Could a replacement run at all? What keeps this pod from running, and would certainly keep another one of its template, is nothing
//! that deleting it cures.

use super::request::IMAGE_ERRORS;
use super::{Case, Finding, LONGEST_LIST, Lack, Ruling};
use crate::core::snapshot::Fact;
use crate::core::words::inert;

/// What the kubelet says of a container that no node could start: its name or its configuration is wrong.
const WRONG_ANYWHERE: [&str; 2] = ["InvalidImageName", "CreateContainerConfigError"];

/// The pod was scheduled, its containers could be made, and its volumes will be there for the next one.
pub(super) fn can_start(case: &Case<'_>) -> Ruling {
    Ruling::new("scheduled, images and configuration there, volumes that stay", || {
        // Beyond what is understood, what a replacement would be is unknown.
        case.workload()?;
        if let Some(refused) = claims(case)? {
            return Ok(refused);
        }
        if let Some(why) = &case.request.unscheduled {
            let why = inert(why, 2 * LONGEST_LIST);
            let refused =
                Finding::blocked(format!("not_scheduled={why}"), "the pod must have been scheduled, or its replacement is not either");
            return Ok(refused.found(why));
        }
        // A runbook that answers to an image's error means that another node may be able to get the image.
        let cured = IMAGE_ERRORS.contains(&case.evidence.symptom.as_str());
        let stuck = |reason: &str| WRONG_ANYWHERE.contains(&reason) || (IMAGE_ERRORS.contains(&reason) && !cured);
        let stuck = case.request.containers.iter().find(|one| one.waiting.as_deref().is_some_and(stuck));
        if let Some(container) = stuck {
            let said =
                container.waiting_message.as_deref().map_or_else(String::new, |message| format!(": {}", inert(message, LONGEST_LIST)));
            let reason = container.waiting.as_deref().unwrap_or_default();
            let observed = format!("container {} waits: {reason}{said}", inert(&container.name, 63));
            return Ok(Finding::blocked(observed, "the pod's containers must be creatable, or its replacement's are not either"));
        }
        Ok(Finding::pass(format!("scheduled=true claims={}", case.request.claims.len())))
    })
}

/// A claim that is being deleted is there for as long as a pod uses it: with the pod goes the volume.
fn claims(case: &Case<'_>) -> Result<Option<Finding>, Lack> {
    for name in &case.request.claims {
        let shown = inert(name, 253);
        let observed = match case.snapshot.claims.get(name) {
            Some(Fact::Known(Some(claim))) if claim.deleting => format!("claim {shown} is being deleted"),
            Some(Fact::Known(Some(claim))) if claim.lost => format!("claim {shown} has lost its volume"),
            Some(Fact::Known(Some(_))) => continue,
            Some(Fact::Known(None)) => format!("claim {shown} does not exist"),
            Some(Fact::Unknown(why)) => return Err(why.as_str().into()),
            None => return Err(format!("claim {shown} was not read").into()),
        };
        return Ok(Some(Finding::blocked(observed, "the pod's volumes must stay, or its data goes and no replacement starts")));
    }
    Ok(None)
}
