//! What detection wrote on a pod, and whether it is well-formed.

use jiff::Timestamp;

use super::Evidence;
use crate::core::selector::Selector;
use crate::core::snapshot::Request;
use crate::core::words::{MANUAL_RESTART, annotation, default_request_selector, quoted};

/// What a request states, or everything that is wrong with it, naming annotation, value and what is allowed.
///
/// A label with neither symptom nor confidence beside it is bare. If it is our own label, a human asked, and is sure; any
/// other, say an alert receiver's, means no more than what is written beside it.
pub(super) fn evidence(request: &Request, selector: &Selector) -> Result<Evidence, String> {
    let mut wrong = Vec::new();
    let mut note =
        |key: &str, value: &str, allowed: &str| wrong.push(format!("annotation {key} is {}: it must be {allowed}", quoted(value)));

    // An empty text is a detector's unset variable: taken for an absent one, it would ask for more than was meant.
    let named = [
        (annotation::SYMPTOM, &request.symptom, "the name of a symptom, or not be there"),
        (annotation::PROBABLE_CAUSE, &request.probable_cause, "the name of a cause, or not be there"),
        (annotation::RUNBOOK, &request.runbook, "the name of a runbook, or not be there"),
    ];
    for (key, value, allowed) in named {
        if let Some(value) = value.as_deref().filter(|value| value.trim().is_empty()) {
            note(key, value, allowed);
        }
    }
    let stated = request.confidence.as_deref().and_then(|text| {
        let number = text.parse::<f64>().ok().filter(|number| (0.0..=1.0).contains(number));
        if number.is_none() {
            note(annotation::CONFIDENCE, text, "a number from 0 to 1, such as 0.85");
        }
        number
    });
    for (key, value) in [(annotation::DETECTED_AT, &request.detected_at), (annotation::REQUESTED_AT, &request.renewed_at)] {
        if let Some(text) = value.as_deref().filter(|text| text.parse::<Timestamp>().is_err()) {
            note(key, text, "a time in RFC 3339, such as 2025-01-31T08:15:00Z");
        }
    }
    if !wrong.is_empty() {
        return Err(wrong.join(", "));
    }

    let bare = request.symptom.is_none() && request.confidence.is_none() && *selector == default_request_selector();
    Ok(Evidence {
        symptom: request.symptom.clone().unwrap_or_else(|| MANUAL_RESTART.to_owned()),
        cause: request.probable_cause.clone(),
        confidence: if bare { Some(1.0) } else { stated },
        bare,
    })
}
