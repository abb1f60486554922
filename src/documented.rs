//! Files of the repository that tests hold to what the program says.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Several tests may hold parts of one file.
static WRITING: Mutex<()> = Mutex::new(());

fn hold(path: &Path, expected: impl FnOnce(&str) -> String) {
    let _alone = WRITING.lock();
    let found = std::fs::read_to_string(path).unwrap_or_default();
    let expected = expected(&found);
    if found != expected && std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(path, expected).unwrap();
        return;
    }
    let same = found.lines().zip(expected.lines()).take_while(|(found, expected)| found == expected).count();
    let (line, now) = (same + 1, expected.lines().nth(same).unwrap_or_default());
    assert!(found == expected, "{}:{line} is out of date: run the tests with UPDATE=1 and review what changed. Now: {now}", path.display());
}

/// The file holds just this. With `UPDATE=1` in the environment it is written.
#[track_caller]
pub(crate) fn file(path: &str, expected: &str) {
    hold(&root().join(path), |_| expected.to_owned());
}

/// As [`file`], for the part of it between `<!-- NAME -->` and `<!-- end of NAME -->`.
#[track_caller]
pub(crate) fn part(path: &str, name: &str, expected: &str) {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->\n"));
    hold(&root().join(path), |text| {
        let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{path} has no {begin}"));
        let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{path} has no {end}"));
        format!("{before}{begin}\n{expected}\n{end}{after}")
    });
}

/// The source of a unit test by the name that cargo prints, `runbook::window::tests::by_the_clock_on_the_wall`.
#[track_caller]
pub(crate) fn source_of_unit_test(name: &str) -> String {
    let (module, function) = name.rsplit_once("::").unwrap_or_else(|| panic!("{name} is no module::test"));
    let file = |module: &str| std::fs::read_to_string(root().join("src").join(module.replace("::", "/")).with_extension("rs"));
    // In a file of its own, or in `mod tests` of another one.
    let text = file(module).map(|text| (text, "")).or_else(|_| file(module.trim_end_matches("::tests")).map(|text| (text, "    ")));
    let (text, margin) = text.unwrap_or_else(|error| panic!("{name}: {error}"));
    body_of(&text, margin, function).unwrap_or_else(|| panic!("there is no test {name}")).to_owned()
}

/// What a test does, in a text where it stands behind this margin.
fn body_of<'a>(text: &'a str, margin: &str, function: &str) -> Option<&'a str> {
    let (_, body) = text.split_once(&format!("{margin}#[test]\n{margin}fn {function}() {{\n"))?;
    body.split(&format!("\n{margin}}}\n")).next()
}

/// The source of a test by its name, `limits::one_action_at_a_time`, below a directory of tests.
#[track_caller]
pub(crate) fn source_of_test(folder: &str, name: &str) -> String {
    let (module, function) = name.split_once("::").unwrap_or_else(|| panic!("{name} is no module::test"));
    let path: PathBuf = root().join(folder).join(format!("{module}.rs"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let body = body_of(&text, "", function).unwrap_or_else(|| panic!("{} has no test {function}", path.display()));
    // A file about one guardrail names it once.
    let id = text.lines().find(|line| line.starts_with("const ID: ")).unwrap_or_default();
    format!("{id}\n{body}")
}
