use super::GuardrailId::{BlastRadius, DisruptionBudget, OwnRedundancy};
use super::*;

const TWO_NEEDED: &str = "blocked: at least 2 Ready pods are required (service web has";

/// web-c is gone and web-b changed, so that the target and web-b decide.
fn with_peer(change: impl FnOnce(&mut Pod)) -> impl FnOnce(&mut World) {
    |world| {
        world.pods().truncate(2);
        change(&mut world.pods()[1]);
    }
}

#[test]
fn the_target_counts_if_it_is_ready_and_that_is_said() {
    check(BlastRadius, |_| {}, "pass: app=web ready_count=3 (this pod included)");
    check(BlastRadius, |world| world.target(|pod| pod.ready = false), "pass: app=web ready_count=2");
    check(BlastRadius, |world| world.pods().truncate(1), &format!("{TWO_NEEDED} 1, this pod included)"));
    check(BlastRadius, |world| world.pods().clear(), &format!("{TWO_NEEDED} 0)"));
    check(
        BlastRadius,
        |world| world.runbook().guardrails.minimum_ready_replicas = 11,
        "blocked: at least 11 Ready pods are required (service web has 3, this pod included)",
    );
    check(BlastRadius, World::unknown_pods, "blocked: a fact could not be read (listing pods took longer than 10 s)");
    check(BlastRadius, |world| world.snapshot.services.clear(), "blocked: a fact could not be read (the pods of app=web were not read)");
    check(
        BlastRadius,
        |world| world.request().service = None,
        "blocked: a fact could not be read (the pod has neither label app nor app.kubernetes.io/name)",
    );
}

#[test]
fn what_is_no_ready_peer() {
    #[track_caller]
    fn no_peer(change: impl FnOnce(&mut Pod)) {
        check(BlastRadius, with_peer(change), &format!("{TWO_NEEDED} 1, this pod included)"));
    }
    #[track_caller]
    fn not_counted(change: impl FnOnce(&mut Pod), clock: &str) {
        let why = format!("not counted: web-b, restarted and as it is for less than 10 s{clock}");
        check(BlastRadius, with_peer(change), &format!("{TWO_NEEDED} 1, this pod included; {why})"));
    }
    // Two containers, the first ready and the second not: the pod's condition is what counts.
    no_peer(|pod| pod.ready = false);
    no_peer(|pod| pod.terminating = true);
    // Ready may outlive Running for a moment.
    no_peer(|pod| pod.running = false);
    no_peer(|pod| pod.ended = true);
    no_peer(|pod| pod.owner.as_mut().unwrap().kind = OwnerKind::Other("Job.batch".into()));
    no_peer(|pod| pod.owner = None);
    // Crash-looping without a readiness probe: Ready for a moment at every start.
    not_counted(|pod| (pod.restarts, pod.ready_changed) = (7, Some(seconds_ago(9))), "");
    not_counted(|pod| (pod.restarts, pod.ready_changed) = (7, None), "");
    let ahead = ", by the server's clock: a node's is ahead of it";
    not_counted(|pod| (pod.restarts, pod.ready_changed) = (7, Some(seconds_ago(-3600))), ahead);
    // A kubelet whose clock is behind says that it has been Ready for an hour; the server wrote its last change down just now.
    not_counted(|pod| (pod.restarts, pod.ready_changed, pod.status_written) = (7, Some(seconds_ago(3600)), Some(seconds_ago(9))), "");
}

/// One minute is enough to make a difference, and the server's own record decides.
#[test]
fn a_node_whose_clock_is_ahead_has_ready_pods_all_the_same() {
    let ahead =
        |written| with_peer(move |pod| (pod.restarts, pod.ready_changed, pod.status_written) = (1, Some(seconds_ago(-60)), written));
    check(BlastRadius, ahead(Some(seconds_ago(10))), "pass: app=web ready_count=2 (this pod included)");
    let why = "not counted: web-b, restarted and as it is for less than 10 s, by the server's clock: a node's is ahead of it";
    check(BlastRadius, ahead(Some(seconds_ago(9))), &format!("{TWO_NEEDED} 1, this pod included; {why})"));
}

#[test]
fn a_restarted_peer_counts_once_it_is_stable() {
    let restarted = |seconds| with_peer(move |pod| (pod.restarts, pod.ready_changed) = (7, Some(seconds_ago(seconds))));
    let both = "pass: app=web ready_count=2 (this pod included)";
    let one =
        |seconds: u32| format!("{TWO_NEEDED} 1, this pod included; not counted: web-b, restarted and as it is for less than {seconds} s)");
    check(BlastRadius, restarted(10), both);
    let with = |seconds, change: fn(&mut World)| {
        move |world: &mut World| {
            restarted(seconds)(world);
            change(world);
        }
    };
    check(BlastRadius, with(29, |world| world.workload().min_ready_seconds = 30), &one(30));
    check(BlastRadius, with(30, |world| world.workload().min_ready_seconds = 30), both);
    check(BlastRadius, with(59, |world| world.runbook().verification.stable_seconds = Some(60)), &one(60));
    check(BlastRadius, with(60, |world| world.runbook().verification.stable_seconds = Some(60)), both);
    check(BlastRadius, with(9, World::unknown_workload), &one(10));
    check(BlastRadius, with(10, World::unknown_workload), both);
}

#[test]
fn a_shared_label_is_no_redundancy() {
    check(OwnRedundancy, |_| {}, "pass: owner=rs-web other_ready_count=2");
    check(OwnRedundancy, |world| world.target(|pod| pod.ready = false), "not_applicable: the pod is not Ready");
    let crash_looping = |pod: &mut Pod| (pod.restarts, pod.ready_changed) = (3, Some(seconds_ago(1)));
    check(OwnRedundancy, |world| world.target(crash_looping), "not_applicable: the pod is not Ready");
    let alone = "blocked: another Ready pod of the same workload is required (rs-web has no other; pods of other workloads do not count)";
    let others_of_another_workload = |world: &mut World| {
        world.pods().truncate(1);
        world.pods().extend([pod("canary-a", "rs-canary"), pod("canary-b", "rs-canary")]);
    };
    check(BlastRadius, others_of_another_workload, "pass: app=web ready_count=3 (this pod included)");
    check(OwnRedundancy, others_of_another_workload, alone);
    check(OwnRedundancy, with_peer(|pod| pod.terminating = true), alone);
    // Read a moment apart: Ready in either, it may be serving.
    let not_ready_any_more = |world: &mut World| {
        world.pods().truncate(1);
        world.request().pod.ready = false;
    };
    check(OwnRedundancy, not_ready_any_more, alone);
    check(OwnRedundancy, World::unknown_pods, "blocked: a fact could not be read (listing pods took longer than 10 s)");
}

/// The target, not Ready, and this budget.
fn unready_with(budget: Budget) -> impl FnOnce(&mut World) {
    |world| {
        world.target(|pod| pod.ready = false);
        world.snapshot.budgets = Fact::Known(vec![budget]);
    }
}

fn with(budgets: Vec<Budget>) -> impl FnOnce(&mut World) {
    |world| world.snapshot.budgets = Fact::Known(budgets)
}

#[test]
fn a_disruption_budget_says_what_the_server_would_say() {
    check(DisruptionBudget, |_| {}, "not_applicable: no budget selects the pod");
    let elsewhere = |selector: Option<&str>| Budget { selector: selector.map(|text| text.parse().unwrap()), ..budget("b", 0) };
    check(DisruptionBudget, with(vec![elsewhere(Some("app=shop")), elsewhere(None)]), "not_applicable: no budget selects the pod");
    check(
        DisruptionBudget,
        with(vec![budget("b", 1), elsewhere(None)]),
        "pass: budget=b disruptions_allowed=1 current_healthy=3 desired_healthy=2",
    );
    let exhausted = "blocked: PodDisruptionBudget b must allow a disruption (it allows";
    check(DisruptionBudget, with(vec![budget("b", 0)]), &format!("{exhausted} 0: healthy pods 3, desired 2)"));
    check(DisruptionBudget, with(vec![budget("b", -1)]), &format!("{exhausted} -1: healthy pods 3, desired 2)"));
    check(
        DisruptionBudget,
        with(vec![budget("b", 1), budget("a", 1)]),
        "blocked: at most one PodDisruptionBudget may select the pod (a and b do)",
    );
    check(
        DisruptionBudget,
        with(vec![Budget { generation: 2, ..budget("b", 1) }]),
        "blocked: the disruption controller must have observed the latest change of PodDisruptionBudget b (generation 2, observed 1)",
    );
    check(
        DisruptionBudget,
        |world| world.snapshot.budgets = Fact::Unknown("listing them took longer than 10 s".to_owned()),
        "blocked: a fact could not be read (listing them took longer than 10 s)",
    );
}

#[test]
fn a_disruption_budget_guards_ready_pods() {
    let observed = |healthy, desired| format!("budget=b disruptions_allowed=0 current_healthy={healthy} desired_healthy={desired}");
    let with_health = |current_healthy, desired_healthy| Budget { current_healthy, desired_healthy, ..budget("b", 0) };
    let blocked = |healthy, desired| {
        format!("blocked: PodDisruptionBudget b must allow a disruption (it allows 0: healthy pods {healthy}, desired {desired})")
    };
    let enough = format!("pass: {} (the pod is not Ready, and enough others are)", observed(2, 2));
    check(DisruptionBudget, unready_with(with_health(2, 2)), &enough);
    // As the server does: before it asks whether the budget is up to date.
    check(DisruptionBudget, unready_with(Budget { generation: 2, ..with_health(2, 2) }), &enough);
    check(DisruptionBudget, unready_with(with_health(1, 2)), &blocked(1, 2));
    check(DisruptionBudget, unready_with(with_health(0, 0)), &blocked(0, 0));
    check(
        DisruptionBudget,
        unready_with(Budget { unhealthy_always_allowed: true, ..with_health(0, 2) }),
        &format!("pass: {} (the pod is not Ready, and unhealthyPodEvictionPolicy is AlwaysAllow)", observed(0, 2)),
    );
    // The server looks at the condition alone, so a crash-looping pod in a Ready moment needs the budget.
    let momentarily_ready = |world: &mut World| {
        world.target(|pod| (pod.restarts, pod.ready_changed) = (7, Some(seconds_ago(1))));
        world.snapshot.budgets = Fact::Known(vec![with_health(2, 2)]);
    };
    check(DisruptionBudget, momentarily_ready, &blocked(2, 2));
    let pending = |world: &mut World| {
        world.request().phase = "Pending".to_owned();
        world.snapshot.budgets = Fact::Unknown("not needed".to_owned());
    };
    check(DisruptionBudget, pending, "not_applicable: phase=Pending is not available");
}
