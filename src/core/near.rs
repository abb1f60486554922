//! Near-misses: which known word was probably meant by an unknown one.

/// The candidate that `word` most probably means, if one is near: at most two edits away (a swap of neighbours is one),
/// where case, `_` and `-` do not count. On a tie the first candidate.
pub(crate) fn near<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = folded(word);
    candidates
        .into_iter()
        .filter_map(|candidate| distance(&word, &folded(candidate)).map(|distance| (distance, candidate)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

const FARTHEST: usize = 2;

fn distance(word: &[char], candidate: &[char]) -> Option<usize> {
    // A distance is at least the difference of the lengths, and a megabyte of text is not worth the quadratic work.
    if word.len().abs_diff(candidate.len()) > FARTHEST {
        return None;
    }
    let distance = strsim::generic_damerau_levenshtein(word, candidate);
    // Two edits turn any word of two letters into any other: near means that something of it is left.
    (distance <= FARTHEST && distance < word.len()).then_some(distance)
}

fn folded(word: &str) -> Vec<char> {
    word.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::near;

    #[test]
    fn only_what_is_near_is_suggested() {
        let known = ["owner", "cooldownMinutes", "maxExecutionsPerHour", "TARGET_NAMESPACE", "low", "none"];
        for (word, expected) in [
            ("ownr", Some("owner")),
            ("onwer", Some("owner")),
            ("owners", Some("owner")),
            ("OWNER", Some("owner")),
            ("cooldown_minutes", Some("cooldownMinutes")),
            ("cooldown-minutes", Some("cooldownMinutes")),
            ("max_executions_per_hours", Some("maxExecutionsPerHour")),
            ("TARGET_NAMESPCE", Some("TARGET_NAMESPACE")),
            ("Low", Some("low")),
            ("team", None),
            ("no", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(near(word, known), expected, "{word}");
        }
    }

    #[test]
    fn the_nearest_wins_and_on_a_tie_the_first() {
        assert_eq!(near("checks", ["cheks", "checks"]), Some("checks"));
        assert_eq!(near("abcd", ["abce", "abcf"]), Some("abce"));
    }

    #[test]
    fn a_huge_word_costs_nothing() {
        assert_eq!(near(&"x".repeat(1_000_000), ["owner"]), None);
    }
}
