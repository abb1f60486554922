//! `validate`: what is wrong with runbook files, all of it and where; and what is in those that are valid.

mod excerpt;

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::core::decide::known_symptoms;
use crate::core::near::near;
use crate::core::runbook::{Problem, Runbook};
use crate::core::words::{inert, quoted};
use crate::outside::load::{Loaded, read};
use crate::terminal::style::Style;

pub(crate) use excerpt::shown;

/// The longest text about one runbook, in characters.
const LONGEST: usize = 1000;

/// What was found in some files.
#[derive(Debug)]
pub(crate) struct Validation(Loaded);

/// Reads files, or directories of them, to the end, for runs that end after `deadline`: a runbook that no such run has time for is a
/// mistake, for `run` would refuse it.
pub(crate) fn validate(paths: &[PathBuf], deadline: Duration) -> Validation {
    Validation(read(paths).within(deadline))
}

impl Validation {
    /// There is no mistake.
    pub(crate) fn is_valid(&self) -> bool {
        self.0.problems.is_empty()
    }

    /// For people: a line for each valid runbook, then each mistake, with its source where the style shows it, then how many.
    pub(crate) fn text(&self, style: Style) -> String {
        let Loaded { files, unreadable, runbooks, problems } = &self.0;
        let mut text = String::new();
        for (file, runbook) in runbooks {
            text.push_str(&excerpt::said(&inert(&one_line(file, runbook), LONGEST), style));
            text.push('\n');
        }
        for warning in self.warnings() {
            let said = inert(&format!("warning: {}", warning.problem), LONGEST);
            text.push_str(&excerpt::with_source(&said, &warning.problem, files, style));
            text.push('\n');
        }
        for problem in problems {
            text.push_str(&shown(problem, files, style));
            text.push('\n');
        }
        let counted = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
        let mistakes = if problems.is_empty() { "no mistakes".to_owned() } else { counted(problems.len(), "mistake") };
        let warnings = match self.warnings().len() {
            0 => String::new(),
            some => format!(", {}", counted(some, "warning")),
        };
        text + &format!("{}, {} valid, {mistakes}{warnings}", counted(files.len() + unreadable, "file"), counted(runbooks.len(), "runbook"))
    }

    /// What is valid, and was probably meant otherwise: a symptom that is near one of those that are confirmed live.
    fn warnings(&self) -> Vec<Warning<'_>> {
        let mut warnings = Vec::new();
        let Loaded { files, runbooks, .. } = &self.0;
        for (file, runbook) in runbooks {
            let text = files.iter().find(|(known, _)| known == file).map_or("", |(_, text)| text);
            for (index, symptom) in runbook.triggers.symptoms.iter().enumerate() {
                let known = known_symptoms().any(|known| known == symptom.as_str());
                if let Some(meant) = near(symptom, known_symptoms()).filter(|_| !known) {
                    let message = format!("{} is no known symptom, and is not confirmed live: did you mean {meant}?", quoted(symptom));
                    let path = format!("spec.triggers.symptoms[{index}]");
                    warnings
                        .push(Warning { runbook: &runbook.name, problem: Problem::of_field((file, text), &runbook.name, &path, message) });
                }
            }
        }
        warnings
    }

    /// For programs: `files`, `runbooks`, `problems` and `warnings`.
    pub(crate) fn report(&self) -> impl Serialize {
        let Loaded { files, unreadable, runbooks, problems } = &self.0;
        let runbooks = runbooks.iter().map(|(file, runbook)| ValidationEntry {
            file,
            name: &runbook.name,
            digest: &runbook.digest,
            owner: &runbook.owner,
            risk: runbook.risk.as_str(),
            decision_mode: runbook.decision_mode.as_str(),
            allowed_namespaces: &runbook.scope.allowed_namespaces,
        });
        ValidationReport { files: files.len() + unreadable, runbooks: runbooks.collect(), problems, warnings: self.warnings() }
    }
}

#[derive(Serialize)]
struct ValidationReport<'a> {
    files: usize,
    runbooks: Vec<ValidationEntry<'a>>,
    problems: &'a [Problem],
    warnings: Vec<Warning<'a>>,
}

/// Something valid that was probably meant otherwise.
#[derive(Serialize)]
struct Warning<'a> {
    runbook: &'a str,
    #[serde(flatten)]
    problem: Problem,
}

/// A valid runbook.
#[derive(Serialize)]
struct ValidationEntry<'a> {
    file: &'a str,
    name: &'a str,
    digest: &'a str,
    owner: &'a str,
    risk: &'a str,
    decision_mode: &'a str,
    allowed_namespaces: &'a [String],
}

fn one_line(file: &str, runbook: &Runbook) -> String {
    let Runbook { name, risk, decision_mode, scope, .. } = runbook;
    let (noun, namespaces) = match &scope.allowed_namespaces[..] {
        [only] => ("namespace", only.clone()),
        several => ("namespaces", several.join(", ")),
    };
    format!("ok  {file}: {name} ({decision_mode}, risk {risk}, {noun} {namespaces})")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};

    use super::*;

    const GOOD: &str = include_str!("../../config/runbook.yaml");

    /// A directory with these files, removed in the end; what is found in the paths named, without the directory's name.
    #[track_caller]
    fn check(name: &str, files: &[(&str, &[u8])], paths: &[&str], expected: &str) {
        let folder = std::env::temp_dir().join(format!("pod-remediator-validate-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for (file, content) in files {
            std::fs::write(folder.join(file), content).unwrap();
        }
        let of =
            |path: &Path| validate(&paths.iter().map(|file| path.join(file)).collect::<Vec<_>>(), crate::core::snapshot::DEFAULT_DEADLINE);
        let validation = of(&folder);
        let json: serde_json::Value = serde_json::to_value(validation.report()).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        crate::terminal::output::tests::only_snake_case(&json);
        let text = validation.text(Style::PLAIN).replace(&format!("{}/", folder.display()), "");
        assert_eq!(text, expected);
        let mistakes = json["problems"].as_array().unwrap().len();
        assert_eq!((mistakes == 0, expected.ends_with("no mistakes")), (validation.is_valid(), validation.is_valid()));
        assert_eq!(json["runbooks"].as_array().unwrap().len(), expected.matches("ok  ").count(), "{json}");
    }

    #[test]
    fn what_is_valid_is_told_in_a_line() {
        let bytes = GOOD.as_bytes();
        let ok = "ok  a.yaml: replace-redundant-pod (auto_execute, risk low, namespace aiops-remediation-lab)\n";
        check("valid", &[("a.yaml", bytes)], &["a.yaml", "a.yaml"], &format!("{ok}1 file, 1 runbook valid, no mistakes"));
        let two = GOOD.replace("replace-redundant-pod", "b").replace("[\"aiops-remediation-lab\"]", "[x, y]");
        let both = format!("{ok}ok  b.yml: b (auto_execute, risk low, namespaces x, y)\n2 files, 2 runbooks valid, no mistakes");
        check("folder", &[("a.yaml", bytes), ("b.yml", two.as_bytes()), ("c.txt", b"not one")], &[""], &both);
    }

    #[test]
    fn a_symptom_that_is_nearly_a_known_one_is_warned_about_and_valid() {
        let check = |written: &str, meant: Option<&str>| {
            let text = GOOD.replace("symptoms: [\"CrashLoopBackOff\", ", &format!("symptoms: [{written}, "));
            assert_ne!(text, GOOD);
            let (runbooks, problems) = crate::core::runbook::parse_each([("a.yaml", text.as_str())]);
            let files = vec![("a.yaml".to_owned(), text)];
            let validation = Validation(Loaded { files, unreadable: 0, runbooks, problems });
            assert!(validation.is_valid(), "{}", validation.text(Style::PLAIN));
            let json = serde_json::to_value(validation.report()).unwrap();
            let found = json["warnings"][0]["message"].as_str().map(|said| said.rsplit_once("mean ").unwrap().1.trim_end_matches('?'));
            assert_eq!(found, meant, "{written}: {json}");
            let told = validation.text(Style::PLAIN);
            let place = if meant.is_some() { [json!(24), json!(16)] } else { [Value::Null, Value::Null] };
            assert_eq!(told.contains("warning: a.yaml:24:16: spec.triggers.symptoms[0]: "), meant.is_some(), "{told}");
            assert_eq!(told.ends_with("no mistakes, 1 warning"), meant.is_some(), "{told}");
            assert_eq!((&json["warnings"][0]["line"], &json["warnings"][0]["column"]), (&place[0], &place[1]), "{json}");
            let shown = validation.text(Style { width: Some(80), colour: false });
            let source = "\n   24 |     symptoms: [";
            assert_eq!(shown.contains(source) && shown.contains("\n      |                ^\n"), meant.is_some(), "{shown}");
        };
        check("OOMKiled", Some("OOMKilled"));
        check("crashloopbackoff", Some("CrashLoopBackOff"));
        check("ReadinessProbeFailed", Some("readiness_probe_failed"));
        check("ImagePullBackof", Some("ImagePullBackOff"));
        check("manual_restart_recomended", Some("manual_restart_recommended"));
        check("CrashLoopBackOff", None);
        check("OOMKilled", None);
        check("latency_high", None);
    }

    #[test]
    fn what_no_run_has_time_for_and_no_timeout_can_prove_is_a_mistake() {
        let of = |timeout: &str| GOOD.replace("timeoutSeconds: 120", &format!("timeoutSeconds: {timeout}"));
        let (long, short) = (of("1200"), of("10").replace("{name: ", "{name: b-"));
        let expected = "\
a.yaml:58:21: spec.verification.timeoutSeconds: runbook replace-redundant-pod could never act: it is 1200 s, and 15 s are for reading and \
sending, but a run ends after 9m; lower it, or raise --deadline (RUN_DEADLINE)
b.yaml:58:21: spec.verification.timeoutSeconds: must be more than 10 where stableSeconds is not stated, or no replacement could ever be \
verified: it is 10; raise it, or state stableSeconds
2 files, 0 runbooks valid, 2 mistakes";
        check("never", &[("a.yaml", long.as_bytes()), ("b.yaml", short.as_bytes())], &[""], expected);
    }

    #[test]
    fn one_files_mistakes_hide_no_others() {
        let bad = GOOD.replace("  owner:", "  ownr:").replace("risk: \"low\"", "risk: \"lw\"").replace("{name: ", "{name: b-");
        let files: [(&str, &[u8]); 5] = [
            ("a.yaml", GOOD.as_bytes()),
            ("b.yaml", bad.as_bytes()),
            ("c.yaml", b"a: [1"),
            ("d.yaml", b"x\n\xff"),
            ("e.yaml", GOOD.as_bytes()),
        ];
        let expected = "\
ok  a.yaml: replace-redundant-pod (auto_execute, risk low, namespace aiops-remediation-lab)
missing.yaml: cannot be read: No such file or directory (os error 2); name a file, or a directory of .yaml files (run: --runbooks or RUNBOOKS)
d.yaml: is not valid UTF-8, in line 2
b.yaml:13:3: spec.ownr: did you mean owner?
b.yaml:16:9: spec.risk: must be one of low, medium, high, not \"lw\": did you mean low?
";
        let rest = "\
c.yaml:1:4: is not valid YAML: unclosed bracket '['
e.yaml:9:18: metadata.name: is the name of the runbook at a.yaml:9:18 as well: each needs its own
6 files, 1 runbook valid, 6 mistakes";
        check("several", &files, &["missing.yaml", "a.yaml", "b.yaml", "c.yaml", "d.yaml", "e.yaml"], &format!("{expected}{rest}"));
    }
}
