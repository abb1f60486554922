use jiff::Timestamp;

use super::*;
use crate::terminal::audit::{ApprovalRecord, EscalationRecord, SettingsRecord, VerificationRecord};

/// A refusal, for tests.
pub(in crate::outside::notify) fn record() -> Record {
    let settings = SettingsRecord {
        selector: "ask".to_owned(),
        service_label: "app".to_owned(),
        mode_ceiling: "auto_execute",
        approvals: "unverified",
    };
    let text = |text: &str| Some(text.to_owned());
    Record {
        timestamp: Timestamp::UNIX_EPOCH,
        message: "skipped web-1: blocked by blast_radius: at least 2 Ready pods are required".to_owned(),
        hint: text("scale deployment/web up"),
        kind: RecordKind::Decision,
        outcome: None,
        reason: text("blast_radius"),
        run_id: "run-1".to_owned(),
        dry_run: false,
        namespace: "shop".to_owned(),
        pod: text("web-1"),
        pod_uid: text("uid-1"),
        deployment: text("web"),
        stateful_set: None,
        replica_set: None,
        daemon_set: None,
        service: text("web"),
        incident: text("INC-7"),
        symptom: None,
        cause: None,
        confidence: None,
        runbook: text("book"),
        runbook_digest: None,
        mode: Some("abort"),
        guardrails: Vec::new(),
        action: None,
        approval: None,
        escalation: Some(EscalationRecord {
            level: "page_service_owner",
            runbook_owner: text("platform"),
            service_owner: text("shop-team"),
            reset_with: None,
        }),
        verification: None,
        actor: None,
        settings,
    }
}

#[track_caller]
fn check(change: impl FnOnce(&mut Record), expected: &[&str]) {
    let mut record = record();
    change(&mut record);
    assert_eq!(slack(&record).lines().collect::<Vec<_>>(), expected);
}

const REFUSED: [&str; 6] = [
    "*Page the service owner*: `web-1` asks to be replaced, and was not",
    "```skipped web-1: blocked by blast_radius: at least 2 Ready pods are required```",
    "Hint: `scale deployment/web up`",
    "Service `web`, pod `web-1`, namespace `shop`",
    "Runbook `book`, its owner `platform`, the workload's owner `shop-team`",
    "Incident `INC-7`, run `run-1`",
];

#[test]
fn a_refusal() {
    check(|_| {}, &REFUSED);
    let bare = |record: &mut Record| {
        (record.service, record.incident, record.runbook, record.escalation) = (None, Some(" ".to_owned()), None, None);
    };
    let title = "*For your information*: `web-1` asks to be replaced, and was not";
    check(bare, &[title, REFUSED[1], REFUSED[2], "pod `web-1`, namespace `shop`", "run `run-1`"]);
}

#[test]
fn an_approval_comes_with_its_command_to_copy() {
    let command = "kubectl annotate pod web-1 -n shop --overwrite remediator.kubedojo.io/approve=19700101T000000Z-ab \
                   remediator.kubedojo.io/approved-by=YOUR-NAME";
    let ask = |state: &'static str| {
        move |record: &mut Record| {
            record.mode = Some("approval_required");
            let (plan, expires_at) = ("p".to_owned(), Timestamp::UNIX_EPOCH);
            record.approval = Some(ApprovalRecord { state, plan, expires_at, approve_with: command.to_owned(), by: None, verified: None });
        }
    };
    let block = format!("```{command}```");
    let title = "*Page the service owner*: replacing `web-1` needs an approval";
    let [_, said, hint, about, owners, run] = REFUSED;
    let asked = [title, said, hint, about, owners, "To approve it until 1970-01-01T00:00:00Z:", &block, run];
    check(ask("required"), &asked);
    check(ask("void"), &asked);
    check(ask("approved"), &[title, said, hint, about, owners, run]);
}

#[test]
fn levels_and_results_in_words() {
    let title = |level: &'static str, mode, result: Option<&'static str>| {
        let mut record = record();
        record.mode = Some(mode);
        if let Some(escalation) = &mut record.escalation {
            escalation.level = level;
        }
        record.verification = result.map(|result| VerificationRecord {
            result,
            detail: String::new(),
            replacement: None,
            replacement_uid: None,
            seconds: 1.0,
        });
        slack(&record).lines().next().map(str::to_owned).unwrap_or_default()
    };
    let (page, incident, disable) = ("page_service_owner", "open_incident", "open_incident_and_disable_runbook");
    for (level, mode, result, expected) in [
        (page, "manual", None, "*Page the service owner*: `web-1` is left to a human"),
        (page, "suggest", None, "*Page the service owner*: replacing `web-1` is suggested"),
        (incident, "abort", None, "*Open an incident*: `web-1` asks to be replaced, and was not"),
        (incident, "auto_execute", Some("failed"), "*Open an incident*: replacing `web-1` failed"),
        (page, "auto_execute", Some("unknown"), "*Page the service owner*: whether `web-1` was replaced cannot be proved"),
        (
            page,
            "auto_execute",
            Some("degraded_before"),
            "*Page the service owner*: `web-1` was replaced in a workload that was degraded before",
        ),
        (disable, "auto_execute", Some("failed"), "*Open an incident: the runbook is disabled*: replacing `web-1` failed"),
    ] {
        assert_eq!(title(level, mode, result), expected);
    }
}

#[test]
fn an_open_breaker_comes_with_the_command_that_closes_it() {
    let open = |record: &mut Record| {
        if let Some(escalation) = &mut record.escalation {
            escalation.reset_with = Some("pod-remediator reset-breaker book -n shop --reason '…'".to_owned());
        }
    };
    let (said, command) =
        ("Its circuit breaker is open. After you fix the cause:", "```pod-remediator reset-breaker book -n shop --reason '…'```");
    let [title, message, _, about, owners, run] = REFUSED;
    check(open, &[title, message, about, owners, said, command, run]);
}

#[test]
fn many_at_once_have_no_pod() {
    let summary = |record: &mut Record| {
        record.kind = RecordKind::Run;
        "12 pods need a human".clone_into(&mut record.message);
        (record.pod, record.service, record.incident) = (None, None, None);
    };
    let title = "*Page the service owner*";
    check(summary, &[title, "```12 pods need a human```", REFUSED[2], "namespace `shop`", REFUSED[4], "run `run-1`"]);
}

#[test]
fn nothing_from_an_annotation_is_a_mention_a_link_a_format_or_a_second_line() {
    for (foreign, expected) in [
        ("@here", "\u{ff20}here"),
        ("ann@example.com", "ann\u{ff20}example.com"),
        ("<!channel> <@U012> <#C012>", "&lt;!channel&gt; &lt;\u{ff20}U012&gt; &lt;#C012&gt;"),
        ("&lt;!here&gt;", "&amp;lt;!here&amp;gt;"),
        ("<https://evil.example|click>", "&lt;https:/ /evil.example|click&gt;"),
        ("slack://open http:////x", "slack:/ /open http:/ ///x"),
        ("a` *b* ```c", "a' *b* '''c"),
        ("one\ntwo\r\n\ttabs", "one\\ntwo\\r\\n\\ttabs"),
        ("\u{202e}txt \u{200b}\u{feff}\u{2066}x\u{2028}", "\\u{202e}txt \\u{200b}\\u{feff}\\u{2066}x\\u{2028}"),
        ("\u{1b}[31m\u{7}", "\\u{1b}[31m\\u{7}"),
    ] {
        assert_eq!(harmless(foreign, 200), expected);
        let mut record = record();
        let text = || Some(foreign.to_owned());
        (record.incident, record.service, record.runbook) = (text(), text(), text());
        foreign.clone_into(&mut record.message);
        record.escalation =
            Some(EscalationRecord { level: "open_incident", runbook_owner: text(), service_owner: text(), reset_with: text() });
        let said = slack(&record);
        assert_eq!(said.lines().count(), 7, "{said}");
        assert!(!said.contains('@') && !said.contains("://") && !said.contains('<') && !said.contains('>'), "{said}");
        // Every span that is opened is closed on its line.
        assert!(said.lines().all(|line| line.matches('`').count() % 2 == 0), "{said}");
    }
}

#[test]
fn a_text_is_bounded() {
    let mut record = record();
    record.message = "x".repeat(100_000);
    record.incident = Some("\u{202e}".repeat(100_000));
    let said = slack(&record);
    assert!(said.chars().count() < 6000, "{}", said.chars().count());
}
