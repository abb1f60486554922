//! How a record is written, for machines and for people.

use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use super::*;

fn record(message: &str) -> Record {
    let settings =
        SettingsRecord { selector: "a=b".to_owned(), service_label: "app".to_owned(), mode_ceiling: "observe", approvals: "unverified" };
    Record { message: message.to_owned(), mode: Some("abort"), ..Record::of_run(RecordKind::Decision, "run-1", "shop", settings) }
}

fn written(record: &Record, format: TrailFormat) -> String {
    let mut out = Vec::new();
    Sink::new(&mut out, format, Progress::none()).write(record).unwrap();
    String::from_utf8(out).unwrap()
}

#[track_caller]
fn check(message: &str, style: Style, expected: &str) {
    let text = written(&record(message), TrailFormat::Text(style));
    assert_eq!(text, expected);
    if let Some(width) = style.width {
        assert!(text.lines().all(|line| line.width() <= width), "{text}");
    }
}

#[test]
fn on_a_terminal_a_long_message_goes_on_under_its_beginning() {
    let message = "skipped web-1: blast-radius guardrail requires at least two ready pods, app=web ready_count=1";
    let plain =
        "00:00:00Z  abort              skipped web-1: blast-radius guardrail requires at least two ready pods, app=web ready_count=1\n";
    check(message, Style::PLAIN, plain);
    let wide = "\
00:00:00Z  abort              skipped web-1: blast-radius guardrail
                              requires at least two ready pods, app=web
                              ready_count=1
";
    check(message, Style { width: Some(72), colour: false }, wide);
    let narrow = "\
00:00:00Z  abort
  skipped web-1: blast-radius guardrail
  requires at least two ready pods,
  app=web ready_count=1
";
    check(message, Style { width: Some(40), colour: false }, narrow);
    let coloured = "\x1b[2m00:00:00Z\x1b[0m  \x1b[33mabort\x1b[0m              short\n";
    assert_eq!(written(&record("short"), TrailFormat::Text(Style { width: Some(72), colour: true })), coloured);
}

#[test]
fn on_a_terminal_a_command_stays_whole_on_a_line_of_its_own() {
    let approve = "kubectl annotate pod web-1 -n shop --overwrite remediator.kubedojo.io/approve=20260131T120000Z-01234567 \
                   remediator.kubedojo.io/approved-by=YOUR-NAME";
    let reset = "pod-remediator reset-breaker replace-redundant-pod --service web -n shop --reason '…'";
    let told = |message: &str, width| written(&record(message), TrailFormat::Text(Style { width: Some(width), colour: false }));
    let message = format!("replacing web-1 needs an approval: to approve its plan until noon: {approve}; symptom \"hung\", risk low");
    let expected = format!(
        "00:00:00Z  abort              replacing web-1 needs an approval: to\n\
         {0:30}approve its plan until noon:\n{0:30}{approve}\n{0:30}symptom \"hung\", risk low\n",
        ""
    );
    assert_eq!(told(&message, 72), expected);
    let expected = format!("00:00:00Z  abort\n  it stays open until\n  {reset}\n  after two failures\n");
    assert_eq!(told(&format!("it stays open until `{reset}`, after two failures"), 40), expected);
}

/// A device with room for so many more bytes, and none after that.
struct Device {
    taken: Vec<u8>,
    room: usize,
}

impl Write for Device {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let taken = bytes.len().min(self.room);
        if taken == 0 {
            return Err(ErrorKind::StorageFull.into());
        }
        self.room -= taken;
        self.taken.extend(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_record_that_is_not_written_is_an_error_and_spoils_no_later_one() {
    for room in [0, 1, 100] {
        let mut sink = Sink::new(Device { taken: Vec::new(), room }, TrailFormat::Json, Progress::none());
        let error = sink.write(&record("one")).unwrap_err().to_string();
        assert!(error.starts_with("cannot write to standard output, where the audit trail goes: "), "{error}");
        assert!(sink.write(&record("two")).is_err());
        sink.out.room = usize::MAX;
        sink.write(&record("three")).unwrap();
        sink.write(&record("four")).unwrap();
        let text = String::from_utf8(sink.out.taken).unwrap();
        let whole: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let told: Vec<&str> = whole.iter().map(|line| line["message"].as_str().unwrap()).collect();
        assert_eq!(told, ["three", "four"], "{text}");
        assert_eq!(text.lines().count(), if room == 0 { 2 } else { 3 }, "{text}");
    }
}

#[test]
fn hostile_text_forges_no_line_and_reaches_no_terminal() {
    let hostile = "x\n00:00:00Z  verified           all is well\u{1b}[2J\u{202e}\u{200b}\r";
    for style in [Style::PLAIN, Style { width: Some(100), colour: false }] {
        let text = written(&record(hostile), TrailFormat::Text(style));
        assert!(text.lines().skip(1).all(|line| line.starts_with(' ')), "{text}");
        assert!(text.chars().all(|c| c == '\n' || crate::core::words::is_harmless(c)), "{text:?}");
    }
    let line = written(&record(hostile), TrailFormat::Json);
    assert_eq!(line.lines().count(), 1);
    let back: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(back["message"], "x\\n00:00:00Z  verified           all is well\\u{1b}[2J\\u{202e}\\u{200b}\\r");
    let long = written(&record(&"\u{1b}".repeat(100_000)), TrailFormat::Json);
    assert!(long.chars().count() < 2 * crate::terminal::output::LONGEST_TEXT, "{}", long.len());
}

/// What `docs/audit.schema.json` and `docs/audit.md` say of a field, they say of one that there is.
mod documents {
    use std::collections::BTreeSet;

    use super::*;

    const SCHEMA: &str = include_str!("../../../docs/audit.schema.json");
    const GUIDE: &str = include_str!("../../../docs/audit.md");

    fn keys(value: &Value) -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    }

    /// Every field of a schema by its path, those of nested objects included.
    fn fields(schema: &Value, root: &Value, prefix: &str, found: &mut BTreeSet<String>) {
        let target = match schema["$ref"].as_str() {
            Some(reference) => root.pointer(reference.trim_start_matches('#')).unwrap(),
            None => schema,
        };
        for part in target["anyOf"].as_array().into_iter().flatten() {
            fields(part, root, prefix, found);
        }
        if !target["items"].is_null() {
            fields(&target["items"], root, &format!("{prefix}[]"), found);
        }
        if let Some(properties) = target["properties"].as_object() {
            assert_eq!(target["additionalProperties"], false, "{prefix}");
            let required: BTreeSet<String> =
                target["required"].as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()).collect();
            assert_eq!(required, keys(&target["properties"]), "{prefix}: every field is in every line");
            for (name, property) in properties {
                let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                assert!(property["description"].is_string(), "{path} has no description");
                found.insert(path.clone());
                fields(property, root, &path, found);
            }
        }
    }

    fn documented() -> BTreeSet<String> {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let mut found = BTreeSet::new();
        fields(&schema, &schema, "", &mut found);
        found
    }

    /// A record with everything in it.
    fn full() -> Value {
        let guardrail = record::GuardrailRecord { id: "cooldown", result: "pass", observed: String::new(), limit: String::new() };
        let (command, replacement, replacement_uid, requested_by, field_manager) = (String::new(), None, None, None, None);
        let verification = VerificationRecord { result: "verified", detail: String::new(), replacement, replacement_uid, seconds: 1.5 };
        let (plan, approve_with, expires_at) = (String::new(), String::new(), jiff::Timestamp::UNIX_EPOCH);
        let approval = ApprovalRecord { state: "required", plan, expires_at, approve_with, by: None, verified: None };
        let record = Record {
            guardrails: vec![guardrail],
            action: Some(ActionRecord { command, method: "delete", execution_id: None }),
            approval: Some(approval),
            escalation: Some(EscalationRecord { level: "none", runbook_owner: None, service_owner: None, reset_with: None }),
            verification: Some(verification),
            actor: Some(Actor { requested_by, field_manager }),
            ..record("m")
        };
        serde_json::to_value(record).unwrap()
    }

    fn written_fields(value: &Value, prefix: &str, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => object.iter().for_each(|(name, value)| {
                let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                found.insert(path.clone());
                written_fields(value, &path, found);
            }),
            Value::Array(items) => items.iter().for_each(|item| written_fields(item, &format!("{prefix}[]"), found)),
            _ => {}
        }
    }

    #[test]
    fn the_schema_has_exactly_the_fields_that_are_written() {
        let mut written = BTreeSet::new();
        written_fields(&full(), "", &mut written);
        assert_eq!(documented(), written);
    }

    #[test]
    fn the_guide_lists_exactly_the_fields_of_the_schema() {
        let (_, tables) = GUIDE.split_once("## The fields").unwrap();
        let (tables, _) = tables.split_once("\n## ").unwrap();
        let rows = tables.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        let listed: Vec<String> = rows.map(|(name, _)| name.to_owned()).collect();
        assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), documented());
        assert_eq!(listed.len(), documented().len(), "one twice: {listed:?}");
    }

    #[test]
    fn the_schema_knows_every_word_that_is_written() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let words = |pointer: &str| -> BTreeSet<String> {
            let all = schema.pointer(pointer).unwrap_or_else(|| panic!("{pointer}"));
            all.as_array().unwrap().iter().filter_map(|word| Some(word.as_str()?.to_owned())).collect()
        };
        let all = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<String>>();
        use crate::core::decide::{GuardrailId, Mode, Verdict};
        use crate::core::ledger::Outcome;
        let ids = GuardrailId::ALL.map(GuardrailId::as_str);
        assert_eq!(words("/$defs/guardrail/properties/id/enum"), all(&ids));
        let verdicts = [Verdict::Pass, Verdict::Blocked, Verdict::NotApplicable].map(|verdict| verdict.as_str());
        assert_eq!(words("/$defs/guardrail/properties/result/enum"), all(&verdicts));
        let modes = [Mode::Abort, Mode::Manual, Mode::Suggest, Mode::Observe, Mode::ApprovalRequired, Mode::AutoExecute].map(Mode::as_str);
        assert_eq!(words("/properties/decision.mode/enum"), all(&modes));
        let kinds = serde_json::to_value([RecordKind::Decision, RecordKind::Intent, RecordKind::Outcome, RecordKind::Run]).unwrap();
        let kinds: Vec<&str> = kinds.as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(words("/properties/event.action/enum"), all(&kinds));
        let (verified, failed, unknown) = (Outcome::Verified, Outcome::Failed, Outcome::Unknown);
        let outcomes = [verified, failed, unknown, Outcome::Superseded, Outcome::DegradedBefore, Outcome::NotExecuted];
        assert_eq!(words("/$defs/verification/properties/result/enum"), all(&outcomes.map(Outcome::as_str)));
    }

    #[test]
    fn the_guide_has_every_word_of_a_reason() {
        let (_, table) = GUIDE.split_once("`event.reason` is one of these words:").unwrap();
        let (table, _) = table.split_once("\n## ").unwrap();
        let of_runs = RunReason::ALL.map(RunReason::as_str);
        let outcomes = ["verified", "failed", "unknown", "superseded", "degraded_before", "not_executed"];
        let words: BTreeSet<&str> =
            of_runs.into_iter().chain(crate::core::decide::Reason::WORDS).chain(outcomes).filter(|word| *word != "guardrail").collect();
        assert!(words.len() > 20, "{words:?}");
        let missing: Vec<&&str> = words.iter().filter(|word| !table.contains(&format!("`{word}`"))).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn the_lines_in_the_guide_are_valid_and_one_of_each_kind() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let lines: Vec<Value> =
            GUIDE.split("```json\n").skip(1).map(|block| serde_json::from_str(block.split("```").next().unwrap()).unwrap()).collect();
        for line in &lines {
            // Taken from a run of this very program, not of one before it had all of them.
            let ids: Vec<&str> = line["guardrails"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
            assert!(
                ids.is_empty() || ids == crate::core::decide::GuardrailId::ALL.map(|id| id.as_str()),
                "UPDATE=1 tests/on-cluster audit_trail::, {ids:?}"
            );
            let wrong: Vec<String> = validator.iter_errors(line).map(|error| format!("{}: {error}", error.instance_path())).collect();
            assert!(wrong.is_empty(), "{wrong:?}");
        }
        let kind = |line: &Value| (line["event.action"].as_str().unwrap().to_owned(), line["event.outcome"].as_str().map(str::to_owned));
        let expected =
            [("decision", None), ("decision", None), ("intent", None), ("outcome", Some("success")), ("outcome", Some("failure"))];
        let mut expected: Vec<_> = expected.map(|(kind, outcome)| (kind.to_owned(), outcome.map(str::to_owned))).to_vec();
        expected.push(("run".to_owned(), None));
        assert_eq!(lines.iter().map(kind).collect::<Vec<_>>(), expected);
        // The judge can fail.
        let mut unknown = lines[0].clone();
        unknown["more"] = Value::Null;
        assert!(!validator.is_valid(&unknown));
    }
}
