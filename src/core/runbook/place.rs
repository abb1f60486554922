//! Where a field of a valid runbook is written: for what is found wrong with it after it has been read.

use super::node::{Content, Node, Position, documents};
use super::problem::Problem;

impl Problem {
    /// A problem of one field of a runbook that was read from this text, at the place of its value. `path` is such as
    /// `spec.triggers.symptoms[0]`; a field that is not written has no place of its own, nor has the problem then.
    pub fn of_field((file, text): (&str, &str), runbook: &str, path: &str, message: String) -> Self {
        let (line, column) = place(text, runbook, path).map_or((0, 0), |Position { line, column }| (line, column));
        Self { file: file.to_owned(), line, column, path: path.to_owned(), message }
    }
}

fn place(text: &str, runbook: &str, path: &str) -> Option<Position> {
    let documents = documents(text).ok()?;
    let named = |document: &&Node| {
        let name = at(document, "metadata.name").map(|name| &name.content);
        matches!(name, Some(Content::Text(name)) if name == runbook)
    };
    Some(at(documents.iter().find(named)?, path)?.at)
}

fn at<'n>(node: &'n Node, path: &str) -> Option<&'n Node> {
    path.split('.').try_fold(node, |node, step| {
        let (name, index) = step.split_once('[').map_or((step, None), |(name, index)| (name, Some(index.trim_end_matches(']'))));
        let Content::Map(entries) = &node.content else { return None };
        let (_, value) = entries.iter().find(|(key, _)| matches!(&key.content, Content::Text(key) if key == name))?;
        match (index, &value.content) {
            (None, _) => Some(value),
            (Some(index), Content::List(items)) => items.get(index.parse::<usize>().ok()?),
            (Some(_), _) => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(runbook: &str, path: &str, expected: &str) {
        let text = "metadata: {name: a}\nspec: {x: [1, 2]}\n---\nmetadata:\n  name: b\nspec:\n  x:\n    - 1\n    - &two 2\n  y: *two\n";
        let problem = Problem::of_field(("f", text), runbook, path, "m".to_owned());
        assert_eq!(problem.to_string(), format!("{expected}: {path}: m"));
    }

    #[test]
    fn a_field_is_found_in_its_own_document() {
        check("a", "spec.x", "f:2:11");
        check("a", "spec.x[1]", "f:2:15");
        check("b", "spec.x[0]", "f:8:7");
        check("b", "metadata.name", "f:5:9");
        // The place to correct, as for all mistakes.
        check("b", "spec.y", "f:9:12");
    }

    #[test]
    fn what_is_not_written_has_no_place() {
        check("a", "spec.z", "f");
        check("a", "spec.x[2]", "f");
        check("a", "metadata.name[0]", "f");
        check("c", "spec.x", "f");
    }
}
