//! Label selectors: as the API's query string writes them, and whether they match.
//!
//! Rules: <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors>.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::core::names::{is_label_key, is_label_value};

/// All requirements must hold; none at all selects everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector(pub Vec<Requirement>);

/// One requirement on one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The label's key.
    pub key: String,
    /// What must hold for it.
    pub operator: Operator,
}

/// What must hold for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operator {
    /// The value is one of these.
    In(Vec<String>),
    /// There is no such label, or its value is none of these.
    NotIn(Vec<String>),
    /// There is such a label.
    Exists,
    /// There is none.
    DoesNotExist,
}

impl Operator {
    /// A value that satisfies it; `None`: it wants no label.
    pub fn one_value(&self) -> Option<String> {
        match self {
            Self::In(values) => values.first().cloned(),
            Self::Exists => Some("true".to_owned()),
            Self::NotIn(_) | Self::DoesNotExist => None,
        }
    }
}

/// Why a text is no selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{part}` is no label requirement: write key=value, key!=value, key, !key, `key in (a,b)` or `key notin (a,b)`, separated by commas"
)]
pub struct InvalidSelector {
    part: String,
}

impl Selector {
    /// The labels satisfy every requirement.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|requirement| {
            let value = labels.get(&requirement.key);
            match &requirement.operator {
                Operator::In(values) => value.is_some_and(|value| values.contains(value)),
                Operator::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
                Operator::Exists => value.is_some(),
                Operator::DoesNotExist => value.is_none(),
            }
        })
    }

    /// The keys that a matching pod must carry: setting one of them is what makes the request.
    pub fn required_keys(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(|requirement| matches!(requirement.operator, Operator::In(_) | Operator::Exists))
            .map(|requirement| requirement.key.as_str())
    }
}

impl FromStr for Selector {
    type Err = InvalidSelector;

    fn from_str(text: &str) -> Result<Self, InvalidSelector> {
        split_outside_parentheses(text).into_iter().map(parse_requirement).collect::<Result<_, _>>().map(Self)
    }
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    text.split(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .collect()
}

fn parse_requirement(part: &str) -> Result<Requirement, InvalidSelector> {
    let part = part.trim();
    let invalid = || InvalidSelector { part: part.to_owned() };
    let (key, operator) = if let Some((key, value)) = part.split_once("!=") {
        (key, Operator::NotIn(vec![value.trim().to_owned()]))
    } else if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        (key, Operator::In(vec![value.trim().to_owned()]))
    } else if let Some(list) = part.strip_suffix(')') {
        let (head, values) = list.split_once('(').ok_or_else(invalid)?;
        let values: Vec<String> = values.split(',').map(|value| value.trim().to_owned()).collect();
        match head.trim().rsplit_once(char::is_whitespace) {
            Some((key, "in")) => (key, Operator::In(values)),
            Some((key, "notin")) => (key, Operator::NotIn(values)),
            _ => return Err(invalid()),
        }
    } else if let Some(key) = part.strip_prefix('!') {
        (key, Operator::DoesNotExist)
    } else {
        (part, Operator::Exists)
    };
    let key = key.trim();
    let values_are_valid = match &operator {
        Operator::In(values) | Operator::NotIn(values) => values.iter().all(|value| is_label_value(value)),
        Operator::Exists | Operator::DoesNotExist => true,
    };
    if is_label_key(key) && values_are_valid { Ok(Requirement { key: key.to_owned(), operator }) } else { Err(invalid()) }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Requirement { key, operator }) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match operator {
                Operator::In(values) if values.len() == 1 => write!(f, "{key}={}", values[0])?,
                Operator::NotIn(values) if values.len() == 1 => write!(f, "{key}!={}", values[0])?,
                Operator::In(values) => write!(f, "{key} in ({})", values.join(","))?,
                Operator::NotIn(values) => write!(f, "{key} notin ({})", values.join(","))?,
                Operator::Exists => f.write_str(key)?,
                Operator::DoesNotExist => write!(f, "!{key}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(selector: &str, labels: &[(&str, &str)], expected: bool) {
        let parsed: Selector = selector.parse().unwrap();
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert_eq!(parsed.matches(&labels), expected, "{selector} on {labels:?}");
        assert_eq!(parsed.to_string().parse::<Selector>().unwrap(), parsed, "round trip of {selector}");
    }

    #[test]
    fn every_operator_matches_as_the_server_does() {
        check("a=1", &[("a", "1")], true);
        check("a==1", &[("a", "2")], false);
        check("a!=1", &[], true);
        check("a != 1, b", &[("b", "")], true);
        check("a in (1, 2),b=3", &[("a", "2"), ("b", "3")], true);
        check("a in (1,2)", &[("a", "3")], false);
        check("a notin (1,2)", &[("a", "2")], false);
        check("a notin (1,2)", &[], true);
        check("!a", &[("a", "1")], false);
        check("example.com/a", &[("example.com/a", "")], true);
        check("a=", &[("a", "")], true);
    }

    #[test]
    fn what_is_no_selector_is_named() {
        for text in ["", "a=1,,b", "a b", "a in 1", "a=b c", "/a=1", "a=-1", "a within (1)", "a=(1)"] {
            let error = text.parse::<Selector>().unwrap_err();
            assert!(error.to_string().contains("is no label requirement"), "{text}: {error}");
        }
    }

    #[test]
    fn only_positive_requirements_make_a_request() {
        let selector: Selector = "a=1,!b,c notin (1),d".parse().unwrap();
        assert_eq!(selector.required_keys().collect::<Vec<_>>(), ["a", "d"]);
    }
}
