//! A probe that is a GET.

use std::time::Duration;

use super::MAX_ANSWER;
use crate::core::runbook::{HttpProbe, Reading, Values};
use crate::outside::http::{ExchangeLimits, get};

/// One answer, or why there is none.
pub(super) async fn once(probe: &HttpProbe, values: &Values<'_>, timeout: Duration) -> Result<Reading, String> {
    let url = probe.url.with(values)?;
    let answer = get(&url, ExchangeLimits { timeout, max_bytes: MAX_ANSWER }).await.map_err(|error| error.to_string())?;
    let body_contains = probe.body_contains.as_deref().is_none_or(|text| contains(&answer.body, text.as_bytes()));
    Ok(Reading::Http { status: answer.status, body_contains })
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text)
}

#[cfg(test)]
mod tests {
    use super::contains;

    #[test]
    fn a_text_is_found_anywhere_and_only_whole() {
        assert!(contains(b"status: ok\n", b"ok") && contains(b"ok", b"ok") && contains(b"\xff\xfeok", b"ok"));
        assert!(!contains(b"o", b"ok") && !contains(b"", b"ok") && !contains(b"OK", b"ok"));
    }
}
