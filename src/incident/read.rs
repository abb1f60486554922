//! Incident files: which there are below a path, and what each holds.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::SimulateError;
use super::format::incident;
use super::model::{Incident, KIND};
use super::refers::{Files, canonical, folder_of, nodes};
use crate::core::runbook::Problem;
use crate::core::runbook::fields::{Report, Value};
use crate::core::runbook::node::Position;

/// Reads every incident of these files, and of the directories below these.
pub(super) fn load(paths: &[PathBuf]) -> Result<Vec<Incident>, SimulateError> {
    let (problems, used) = (RefCell::<Vec<Problem>>::default(), RefCell::<BTreeSet<PathBuf>>::default());
    let (mut incidents, mut others) = (Vec::new(), Vec::new());
    for path in paths {
        let unreadable = |error| SimulateError::Unreadable { path: path.clone(), error };
        let is_folder = std::fs::metadata(path).map_err(unreadable)?.is_dir();
        let files = if is_folder { below(path).map_err(unreadable)? } else { vec![path.clone()] };
        let before = incidents.len() + problems.borrow().len();
        for file in files {
            let text = std::fs::read_to_string(&file).map_err(|error| SimulateError::Unreadable { path: file.clone(), error })?;
            if is_folder && !calls_itself_incident(&text) {
                others.push(file);
            } else {
                incidents.extend(read(&file, &text, &problems, &used));
            }
        }
        if before == incidents.len() + problems.borrow().len() {
            return Err(SimulateError::Empty(path.clone()));
        }
    }
    let (mut problems, used) = (problems.into_inner(), used.into_inner());
    // A misspelt kind would otherwise be a test that nobody misses.
    let unused = others.into_iter().filter(|file| !used.contains(&canonical(file)) && !used.contains(&canonical(&folder_of(file))));
    problems.extend(unused.map(|file| Problem {
        file: file.display().to_string(),
        line: 1,
        column: 1,
        path: String::new(),
        message: format!("is no incident (kind: {KIND}), and no incident here refers to it"),
    }));
    if problems.is_empty() { Ok(incidents) } else { Err(SimulateError::Invalid(problems)) }
}

/// The incidents of a text that would be at `path`.
pub(super) fn of_text(path: &Path, text: &str) -> Result<Vec<Incident>, Vec<Problem>> {
    let (problems, used) = (RefCell::default(), RefCell::default());
    let incidents = read(path, text, &problems, &used);
    let problems = problems.into_inner();
    if problems.is_empty() { Ok(incidents) } else { Err(problems) }
}

fn read(path: &Path, text: &str, problems: &RefCell<Vec<Problem>>, used: &RefCell<BTreeSet<PathBuf>>) -> Vec<Incident> {
    let name = path.display().to_string();
    let report = Report::new(&name);
    let files = Files { path, name: &name, problems, used };
    let nodes = nodes(text, &report);
    if nodes.as_ref().is_some_and(Vec::is_empty) {
        report.add(Position::START, "", format!("has no incident: it needs a document with kind {KIND}"));
    }
    let nodes = nodes.unwrap_or_default();
    let read = |node| Value::root(&report, node).fields(|fields| incident(fields, &files)).ok();
    let incidents = nodes.iter().filter_map(read).collect();
    problems.borrow_mut().extend(report.into_problems());
    incidents
}

/// Its text alone says so: a file with mistakes, too, is an incident.
fn calls_itself_incident(text: &str) -> bool {
    let kind = |line: &str| {
        line.strip_prefix("kind:").map(|kind| kind.split('#').next().unwrap_or_default().trim_matches([' ', '"', '\'']).to_owned())
    };
    text.lines().filter_map(kind).any(|kind| kind == KIND)
}

fn below(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if path.is_dir() && !hidden {
            files.extend(below(&path)?);
        } else if !hidden && path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
