//! The library of incidents, the format's mistakes, and that what is recorded plays as it was decided.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::model::Incident;
use super::{Simulation, read, simulate, simulate_text};
use crate::core::decide::Decider;
use crate::core::decide::{GuardrailId, Mode, Reason};
use crate::incident::record::record;
use crate::terminal::table::Layout;

fn library() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/incidents")
}

/// An incident with web-1 asking, beside the library's files, so that it can use them.
fn incident(rest: &str) -> String {
    format!(
        "apiVersion: remediations.kubedojo.io/v1\nkind: Incident\nmetadata: {{name: test}}\nstart: 2026-11-24T03:00:00Z\n\
         settings: {{namespace: aiops-remediation-lab}}\nrunbooks: ../runbook.yaml\nobjects: base/web.yaml\n{rest}"
    )
}

fn play(rest: &str) -> Simulation {
    simulate_text(&library().join("test.yaml"), &incident(rest)).unwrap()
}

/// The first mistake in it, after the file's name.
#[track_caller]
fn wrong(rest: &str, expected: &str) {
    let error = simulate_text(&library().join("test.yaml"), &incident(rest)).unwrap_err().to_string();
    let shown = error.replace(&format!("{}/", library().display()), "");
    assert_eq!(shown.lines().next().unwrap(), expected, "{rest}");
}

/// What is reported of an incident that is not decided as it expects, after the heading.
#[track_caller]
fn differs(rest: &str, expected: &[&str]) {
    let played = play(rest);
    assert!(!played.passed(), "{}", played.table(Layout::PLAIN));
    let differences: Vec<&str> = played.decisions.iter().flat_map(|row| &row.differences).map(String::as_str).collect();
    assert_eq!(differences, expected, "{rest}");
}

#[test]
fn the_library_is_decided_as_it_says_and_nothing_is_missing_from_it() {
    let played = simulate(&[library()]).unwrap();
    assert!(played.passed(), "{}", played.table(Layout::PLAIN));
    crate::terminal::output::tests::only_snake_case(&serde_json::to_value(&played).unwrap());
    let got = || played.decisions.iter().filter_map(|row| row.got.as_ref());
    let blocked: BTreeSet<&str> = got().flat_map(|got| got.blocked_by.iter().copied()).collect();
    assert_eq!(blocked, GuardrailId::ALL.iter().map(|id| id.as_str()).collect(), "guardrails that block");
    let modes: BTreeSet<&str> = got().map(|got| got.mode).collect();
    assert_eq!(modes, Mode::ALL.iter().map(|mode| mode.as_str()).collect(), "modes");
    // A runbook of high risk with a mode above approval_required is refused when it is loaded, so its own mode is always the reason.
    let mut reasons: BTreeSet<&str> = got().map(|got| got.reason).collect();
    reasons.insert("high_risk");
    assert_eq!(reasons, Reason::WORDS.into_iter().collect(), "reasons");
}

#[test]
fn each_guardrail_blocks_somewhere_with_nothing_else_that_hides_it() {
    let played = simulate(&[library()]).unwrap();
    // Of these, a pod that one blocks is never without another: no service, an action under way.
    let mut companions: BTreeSet<&str> = ["service_label", "concurrent_actions", "affected_services"].into();
    companions.extend(played.decisions.iter().filter_map(|row| match row.got.as_ref()?.blocked_by[..] {
        [only] => Some(only),
        _ => None,
    }));
    assert_eq!(companions, GuardrailId::ALL.iter().map(|id| id.as_str()).collect());
}

#[test]
fn what_is_not_as_expected_is_told_as_a_difference() {
    let message = "  replacing web-1: every guardrail of replace-redundant-pod passed";
    differs("expect: {web-1: suggest}\n", &["- mode: suggest", "+ mode: auto_execute", message]);
    differs(
        "expect: {web-1: {mode: auto_execute, reason: approved, messageContains: cooldown}}\n",
        &[
            "- reason: approved",
            "+ reason: decision_mode",
            "- messageContains: cooldown",
            "+ messageContains: replacing web-1: every guardrail of replace-redundant-pod passed",
        ],
    );
    differs("expect: {}\n", &["- nothing: the pod is not listed", "+ auto_execute", message]);
    differs(
        "expect: {web-1: auto_execute, web-2: {mode: abort, blockedBy: [cooldown]}}\n",
        &["- abort: cooldown", "+ it does not ask to be replaced at this moment"],
    );
    differs(
        "moments: [{at: +1m, resetBreaker: {runbook: r, reason: none}, approve: {web-1: dana}, expect: {web-1: auto_execute}}]\n",
        &[
            "- resetBreaker: reset nothing: no circuit breaker of runbook \"r\" is open: every circuit breaker is closed",
            "- approve: no plan was put to a human for this pod",
        ],
    );
}

#[test]
fn a_list_of_guardrails_is_all_that_block() {
    let paused = "patch: {Deployment/web: {spec: {paused: true}, metadata: {labels: null}}}\n";
    assert!(play(&format!("{paused}expect: {{web-1: {{mode: abort, blockedBy: [rollout_settled, workload_opted_in]}}}}\n")).passed());
    let less = format!("{paused}expect: {{web-1: {{mode: abort, blockedBy: [rollout_settled]}}}}\n");
    let played = play(&less);
    assert_eq!(played.decisions[0].differences[..2], ["- blockedBy: rollout_settled", "+ blockedBy: workload_opted_in, rollout_settled"]);
    assert_eq!(played.summary(), "one incident, one decision: one not as expected");
}

#[test]
fn a_pod_asks_without_managed_fields() {
    assert!(play("asks: {web-1: -2m}\nexpect: {web-1: {mode: auto_execute}}\n").passed());
    let expired =
        "asks: {web-1: -61m}\nexpect: {web-1: {mode: abort, reason: request_expired, messageContains: \"2026-11-24T01:59:00Z\"}}\n";
    assert!(play(expired).passed(), "{}", play(expired).table(Layout::PLAIN));
    // A second pod, and from a moment on.
    let moments = "decide: [web-2], asks: {web-2: -1m}, expect: {web-2: {mode: manual}}";
    let played = play(&format!("moments: [{{at: +5m, {moments}}}]\n"));
    assert_eq!((played.decisions.len(), played.decisions[0].pod.as_str()), (1, "web-2"));
    assert!(played.decisions[0].got.is_some(), "{}", played.table(Layout::PLAIN));
    let asks = "must be how long ago it asked, as -2m, or +0s for this very moment";
    wrong("asks: {web-1: +2m}\nexpect: {}\n", &format!("test.yaml:8:15: asks[web-1]: {asks}: +2m is in the future"));
    wrong("asks: {web-1: 2m}\nexpect: {}\n", &format!("test.yaml:8:15: asks[web-1]: {asks}: \"2m\" has no sign"));
    wrong(
        "asks: {web-9: -2m}\nexpect: {}\n",
        "test.yaml:8:15: asks[web-9]: Pod/web-9 is not among the objects at this moment (there are web-1, web-2, web-3)",
    );
}

#[test]
fn mistakes_are_told_with_their_place() {
    let known = "known here: apiVersion, kind, metadata, description, start, settings, runbooks, remove, objects, patch, unreadable, \
                 probes, asks, ledger, expect, moments";
    wrong("expect: {}\nexpectations: {}\n", &format!("test.yaml:9:1: expectations: unknown field: remove it ({known})"));
    wrong("expct: {web-1: abort}\n", "test.yaml:8:1: expct: did you mean expect?");
    wrong("", "test.yaml:1:1: moments: is missing: say what to expect, at start (expect) or at several moments (moments)");
    wrong("expect: {}\nmoments: [{at: +1m}]\n", "test.yaml:8:9: expect: is for a single moment: with moments, each has its own");
    wrong(
        "expect: {web-1: {mode: abort, blockedBy: [cooldwn]}}\n",
        &format!(
            "test.yaml:8:43: expect[web-1].blockedBy[0]: must be one of {}, not \"cooldwn\": did you mean cooldown?",
            GuardrailId::ALL.map(GuardrailId::as_str).join(", ")
        ),
    );
    wrong(
        "expect: {web-1: {mode: abort, outcome: failed}}\n",
        "test.yaml:8:40: expect[web-1].outcome: is how an action ended: it needs mode auto_execute",
    );
    wrong(
        "moments: [{at: +2m}, {at: +1m}]\n",
        "test.yaml:8:27: moments[1].at: must be a time after the one before it, as +10m from the start or in RFC 3339: \
         2026-11-24T03:01:00Z is before 2026-11-24T03:02:00Z",
    );
    wrong(
        "patch: {Pod/web-9: {status: {}}}\nexpect: {}\n",
        "test.yaml:8:20: patch[Pod/web-9]: Pod/web-9 is not among the objects at this moment (there are web-1, web-2, web-3)",
    );
    wrong(
        "patch: {Pod/web-1: {status: {phase: 7}}}\nexpect: {}\n",
        "test.yaml:8:20: patch[Pod/web-1]: Pod/web-1 cannot be read as a run would: invalid type: integer `7`, expected a string",
    );
    wrong(
        "ledger: {schemaVersion: 9, ledger: {}}\nexpect: {}\n",
        "test.yaml:8:9: ledger: cannot be trusted: it has schema version 9, and this program knows versions up to 2; use a newer pod-remediator",
    );
    let pdo = incident("expect: {}\n").replace("base/web.yaml", "{apiVersion: v1, kind: Pdo, metadata: {name: x}}");
    let error = simulate_text(Path::new("x.yaml"), &pdo).unwrap_err().to_string();
    assert!(error.contains("x.yaml:7:10: objects: kind \"Pdo\": did you mean Pod?"), "{error}");
}

#[test]
fn mistakes_in_another_file_are_told_with_its_name() {
    let folder = Folder::new("mistakes");
    std::fs::write(folder.0.join("pods.yaml"), "apiVersion: v1\nkind: List\nitems:\n  - {apiVersion: v1, kind: Pod}\n").unwrap();
    std::fs::write(folder.0.join("stray.yaml"), "kind: Incidnt\n").unwrap();
    let text = incident("expect: {}\n").replace("base/web.yaml", "pods.yaml").replace("../runbook.yaml", "none.yaml");
    std::fs::write(folder.0.join("a.yaml"), text).unwrap();
    let error = simulate(std::slice::from_ref(&folder.0)).unwrap_err().to_string();
    let shown = error.replace(&format!("{}/", folder.0.display()), "");
    let expected = [
        "pods.yaml:4:5: items[0]: is no object of a cluster: it needs apiVersion, kind and metadata.name",
        "a.yaml:6:11: runbooks: none.yaml cannot be read: No such file or directory (os error 2)",
        "a.yaml:7:10: objects: pods.yaml has mistakes of its own",
        "stray.yaml:1:1: is no incident (kind: Incident), and no incident here refers to it",
    ];
    assert_eq!(shown.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn objects_are_nested_deeper_than_runbooks_and_still_bounded() {
    // On the small stack of a test's thread, in a debug build.
    let nested = |levels: usize| {
        let pod =
            format!("{{apiVersion: v1, kind: Pod, metadata: {{name: x}}, spec: {{of: {}{}}}}}", "[".repeat(levels), "]".repeat(levels));
        simulate_text(
            Path::new("x.yaml"),
            &incident("expect: {}\n").replace("base/web.yaml", &pod).replace("../", &format!("{}/../", library().display())),
        )
    };
    assert!(nested(19).unwrap().passed());
    let error = nested(40).unwrap_err().to_string();
    assert!(error.ends_with("is too much for recorded objects: at most 4000000 values, aliases expanded, and 32 levels"), "{error}");
}

#[test]
fn every_incident_of_the_library_recorded_again_has_the_same_facts_and_decisions() {
    let folder = Folder::new("again");
    let incidents = read::load(&[library()]).unwrap();
    let mut count = 0;
    for Incident { name, file, runbooks, ledger, moments, .. } in &incidents {
        let text = std::fs::read_to_string(file).unwrap();
        // A record has the runbooks of one path, as a run does.
        let Some(from) = text.lines().find_map(|line| line.strip_prefix("runbooks: ")).filter(|from| !from.starts_with('[')) else {
            continue;
        };
        let from = library().join(if moments.len() > 1 || !file.contains("from-observe") { from } else { continue });
        let files = crate::outside::load::read(&[from]).files;
        for moment in moments {
            let snapshot = moment.objects.snapshot(moment.bounds.clone(), runbooks);
            let path = record(&folder.0, &files, &Decider::new(runbooks, &snapshot, ledger, moment.at), None)
                .unwrap_or_else(|error| panic!("{name}, {}: {error}", moment.label));
            assert_eq!(path.is_none(), snapshot.requests.is_empty(), "{name}, {}", moment.label);
            let Some(path) = path else { continue };
            let again = read::load(std::slice::from_ref(&path)).unwrap().remove(0);
            assert_eq!(again.runbooks, *runbooks, "{name}");
            assert_eq!(again.moments[0].objects.snapshot(moment.bounds.clone(), runbooks), snapshot, "{name}, {}", moment.label);
            count += 1;
        }
    }
    assert!(count > 40, "{count}");
}

#[test]
fn one_pod_alone_is_recorded_beside_others_that_ask() {
    let folder = Folder::new("alone");
    let text = incident("expect: {}\n").replace("base/web.yaml", "[base/web.yaml, base/other-services.yaml]");
    let Incident { runbooks, ledger, moments, .. } = read::of_text(&library().join("test.yaml"), &text).unwrap().remove(0);
    let snapshot = moments[0].objects.snapshot(moments[0].bounds.clone(), &runbooks);
    let files = crate::outside::load::read(&[library().join("../runbook.yaml")]).files;
    let path = record(&folder.0, &files, &Decider::new(&runbooks, &snapshot, &ledger, moments[0].at), Some("pay-a")).unwrap().unwrap();
    let played = simulate(&[path]).unwrap();
    assert!(played.passed(), "{}", played.table(Layout::PLAIN));
    assert_eq!(played.decisions.iter().map(|row| row.pod.as_str()).collect::<Vec<_>>(), ["pay-a"]);
}

#[test]
fn the_documentation_has_every_word_and_its_example_plays() {
    let docs = include_str!("../../docs/simulate.md");
    let example = docs.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert!(simulate_text(&library().join("example.yaml"), example).unwrap().passed());
    let known = "start settings runbooks objects patch remove unreadable ownerReferences probes status bodyContains samples ledger expect moments at note deadline approve resetBreaker decide \
                 mode blockedBy reason message messageContains outcome detail after selector serviceLabel modeCeiling approvals namespace";
    let words = known.split_whitespace().chain(Reason::WORDS).chain(Mode::ALL.map(Mode::as_str));
    for word in words {
        let quoted = [format!("`{word}`"), format!("`{word}:"), format!("`{word}: ")];
        assert!(quoted.iter().any(|quoted| docs.contains(quoted)) || docs.contains(&format!(", {word}")), "{word}");
    }
}

/// A directory of one test's own.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pod-remediator-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
