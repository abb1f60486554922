use super::GuardrailId::{BlockingLabel, MaintenanceWindow, UnavailablePercent};
use super::*;

fn windows(yaml: &str) -> impl FnOnce(&mut World) {
    let windows = windows_of(yaml);
    move |world| world.runbook().guardrails.maintenance_windows = windows
}

/// Windows as a runbook writes them.
pub(super) fn windows_of(yaml: &str) -> Vec<crate::runbook::Window> {
    let text = include_str!("../../../config/runbook.yaml")
        .replace("  guardrails:\n", &format!("  guardrails:\n    maintenanceWindows: {yaml}\n"));
    crate::runbook::parse("f", &text).unwrap().remove(0).guardrails.maintenance_windows
}

// It is noon in London's summer minus an hour: 12:00 UTC of a Sunday.
#[test]
fn windows_deny_or_allow() {
    check(MaintenanceWindow, |_| {}, "not_applicable: the runbook has no maintenance windows");
    let allow = "{days: [sun], start: \"13:00\", end: \"14:00\", timeZone: Europe/London, effect: allow}";
    check(MaintenanceWindow, windows(&format!("[{allow}]")), "pass: now=2025-06-01T12:00:00Z");
    check(
        MaintenanceWindow,
        windows("[{start: \"13:30\", end: \"14:00\", timeZone: Europe/London, effect: allow}]"),
        "blocked: requires a time in one of its windows (allow mon,tue,wed,thu,fri,sat,sun 13:30 to 14:00 Europe/London), \
         now=2025-06-01T12:00:00Z, until 2025-06-01T12:30:00Z",
    );
    check(
        MaintenanceWindow,
        windows(&format!("[{allow}, {{start: \"22:00\", end: \"12:30\", timeZone: UTC, effect: deny}}]")),
        "blocked: requires a time outside of its window (deny mon,tue,wed,thu,fri,sat,sun 22:00 to 12:30 UTC), \
         now=2025-06-01T12:00:00Z, until 2025-06-01T12:30:00Z",
    );
}

#[test]
fn a_label_on_workload_or_namespace_stops_it() {
    let lists = |world: &mut World| {
        let label = |key: &str| (key.to_owned(), "true".to_owned());
        world.runbook().guardrails.blocked_by_labels = vec![label("incident"), label("payments-provider-down")];
    };
    check(BlockingLabel, |_| {}, "not_applicable: the runbook lists no such labels");
    check(BlockingLabel, lists, "pass: neither workload nor namespace has any");
    let on_workload = |world: &mut World| {
        lists(world);
        world.workload().labels.insert("payments-provider-down".to_owned(), "true".to_owned());
    };
    let until_removed = "whoever set it removes it once that is over";
    check(
        BlockingLabel,
        on_workload,
        &format!("blocked: requires that nothing stops it by a label, Deployment/web has payments-provider-down=true, {until_removed}"),
    );
    let on_namespace = |world: &mut World| {
        lists(world);
        world.snapshot.namespace_labels = Fact::Known(labels(&[("incident", "true")]));
    };
    check(
        BlockingLabel,
        on_namespace,
        &format!("blocked: requires that nothing stops it by a label, namespace lab has incident=true, {until_removed}"),
    );
    let over = |world: &mut World| {
        lists(world);
        world.snapshot.namespace_labels = Fact::Known(labels(&[("incident", "false")]));
    };
    check(BlockingLabel, over, "pass: neither workload nor namespace has any");
    let unread = |world: &mut World| {
        lists(world);
        world.snapshot.namespace_labels = Fact::Unknown("timed out".to_owned());
    };
    check(BlockingLabel, unread, "blocked: could not be checked: the labels of the namespace are unknown: timed out");
}

#[test]
fn a_share_of_the_workload() {
    fn most(percent: u32) -> impl Fn(&mut World) {
        move |world| world.runbook().guardrails.max_unavailable_percent = Some(percent)
    }
    check(UnavailablePercent, |_| {}, "not_applicable: the runbook sets no maxUnavailablePercent");
    check(UnavailablePercent, most(34), "pass: would_be_unready=1 of 3 (34 percent)");
    let allows = |percent, observed| {
        format!("blocked: allows {percent} percent of the workload to be unready while the pod is replaced, {observed}")
    };
    check(UnavailablePercent, most(33), &allows(33, "would_be_unready=1 of 3 (34 percent)"));
    let another_down = |world: &mut World| {
        most(50)(world);
        world.pods()[1].ready = false;
    };
    check(UnavailablePercent, another_down, &allows(50, "would_be_unready=2 of 3 (67 percent)"));
    let unknown = |world: &mut World| {
        most(50)(world);
        world.unknown_pods();
    };
    check(UnavailablePercent, unknown, "blocked: could not be checked: listing pods took longer than 10 s");
    let none = |world: &mut World| {
        most(50)(world);
        world.workload().desired = 0;
    };
    check(UnavailablePercent, none, "blocked: could not be checked: the workload wants no pods");
}
