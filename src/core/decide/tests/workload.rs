use super::GuardrailId::{OrderedPeers, Rollout};
use super::*;

const ROLLING: &str = "blocked: the workload must not be rolling out";

#[test]
fn a_deployment_that_rolls_out_is_left_alone() {
    let counts = |desired, updated, replicas| {
        move |world: &mut World| {
            let workload = world.workload();
            (workload.desired, workload.updated, workload.replicas) = (desired, updated, replicas);
        }
    };
    check(Rollout, |_| {}, "pass: Deployment/web desired=3 updated=3 replicas=3");
    // Degraded, which is when a pod is to be replaced.
    check(Rollout, |world| world.workload().available = 1, "pass: Deployment/web desired=3 updated=3 replicas=3");
    check(Rollout, counts(3, 1, 4), &format!("{ROLLING} or scaling (Deployment/web wants 3 replicas, has 4, 1 of them updated)"));
    check(Rollout, counts(3, 3, 4), &format!("{ROLLING} or scaling (Deployment/web wants 3 replicas, has 4, 3 of them updated)"));
    check(Rollout, counts(5, 3, 3), &format!("{ROLLING} or scaling (Deployment/web wants 5 replicas, has 3, 3 of them updated)"));
    check(Rollout, |world| world.workload().paused = true, "blocked: the workload's rollout must not be paused (Deployment/web is paused)");
    check(
        Rollout,
        |world| world.workload().generation = 5,
        "blocked: the workload's controller must have observed its latest change (Deployment/web has generation 5, observed 4)",
    );
    check(Rollout, World::unknown_workload, "blocked: a fact could not be read (the ReplicaSet web-6d4 no longer exists)");
}

#[test]
fn a_bare_replica_set_that_scales_is_left_alone() {
    let replicas =
        |replicas| move |world: &mut World| (world.workload().kind, world.workload().replicas) = (WorkloadKind::ReplicaSet, replicas);
    check(Rollout, replicas(3), "pass: ReplicaSet/web desired=3 replicas=3");
    check(Rollout, replicas(2), "blocked: the workload must not be scaling (ReplicaSet/web has 2 of 3 replicas)");
}

#[test]
fn what_the_cluster_says_of_a_rollout_is_repeated() {
    let quota = "FailedCreate: pods \"web-\" is forbidden: exceeded quota: team";
    let full = |world: &mut World| {
        world.workload().replicas = 2;
        world.workload().cannot_create = Some(quota.to_owned());
    };
    let requires = "blocked: the workload's controller must be able to create pods (Deployment/web";
    check(Rollout, full, &format!("{requires}: {quota})"));
    let late = "ProgressDeadlineExceeded: ReplicaSet \"web-7f8\" has timed out progressing.";
    let stalled =
        |updated| move |world: &mut World| (world.workload().updated, world.workload().stalled) = (updated, Some(late.to_owned()));
    let counts = "Deployment/web wants 3 replicas, has 3, 1 of them updated";
    check(Rollout, stalled(1), &format!("{ROLLING} or scaling ({counts}; the rollout is stuck: {late})"));
    // All pods are of the newest template: it is merely degraded, which is when a pod is to be replaced.
    check(Rollout, stalled(3), "pass: Deployment/web desired=3 updated=3 replicas=3");
}

/// A StatefulSet at these revisions, with these counts.
fn stateful(current: &str, update: &str, partition: u32, updated: u32, replicas: u32) -> impl FnOnce(&mut World) {
    move |world| {
        world.stateful(|stateful| {
            (stateful.current_revision, stateful.update_revision) = (current.to_owned(), update.to_owned());
            stateful.partition = partition;
        });
        (world.workload().updated, world.workload().replicas) = (updated, replicas);
    }
}

#[test]
fn a_stateful_sets_partition_is_no_rollout() {
    let counts =
        |updated, replicas, partition| format!("StatefulSet/web desired=3 updated={updated} replicas={replicas} partition={partition}");
    let rolling = |updated, replicas| format!("{ROLLING} (StatefulSet/web wants 3 replicas, has {replicas}, {updated} of them updated)");
    check(Rollout, stateful("web-1", "web-1", 0, 3, 3), &format!("pass: {}", counts(3, 3, 0)));
    // A pod is missing, and the others are as they should be.
    check(Rollout, stateful("web-1", "web-1", 0, 2, 2), &format!("pass: {}", counts(2, 2, 0)));
    check(Rollout, stateful("web-1", "web-2", 0, 1, 3), &rolling(1, 3));
    // All updated and one not yet Ready: degraded, no longer rolling out.
    check(Rollout, stateful("web-1", "web-2", 0, 3, 3), &format!("pass: {}", counts(3, 3, 0)));
    // The last pod of a rollout is being made.
    check(Rollout, stateful("web-1", "web-2", 0, 2, 2), &rolling(2, 2));
    check(Rollout, stateful("web-1", "web-2", 2, 1, 3), &format!("pass: {}", counts(1, 3, 2)));
    check(Rollout, stateful("web-1", "web-2", 1, 1, 3), &rolling(1, 3));
    check(Rollout, stateful("web-1", "web-2", 9, 0, 3), &format!("pass: {}", counts(0, 3, 9)));
    // A rollout that is being rolled back: the revisions are equal again, the pods are not.
    check(Rollout, stateful("web-1", "web-1", 0, 2, 3), &rolling(2, 3));
    // It waits for the very pod that asks, which may never get Ready.
    let broken = |world: &mut World| {
        stateful("web-1", "web-1", 0, 2, 3)(world);
        world.request().revision = Some("web-2".to_owned());
    };
    let waits = "its rollback waits for this pod of revision web-2";
    check(Rollout, broken, &rolling(2, 3).replace("updated)", &format!("updated; {waits})")));
    let terminating = |world: &mut World| {
        stateful("web-1", "web-1", 0, 2, 3)(world);
        world.pods()[1].terminating = true;
    };
    check(Rollout, terminating, &format!("pass: {}", counts(2, 3, 0)));
    check(
        Rollout,
        stateful("web-1", "web-1", 0, 4, 4),
        "blocked: the workload must not be scaling down (StatefulSet/web has 4 replicas and wants 3)",
    );
    check(Rollout, stateful("", "", 0, 3, 3), "blocked: a fact could not be read (the status of StatefulSet/web states no revision)");
    let unread = |world: &mut World| {
        world.stateful(|_| {});
        world.workload().stateful = None;
    };
    check(Rollout, unread, "blocked: a fact could not be read (the strategy of StatefulSet/web was not read)");
    check(OrderedPeers, unread, "blocked: a fact could not be read (the pod management policy of StatefulSet/web was not read)");
}

#[test]
fn under_on_delete_only_a_pod_of_the_newest_revision_is_replaced() {
    let on_delete = |revision: Option<&'static str>| {
        move |world: &mut World| {
            world.stateful(|stateful| stateful.update_revision = "web-2".to_owned());
            world.workload().on_delete = true;
            world.request().revision = revision.map(str::to_owned);
        }
    };
    check(Rollout, on_delete(Some("web-2")), "pass: StatefulSet/web strategy=OnDelete pod_revision=web-2 update_revision=web-2");
    let blocked = |revision| {
        format!(
            "blocked: deleting the pod must not update it (StatefulSet/web has update strategy OnDelete; \
             the pod has revision {revision}, the newest is web-2)"
        )
    };
    check(Rollout, on_delete(Some("web-1")), &blocked("web-1"));
    check(Rollout, on_delete(None), &blocked("none"));
}

#[test]
fn an_ordered_stateful_set_needs_all_its_other_pods() {
    let ordered = |change: fn(&mut World)| {
        move |world: &mut World| {
            world.stateful(|_| {});
            change(world);
        }
    };
    let blocked = |ready, missing| {
        format!(
            "blocked: every other pod of an ordered StatefulSet must be Ready, or a deleted one may not come back \
             (StatefulSet/web has {ready} of 2; {missing})"
        )
    };
    check(OrderedPeers, |_| {}, "not_applicable: Deployment/web makes its pods in any order");
    check(OrderedPeers, |world| world.stateful(|it| it.ordered = false), "not_applicable: StatefulSet/web makes its pods in any order");
    check(OrderedPeers, ordered(|_| {}), "pass: StatefulSet/web other_ready_count=2 of 2");
    check(OrderedPeers, ordered(|world| world.target(|pod| pod.ready = false)), "pass: StatefulSet/web other_ready_count=2 of 2");
    check(OrderedPeers, ordered(|world| world.pods()[2].ready = false), &blocked(1, "not web-c"));
    check(OrderedPeers, ordered(|world| world.pods()[1].terminating = true), &blocked(1, "not web-b"));
    check(OrderedPeers, ordered(|world| world.pods().truncate(2)), &blocked(1, "a pod is missing"));
    check(OrderedPeers, ordered(|world| world.pods().push(Pod { ready: false, ..pod("web-d", WEB) })), &blocked(2, "not web-d"));
    check(
        OrderedPeers,
        ordered(|world| world.pods().push(Pod { ready: false, ..pod("other", "rs-other") })),
        "pass: StatefulSet/web other_ready_count=2 of 2",
    );
    check(OrderedPeers, ordered(World::unknown_pods), "blocked: a fact could not be read (listing pods took longer than 10 s)");
    check(OrderedPeers, World::unknown_workload, "blocked: a fact could not be read (the ReplicaSet web-6d4 no longer exists)");
}
