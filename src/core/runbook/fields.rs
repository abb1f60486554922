//! Reads a tree field by field and collects what is wrong instead of stopping at it.
//!
//! A reader takes a [`Value`] and returns a [`Read`]. Its error, [`Reported`], can only be had by reporting a problem, so that
//! whatever could not be read has been reported, and nothing can get lost.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::node::{Content, Node, Position, shown};
use super::problem::Problem;
use crate::core::near::near;
use crate::core::words::{is_invisible, quoted, turns_text};

/// What a reader returns.
pub(crate) type Read<T> = Result<T, Reported>;

/// Proof that a problem was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reported(());

/// The problems of one file.
pub(crate) struct Report<'f> {
    file: &'f str,
    problems: RefCell<Vec<Problem>>,
}

impl<'f> Report<'f> {
    pub(crate) fn new(file: &'f str) -> Self {
        Self { file, problems: RefCell::default() }
    }

    pub(crate) fn add(&self, at: Position, path: &str, message: String) -> Reported {
        let Position { line, column } = at;
        self.problems.borrow_mut().push(Problem { file: self.file.to_owned(), line, column, path: path.to_owned(), message });
        Reported(())
    }

    /// In the order of the file.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| (problem.line, problem.column));
        problems
    }
}

/// A value to read, or the place where one is missing.
pub(crate) struct Value<'r> {
    report: &'r Report<'r>,
    path: String,
    /// Of the value; of the parent's key if it is missing.
    at: Position,
    /// Of its own key, or as `at` if it has none.
    key_at: Position,
    /// `None`: missing.
    content: Option<&'r Content>,
}

impl<'r> Value<'r> {
    /// A whole document.
    pub(crate) fn root(report: &'r Report<'r>, node: &'r Node) -> Self {
        Self { report, path: String::new(), at: node.at, key_at: node.at, content: Some(&node.content) }
    }

    /// The value is not what it must be; `expected` goes on after "must be".
    pub(crate) fn wrong(&self, expected: &str) -> Reported {
        self.say(match self.content {
            None => format!("is missing: it must be {expected}"),
            Some(content) => format!("must be {expected}, not {}", content.describe()),
        })
    }

    /// Something else is wrong with the value.
    pub(crate) fn say(&self, message: impl Into<String>) -> Reported {
        self.report.add(self.at, &self.path, message.into())
    }

    /// What is there, if something is.
    pub(crate) fn content(&self) -> Option<&'r Content> {
        self.content
    }

    /// The value under a key of it, if it has that.
    pub(crate) fn get(&self, name: &str) -> Option<Self> {
        let Some(Content::Map(entries)) = self.content else { return None };
        let (key, node) = entries.iter().find(|(key, _)| key.content.as_text() == Some(name))?;
        Some(self.child(join(&self.path, name), key.at, node))
    }

    /// Its items, if it is a list.
    pub(crate) fn items(&self) -> Vec<Self> {
        let Some(Content::List(nodes)) = self.content else { return Vec::new() };
        nodes.iter().enumerate().map(|(index, node)| self.child(format!("{}[{index}]", self.path), node.at, node)).collect()
    }

    /// Where the value is, as `file:line:column`.
    pub(crate) fn place(&self) -> String {
        format!("{}:{}:{}", self.report.file, self.at.line, self.at.column)
    }

    fn as_text(&self, expected: &str) -> Read<&'r str> {
        match self.content {
            Some(Content::Text(text)) => Ok(text),
            Some(Content::Bool(value)) => Err(self.say(format!("must be text, not the boolean {value}: write \"{value}\""))),
            // How it was written is lost: 1.10 and 1.1 are one number, so that quoting it is left to the author.
            Some(Content::Int(_) | Content::Float(_)) => Err(self.say("must be text, not a number: put it in quotes")),
            _ => Err(self.wrong(expected)),
        }
    }

    /// A text that satisfies a rule, for which `expected` are the words.
    pub(crate) fn text(&self, expected: &str, rule: impl Fn(&str) -> bool) -> Read<String> {
        let text = self.as_text(expected)?;
        if rule(text) { Ok(text.to_owned()) } else { Err(self.wrong(expected)) }
    }

    /// One line of text, not empty, without blanks at its ends.
    pub(crate) fn line(&self) -> Read<String> {
        let text = self.text("one line of text without blanks at its ends", |text| {
            !text.is_empty() && text.trim() == text && !text.contains(char::is_control)
        })?;
        // Whoever compares it with another must see all of it.
        if text.contains(|c| turns_text(c) || is_invisible(c)) {
            return Err(self.say(format!("must not hold invisible characters, nor any that turn the text: it is {}", quoted(&text))));
        }
        Ok(text)
    }

    /// The text as it is written, if it is one; nothing is reported.
    pub(crate) fn line_of_text(&self) -> Option<&'r str> {
        self.content.and_then(Content::as_text)
    }

    /// Text for humans, of any number of lines; blanks at its ends, which block scalars leave, are cut off.
    pub(crate) fn prose(&self) -> Read<String> {
        let text = self.optional_prose()?;
        if text.is_empty() { Err(self.say("must not be empty")) } else { Ok(text) }
    }

    /// As [`Value::prose`], but it may be empty.
    pub(crate) fn optional_prose(&self) -> Read<String> {
        let text = self.as_text("text")?.trim();
        // Terminals and chat messages will show it.
        if text.contains(|c: char| (c.is_control() && !matches!(c, '\n' | '\t')) || turns_text(c)) {
            return Err(self.wrong("text without control characters"));
        }
        Ok(text.to_owned())
    }

    /// One of a closed list of words.
    pub(crate) fn one_of<T: Copy>(&self, all: &[T], name: impl Fn(T) -> &'static str) -> Read<T> {
        let names: Vec<&str> = all.iter().map(|item| name(*item)).collect();
        let expected = match &names[..] {
            [only] => format!("\"{only}\""),
            _ => format!("one of {}", names.join(", ")),
        };
        let Some(Content::Text(text)) = self.content else { return Err(self.wrong(&expected)) };
        if let Some(found) = all.iter().find(|item| name(**item) == text) {
            return Ok(*found);
        }
        Err(match near(text, names.iter().copied()).filter(|_| names.len() > 1) {
            Some(meant) => self.say(format!("must be {expected}, not {}: did you mean {meant}?", shown(text))),
            None => self.wrong(&expected),
        })
    }

    /// A whole number within bounds.
    pub(crate) fn whole(&self, allowed: RangeInclusive<u32>) -> Read<u32> {
        self.int()
            .filter(|value| allowed.contains(value))
            .ok_or_else(|| self.wrong(&format!("a whole number from {} to {}", allowed.start(), allowed.end())))
    }

    /// The only number that there is, and why.
    pub(crate) fn only(&self, number: u32, why: &str) -> Read<u32> {
        self.int().filter(|value| *value == number).ok_or_else(|| self.wrong(&format!("{number} ({why})")))
    }

    fn int(&self) -> Option<u32> {
        match self.content {
            Some(Content::Int(value)) => u32::try_from(*value).ok(),
            _ => None,
        }
    }

    /// `true` or `false`, without quotes.
    pub(crate) fn boolean(&self) -> Read<bool> {
        match self.content {
            Some(Content::Bool(value)) => Ok(*value),
            _ => Err(self.wrong("true or false, without quotes")),
        }
    }

    /// A text that `understand` makes something of; its error says what is wrong with it.
    pub(crate) fn understood<T>(&self, expected: &str, understand: impl FnOnce(&'r str) -> Result<T, String>) -> Read<T> {
        understand(self.as_text(expected)?).map_err(|why| self.say(format!("must be {expected}: {why}")))
    }

    /// A number from 0 to 1.
    pub(crate) fn fraction(&self) -> Read<f64> {
        match self.content {
            Some(Content::Int(0)) => Ok(0.0),
            Some(Content::Int(1)) => Ok(1.0),
            // Neither NaN nor an infinity is within; the absolute value turns -0.0 into 0.0.
            Some(Content::Float(value)) if (0.0..=1.0).contains(value) => Ok(value.abs()),
            _ => Err(self.wrong("a number from 0 to 1")),
        }
    }

    /// Any number but NaN and the infinities.
    pub(crate) fn finite(&self) -> Read<f64> {
        match self.content {
            Some(Content::Int(value)) => Ok(*value as f64),
            Some(Content::Float(value)) if value.is_finite() => Ok(*value),
            _ => Err(self.wrong("a number")),
        }
    }

    /// A list of mappings, say, that has at least one item and at most so many. What makes two of them the same is for `read` to say.
    pub(crate) fn each<T>(&self, most: usize, mut read: impl FnMut(&Value<'r>) -> Read<T>) -> Read<Vec<T>> {
        let Some(Content::List(nodes)) = self.content else { return Err(self.wrong("a list")) };
        match nodes.len() {
            0 => return Err(self.say("must have at least one item")),
            items if items > most => return Err(self.say(format!("must have at most {most} items, not {items}"))),
            _ => {}
        }
        let items = nodes.iter().enumerate().map(|(index, node)| read(&self.child(format!("{}[{index}]", self.path), node.at, node)));
        let items: Vec<Read<T>> = items.collect();
        items.into_iter().collect()
    }

    /// A list without duplicates.
    pub(crate) fn list<T: Ord + Clone>(&self, read: impl Fn(&Value<'r>) -> Read<T>) -> Read<Vec<T>> {
        let Some(Content::List(nodes)) = self.content else { return Err(self.wrong("a list")) };
        let mut seen = BTreeSet::new();
        let items: Vec<Read<T>> = nodes
            .iter()
            .enumerate()
            .map(|(index, node)| {
                let value = self.child(format!("{}[{index}]", self.path), node.at, node);
                let item = read(&value)?;
                if seen.insert(item.clone()) { Ok(item) } else { Err(value.say("is in the list already: remove one")) }
            })
            .collect();
        items.into_iter().collect()
    }

    /// As [`Value::list`], with at least one item.
    pub(crate) fn some<T: Ord + Clone>(&self, read: impl Fn(&Value<'r>) -> Read<T>) -> Read<Vec<T>> {
        match self.content {
            Some(Content::List(items)) if items.is_empty() => Err(self.say("must have at least one item")),
            _ => self.list(read),
        }
    }

    /// Keys of the author's choice, at least one, with their values, in the order of the file.
    pub(crate) fn entries<K, T>(&self, key: impl Fn(&Value<'r>) -> Read<K>, read: impl Fn(&Value<'r>) -> Read<T>) -> Read<Vec<(K, T)>> {
        let Some(Content::Map(nodes)) = self.content else { return Err(self.wrong("a mapping")) };
        if nodes.is_empty() {
            return Err(self.say("must have at least one entry"));
        }
        let entries: Vec<Read<(K, T)>> = nodes
            .iter()
            .map(|(name, node)| {
                let path = format!("{}[{}]", self.path, name.content.segment());
                let name_read = key(&self.child(path.clone(), name.at, name));
                let value_read = read(&self.child(path, name.at, node));
                Ok((name_read?, value_read?))
            })
            .collect();
        entries.into_iter().collect()
    }

    /// A mapping of known fields: `read` takes them, and what it leaves over is unknown.
    pub(crate) fn fields<T>(&self, read: impl FnOnce(&mut Fields<'_, 'r>) -> Read<T>) -> Read<T> {
        let Some(Content::Map(nodes)) = self.content else { return Err(self.wrong("a mapping of fields")) };
        let mut fields = Fields { of: self, left: nodes.iter().collect(), taken: Vec::new() };
        let value = read(&mut fields);
        fields.refuse_the_rest()?;
        value
    }

    fn child(&self, path: String, key_at: Position, node: &'r Node) -> Self {
        Value { report: self.report, path, at: node.at, key_at, content: Some(&node.content) }
    }
}

/// The fields of a mapping: those that nobody has taken yet, and those taken.
pub(crate) struct Fields<'v, 'r> {
    of: &'v Value<'r>,
    left: Vec<&'r (Node, Node)>,
    taken: Vec<Taken>,
}

struct Taken {
    name: &'static str,
    path: String,
    at: Position,
}

impl<'r> Fields<'_, 'r> {
    /// Reads a field that must be there.
    pub(crate) fn required<T>(&mut self, name: &'static str, read: impl FnOnce(&Value<'r>) -> Read<T>) -> Read<T> {
        read(&self.take(name))
    }

    /// Reads a field that may be left out.
    pub(crate) fn optional<T>(&mut self, name: &'static str, default: T, read: impl FnOnce(&Value<'r>) -> Read<T>) -> Read<T> {
        let value = self.take(name);
        if value.content.is_some() { read(&value) } else { Ok(default) }
    }

    /// The mapping as a whole is wrong.
    pub(crate) fn say(&self, message: impl Into<String>) -> Reported {
        self.of.say(message)
    }

    /// A field that was read is wrong beside another one.
    pub(crate) fn wrong(&self, name: &'static str, message: impl Into<String>) -> Reported {
        let (at, path) = match self.taken.iter().find(|taken| taken.name == name) {
            Some(taken) => (taken.at, &taken.path),
            None => (self.of.at, &self.of.path),
        };
        self.of.report.add(at, path, message.into())
    }

    fn take(&mut self, name: &'static str) -> Value<'r> {
        let value = match self.index_of(name) {
            Some((index, exact)) => {
                let (key, node) = self.left.remove(index);
                let path = join(&self.of.path, &key.content.segment());
                if !exact {
                    // Its value is read all the same, as what was meant: more mistakes may hide in it.
                    self.of.report.add(key.at, &path, format!("did you mean {name}?"));
                }
                self.of.child(path, key.at, node)
            }
            // The place to add it is in the mapping, and the mapping's own key is what its author will look for.
            None => {
                let Value { report, key_at, .. } = *self.of;
                Value { report, path: join(&self.of.path, name), at: key_at, key_at, content: None }
            }
        };
        self.taken.push(Taken { name, path: value.path.clone(), at: value.at });
        value
    }

    /// Where the field is, and whether under its exact name. No mapping has two fields with names near each other, which a test on
    /// the format holds; else one could be taken for the other.
    fn index_of(&self, name: &'static str) -> Option<(usize, bool)> {
        let keys = || self.left.iter().map(|(key, _)| key.content.as_text().unwrap_or_default());
        let exact = keys().position(|key| key == name).map(|index| (index, true));
        exact.or_else(|| keys().position(|key| near(key, [name]).is_some()).map(|index| (index, false)))
    }

    fn refuse_the_rest(self) -> Read<()> {
        let known: Vec<&str> = self.taken.iter().map(|taken| taken.name).collect();
        let mut refused = Ok(());
        for (key, _) in self.left {
            refused = Err(match key.content.as_text() {
                Some(_) => {
                    let message = format!("unknown field: remove it (known here: {})", known.join(", "));
                    self.of.report.add(key.at, &join(&self.of.path, &key.content.segment()), message)
                }
                None => self.of.report.add(key.at, &self.of.path, format!("has {} where a field's name must be", key.content.describe())),
            });
        }
        refused
    }
}

impl Content {
    fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A key as part of a path: as it is where that is clear, else in quotes.
    fn segment(&self) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
        match self {
            Self::Text(text) if (1..=80).contains(&text.len()) && text.chars().all(plain) => text.clone(),
            Self::Bool(value) => value.to_string(),
            other => other.describe(),
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
