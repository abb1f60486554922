use super::GuardrailId::{BlockingAnnotation, BlockingLabel, MaintenanceWindow, UnavailablePercent};
use super::*;

fn windows(yaml: &str) -> impl FnOnce(&mut World) {
    let windows = windows_of(yaml);
    move |world| world.runbook().guardrails.maintenance_windows = windows
}

/// Windows as a runbook writes them.
pub(super) fn windows_of(yaml: &str) -> Vec<crate::core::runbook::Window> {
    let text = include_str!("../../../../config/runbook.yaml")
        .replace("  guardrails:\n", &format!("  guardrails:\n    maintenanceWindows: {yaml}\n"));
    crate::core::runbook::parse("f", &text).unwrap().remove(0).guardrails.maintenance_windows
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
        "blocked: the runbook acts only in its windows allow mon,tue,wed,thu,fri,sat,sun 13:30 to 14:00 Europe/London (now 2025-06-01T12:00:00Z, \
        until 2025-06-01T12:30:00Z)",
    );
    check(
        MaintenanceWindow,
        windows(&format!("[{allow}, {{start: \"22:00\", end: \"12:30\", timeZone: UTC, effect: deny}}]")),
        "blocked: the runbook does not act in its window deny mon,tue,wed,thu,fri,sat,sun 22:00 to 12:30 UTC (now 2025-06-01T12:00:00Z, until \
        2025-06-01T12:30:00Z)",
    );
}

#[test]
fn a_label_on_pod_workload_or_namespace_stops_it() {
    let lists = |world: &mut World| {
        let label = |key: &str| (key.to_owned(), "true".to_owned());
        world.runbook().guardrails.blocked_by_labels = vec![label("incident"), label("payments-provider-down")];
    };
    check(BlockingLabel, |_| {}, "not_applicable: the runbook lists no such labels");
    check(BlockingLabel, lists, "pass: neither pod, workload nor namespace has any");
    let on_workload = |world: &mut World| {
        lists(world);
        world.workload().labels.insert("payments-provider-down".to_owned(), "true".to_owned());
    };
    check(
        BlockingLabel,
        on_workload,
        "blocked: no label that blocks the runbook may be set (Deployment/web has payments-provider-down=true)",
    );
    let on_namespace = |world: &mut World| {
        lists(world);
        world.namespace().labels = labels(&[("incident", "true")]);
    };
    check(BlockingLabel, on_namespace, "blocked: no label that blocks the runbook may be set (namespace lab has incident=true)");
    let on_pod = |world: &mut World| {
        lists(world);
        world.request().labels.insert("incident".to_owned(), "true".to_owned());
    };
    check(BlockingLabel, on_pod, "blocked: no label that blocks the runbook may be set (the pod has incident=true)");
    let over = |world: &mut World| {
        lists(world);
        world.namespace().labels = labels(&[("incident", "false")]);
    };
    check(BlockingLabel, over, "pass: neither pod, workload nor namespace has any");
    let unread = |world: &mut World| {
        lists(world);
        world.snapshot.namespace = Fact::Unknown("timed out".to_owned());
    };
    check(BlockingLabel, unread, "blocked: a fact could not be read (timed out)");
}

#[test]
fn a_promise_on_pod_workload_or_namespace_is_kept() {
    let lists = |world: &mut World| {
        let promises = [("karpenter.sh/do-not-disrupt", "true"), ("cluster-autoscaler.kubernetes.io/safe-to-evict", "false")];
        world.runbook().guardrails.blocked_by_annotations = promises.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    };
    check(BlockingAnnotation, |_| {}, "not_applicable: the runbook lists no such annotations");
    check(BlockingAnnotation, lists, "pass: neither pod, workload nor namespace has any");
    let promise = || labels(&[("cluster-autoscaler.kubernetes.io/safe-to-evict", "false")]);
    for place in ["the pod", "Deployment/web", "namespace lab"] {
        let on_place = |world: &mut World| {
            lists(world);
            match place {
                "the pod" => world.request().annotations = promise(),
                "Deployment/web" => world.workload().annotations = promise(),
                _ => world.namespace().annotations = promise(),
            }
        };
        let observed = format!("{place} has cluster-autoscaler.kubernetes.io/safe-to-evict=false");
        check(BlockingAnnotation, on_place, &format!("blocked: no annotation that blocks the runbook may be set ({observed})"));
    }
    let may_go = |world: &mut World| {
        lists(world);
        world.request().annotations = labels(&[("cluster-autoscaler.kubernetes.io/safe-to-evict", "true")]);
    };
    check(BlockingAnnotation, may_go, "pass: neither pod, workload nor namespace has any");
}

#[test]
fn a_share_of_the_workload() {
    fn most(percent: u32) -> impl Fn(&mut World) {
        move |world| world.runbook().guardrails.max_unavailable_percent = Some(percent)
    }
    check(UnavailablePercent, |_| {}, "not_applicable: the runbook sets no maxUnavailablePercent");
    check(UnavailablePercent, most(34), "pass: would_be_unready=1 of 3 (34 percent)");
    let allows = |percent, observed| {
        format!("blocked: at most {percent} percent of the workload may be unready while the pod is replaced ({observed})")
    };
    check(UnavailablePercent, most(33), &allows(33, "1 of 3 would be, 34 percent"));
    let another_down = |world: &mut World| {
        most(50)(world);
        world.pods()[1].ready = false;
    };
    check(UnavailablePercent, another_down, &allows(50, "2 of 3 would be, 67 percent"));
    let unknown = |world: &mut World| {
        most(50)(world);
        world.unknown_pods();
    };
    check(UnavailablePercent, unknown, "blocked: a fact could not be read (listing pods took longer than 10 s)");
    let none = |world: &mut World| {
        most(50)(world);
        world.workload().desired = 0;
    };
    check(UnavailablePercent, none, "blocked: a fact could not be read (the workload wants no pods)");
}
