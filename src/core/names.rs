//! What Kubernetes accepts as a name, a label's key and a label's value.
//!
//! Rules: <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/> and `labels/` beside it.

/// The rule of [`is_dns_label`], for messages.
pub(crate) const DNS_LABEL: &str = "at most 63 lowercase letters, digits and '-', with a letter or digit at both ends";
/// The rule of [`is_dns_subdomain`], for messages.
pub(crate) const DNS_SUBDOMAIN: &str =
    "at most 253 lowercase letters, digits, '-' and '.', with a letter or digit at both ends of each part";
/// The rule of [`is_label_key`], for messages.
pub(crate) const LABEL_KEY: &str =
    "at most 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends, after an optional DNS prefix and '/'";
/// The rule of [`is_label_value`], for messages.
pub(crate) const LABEL_VALUE: &str = "at most 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends, or empty";

/// The rule of [`is_kind`], for messages.
pub(crate) const KIND: &str =
    "a kind and its API group as Kind.group, such as Kafka.kafka.strimzi.io, or the kind alone for the core group";

/// A kind with its API group: `Rollout.argoproj.io`; of the core group the kind alone.
pub(crate) fn is_kind(text: &str) -> bool {
    let (kind, group) = text.split_once('.').map_or((text, None), |(kind, group)| (kind, Some(group)));
    let is_kind = kind.starts_with(|c: char| c.is_ascii_uppercase()) && kind.chars().all(|c| c.is_ascii_alphanumeric());
    is_kind && kind.len() <= 63 && group.is_none_or(is_dns_subdomain)
}

/// A DNS-1123 label, such as a namespace's name.
pub(crate) fn is_dns_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.len() <= 63 && text.chars().all(inner) && has_alphanumeric_ends(text)
}

/// A DNS-1123 subdomain, such as most objects' names.
pub(crate) fn is_dns_subdomain(text: &str) -> bool {
    // The API server bounds the whole, not each part.
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.len() <= 253 && text.split('.').all(|part| part.chars().all(inner) && has_alphanumeric_ends(part))
}

/// A label's key, with or without a prefix.
pub(crate) fn is_label_key(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => is_dns_subdomain(prefix) && is_qualified(name),
        None => is_qualified(text),
    }
}

/// A label's value.
pub(crate) fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_qualified(text)
}

fn is_qualified(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.len() <= 63 && text.chars().all(inner) && has_alphanumeric_ends(text)
}

fn has_alphanumeric_ends(text: &str) -> bool {
    let end = |c: char| c.is_ascii_alphanumeric();
    text.starts_with(end) && text.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: fn(&str) -> bool, accepted: &[&str], refused: &[&str]) {
        for text in accepted {
            assert!(rule(text), "{text:?} must be accepted");
        }
        for text in refused {
            assert!(!rule(text), "{text:?} must be refused");
        }
    }

    #[test]
    fn names_and_labels() {
        let (at_63, at_64) = ("x".repeat(63), "x".repeat(64));
        let (at_253, at_254) = ("x".repeat(253), "x".repeat(254));
        check(is_dns_label, &["a", "kube-system", "0", &at_63], &["", "-a", "a-", "A", "a.b", "a_b", "*", "é", "a\n", &at_64]);
        check(is_dns_subdomain, &["a", "a.b-c.d", &at_64, &at_253], &["", ".", "a.", ".a", "a..b", "a.-b", "A", "a/b", &at_254]);
        check(
            is_label_key,
            &["app", "app.kubernetes.io/name", "A_b.c-d", &at_63, &format!("{at_253}/a")],
            &["", "/a", "a/", "a/b/c", "-a", "a b", "A.io/a", &at_64, &format!("{at_254}/a")],
        );
        check(is_label_value, &["", "true", "a_B.c-1", &at_63], &["-", "a ", " a", "a/b", "é", &at_64]);
    }
}
