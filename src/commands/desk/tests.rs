//! Tables over what is read of a CronJob and its Jobs, and what is said of it.

use serde_json::{Value, json};

use super::object::{JobObject, Mounted};
use super::*;
use crate::core::exit::Exit;
use crate::core::runbook::DecisionMode;

/// The manifests' CronJob, changed.
fn cron_job(change: impl FnOnce(&mut Value)) -> Installed {
    let mut object: Value = serde_saphyr::from_str(include_str!("../../../manifests/base/cronjob.yaml")).unwrap();
    change(&mut object);
    Installed::from(serde_json::from_value::<CronJobObject>(object).unwrap())
}

fn container(object: &mut Value) -> &mut Value {
    object.pointer_mut("/spec/jobTemplate/spec/template/spec/containers/0").unwrap()
}

fn config_map(name: &str, keys: &[&str]) -> Mounted {
    Mounted::ConfigMap { name: name.to_owned(), keys: keys.iter().map(|key| (*key).to_owned()).collect() }
}

#[test]
fn the_manifests_cron_job_is_understood() {
    let installed = cron_job(|_| {});
    assert_eq!(
        (installed.schedule.schedule.as_str(), installed.schedule.suspended, installed.account.as_str()),
        ("*/10 * * * *", false, "pod-remediator")
    );
    assert_eq!(installed.runbooks, config_map("pod-remediator-runbooks", &[]));
    assert_eq!(installed.args, ["run"]);
    assert!(installed.env.contains(&("RUN_DEADLINE".to_owned(), "9m".to_owned())), "{installed:?}");
    assert!(cron_job(|object| object["spec"]["suspend"] = json!(true)).schedule.suspended);
}

#[track_caller]
fn mounts(change: impl FnOnce(&mut Value), expected: &Mounted) {
    assert_eq!(cron_job(change).runbooks, *expected);
}

#[test]
fn the_runbooks_are_found_where_the_run_would_read_them() {
    let elsewhere = |why: &str| Mounted::Elsewhere(why.to_owned());
    let at = |path: &'static str| move |object: &mut Value| container(object)["volumeMounts"][0]["mountPath"] = json!(path);
    mounts(at("/etc/pod-remediator/runbooks/"), &config_map("pod-remediator-runbooks", &[]));
    mounts(at("/etc/pod-remediator"), &config_map("pod-remediator-runbooks", &["runbooks"]));
    mounts(at("/etc/pod-rem"), &elsewhere("nothing is mounted at /etc/pod-remediator/runbooks"));
    mounts(at("/other"), &elsewhere("nothing is mounted at /etc/pod-remediator/runbooks"));
    let by_flag = |object: &mut Value| {
        container(object)["args"] = json!(["run", "--runbooks", "/other/a.yaml"]);
        at("/other")(object);
    };
    mounts(by_flag, &config_map("pod-remediator-runbooks", &["a.yaml"]));
    let by_variable = |object: &mut Value| {
        container(object)["env"] = json!([{"name": "RUNBOOKS", "value": "/other"}]);
        at("/other")(object);
        container(object)["volumeMounts"][0]["subPath"] = json!("b.yaml");
    };
    mounts(by_variable, &config_map("pod-remediator-runbooks", &["b.yaml"]));
    let volume = |source: Value| {
        move |object: &mut Value| {
            *object.pointer_mut("/spec/jobTemplate/spec/template/spec/volumes").unwrap() = json!([source]);
        }
    };
    let items = json!({"name": "runbooks", "configMap": {"name": "x", "items": [{"key": "k", "path": "p.yaml"}]}});
    mounts(volume(items), &config_map("x", &["k"]));
    let claim = json!({"name": "runbooks", "persistentVolumeClaim": {"claimName": "c"}});
    mounts(volume(claim), &elsewhere("what is mounted at /etc/pod-remediator/runbooks is no ConfigMap"));
}

/// What counts where this is given, and the CronJob's container is told that.
#[track_caller]
fn configured(given: &[(&str, &str)], args: &[&str], env: &[(&str, &str)]) -> Configured {
    let installed = cron_job(|object| {
        container(object)["args"] = json!(args);
        container(object)["env"] = env.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    });
    let given = || given.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    let settings = Settings::understand(Raw::default(), given()).unwrap();
    Configured::over(settings, &Raw::of_environment(given()).unwrap(), installed.told(crate::cli::of_run))
}

#[test]
fn what_is_given_wins_over_the_cron_job_and_both_are_said() {
    let both = configured(
        &[("SERVICE_LABEL", "svc")],
        &["run"],
        &[("MODE_CEILING", "suggest"), ("SERVICE_LABEL", "team"), ("LOG_FORMAT", "json")],
    );
    assert_eq!((both.settings.ceiling, both.settings.service_label.as_str()), (DecisionMode::Suggest, "svc"));
    assert_eq!((both.of_cron_job, both.given), (vec!["MODE_CEILING=suggest".to_owned()], vec!["SERVICE_LABEL=svc".to_owned()]));
    assert_eq!(both.obstacles, []);
    // A flag wins over the environment, there as here.
    let flag = configured(&[], &["run", "--mode-ceiling", "observe", "--state-configmap=other"], &[("MODE_CEILING", "suggest")]);
    assert_eq!((flag.settings.ceiling, flag.settings.state_configmap.as_str()), (DecisionMode::Observe, "other"));
}

#[test]
fn what_would_end_a_run_at_once_or_keep_it_from_acting_is_an_obstacle() {
    #[track_caller]
    fn check(args: &[&str], env: &[(&str, &str)], kind: &str, expected: &str) {
        let obstacles = configured(&[], args, env).obstacles;
        let said: Vec<(&str, &str)> = obstacles.iter().map(|one| (one.kind, one.detail.as_str())).collect();
        assert_eq!(said, [(kind, expected)]);
    }
    check(&["run", "--dry-run"], &[], "dry_run", "the CronJob's command has --dry-run");
    check(&["check"], &[], "settings", "the CronJob's settings are wrong: its command is not run");
    check(&["run", "--colour"], &[], "settings", "the CronJob's settings are wrong: unexpected argument '--colour' found");
    let misspelt = "the CronJob's settings are wrong: environment variable MODE_CELING: did you mean MODE_CEILING?";
    check(&["run"], &[("MODE_CELING", "suggest")], "settings", misspelt);
    let wrong = r#"the CronJob's settings are wrong: --mode-ceiling (MODE_CEILING): "auto" is not allowed: observe, manual, suggest, approval_required or auto_execute"#;
    check(&["run"], &[("MODE_CEILING", "auto")], "settings", wrong);
}

/// A Job of the CronJob, and its pod.
#[track_caller]
fn job(change: impl FnOnce(&mut Value), pod: Option<Value>, expected: &str) {
    let installed = cron_job(|_| {});
    let mut object = json!({
        "metadata": {"name": "j", "ownerReferences": [{"kind": "CronJob", "name": CRON_JOB}]},
        "spec": installed.template["spec"], "status": {},
    });
    change(&mut object);
    let job = NewestJob::of(serde_json::from_value::<JobObject>(object).unwrap(), &installed);
    assert_eq!(job.map_or("none".to_owned(), |job| job.with_pod(pod.as_ref()).to_string()), expected);
}

#[test]
fn how_the_newest_job_ended_or_what_it_waits_for_is_told() {
    let container = |name: &str, state: Value| json!({"name": name, "state": state});
    let pod = |statuses: &[Value]| Some(json!({"status": {"containerStatuses": statuses}}));
    let ended = |code: u8| container("pod-remediator", json!({"terminated": {"exitCode": code}}));
    let condition = |kind: &str, more: Value| {
        let mut condition = json!({"type": kind, "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"});
        condition.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        move |job: &mut Value| job["status"] = json!({"conditions": [condition]})
    };
    job(condition("Complete", json!({})), pod(&[ended(0)]), "j: complete at 2026-01-01T00:00:00Z, exit code 0");
    let failed = condition("Failed", json!({"reason": "PodFailurePolicy", "message": "exit code 2"}));
    job(failed, pod(&[ended(2)]), "j: FAILED at 2026-01-01T00:00:00Z, exit code 2, PodFailurePolicy: exit code 2");
    job(|_| {}, None, "j: not ended, it has no pod");
    let waiting = container("pod-remediator", json!({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}));
    job(|_| {}, pod(&[waiting]), "j: not ended, its pod waits: ImagePullBackOff: no such image");
    let unscheduled = json!({"status": {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}});
    job(|_| {}, Some(unscheduled), "j: not ended, its pod waits: Unschedulable");
    let proxy = container("proxy", json!({"running": {}}));
    let waits = "j: not ended, exit code 0, the run has ended, and its pod waits for container proxy";
    job(|_| {}, pod(&[proxy.clone(), ended(0)]), waits);
    job(|_| {}, pod(&[container("pod-remediator", json!({"running": {}})), proxy]), "j: not ended");
    // Others' Jobs, and those that run another command, are no runs.
    job(|job| job["metadata"]["ownerReferences"] = json!([]), None, "none");
    job(|job| job["spec"]["template"]["spec"]["containers"][0]["args"] = json!(["check"]), None, "none");
}

#[test]
fn trouble_comes_first_and_the_worst_exit_code_is_that_of_all() {
    let row = |namespace: &str| NamespaceRow {
        namespace: namespace.to_owned(),
        suspended: Some(false),
        last_success: None,
        newest_job: None,
        in_flight: Some(0),
        open_breakers: Some(0),
        waiting_approvals: Some(0),
        problems: Vec::new(),
        warnings: 0,
    };
    let broken = NamespaceRow { problems: vec!["ledger: gone".to_owned(), "x".to_owned()], in_flight: None, ..row("z") };
    let at = |text: &str| text.parse().ok();
    // By a clock that is ahead of the API server's.
    let breaker = NamespaceRow { open_breakers: Some(1), last_success: at("2026-01-04T00:20:01Z"), ..row("y") };
    let suspended = NamespaceRow { suspended: Some(true), last_success: at("2026-01-01T00:19:00Z"), ..row("x") };
    let unseen = NamespaceRow { suspended: None, last_success: at("2026-01-03T22:19:00Z"), ..row("c") };
    let fine = NamespaceRow { last_success: at("2026-01-04T00:02:07Z"), ..row("a") };
    let rows = [fine, unseen, suspended, breaker, broken].map(|row| (row, Exit::Done));
    let mut rows = rows.to_vec();
    rows[4].1 = Exit::Ledger;
    let unread = [Unread { part: "CronJobs".to_owned(), why: "no".to_owned() }];
    let all = Everywhere::new(at("2026-01-04T00:20:00Z"), rows, &unread);
    crate::terminal::output::tests::only_snake_case(&serde_json::to_value(&all).unwrap());
    assert_eq!(all.exit(), Exit::Ledger);
    let expected = "\
NAMESPACE  SUSPENDED  LAST SUCCESS  NEWEST JOB  IN FLIGHT  BREAKERS  APPROVALS  WARNINGS  PROBLEMS
y          no         0s ago        -           0          1         0          0         0
z          no         -             -           ?          0         0          0         2
x          yes        3d ago        -           0          0         0          0         0
c          ?          2h ago        -           0          0         0          0         0
a          no         17m ago       -           0          0         0          0         0
five namespaces, of which in trouble: 2
z: ledger: gone
z: x
not read: CronJobs: no
";
    assert_eq!(all.table(crate::terminal::table::Layout { columns: 120, colour: false }), expected);
}

#[test]
fn whether_runs_happen_is_said_in_three_lines() {
    let mut installed = cron_job(|object| {
        object["metadata"]["name"] = json!("labeled-pod-remediator");
        object["status"] = json!({"lastScheduleTime": "2026-01-01T00:10:00Z", "active": [{}]});
    });
    let desk = |installed: &Installed| Desk { installed: Some(installed.clone()), ..Desk::default() };
    let now = "2026-01-01T00:11:12Z".parse().ok();
    let lines = desk(&installed).runs(now).unwrap().lines();
    let first = "CronJob labeled-pod-remediator: schedule \"*/10 * * * *\", 1 active, next run due at 2026-01-01T00:20:00Z";
    assert_eq!(lines, [first, "last run: due at 2026-01-01T00:10:00Z; last success: never"]);
    let succeeded = cron_job(|object| object["status"] = json!({"lastSuccessfulTime": "2026-01-01T00:00:07Z"}));
    assert_eq!(desk(&succeeded).runs(now).unwrap().lines()[1], "last run: none by the schedule yet; last success: 2026-01-01T00:00:07Z");
    installed.schedule.schedule = "@every 90m".to_owned();
    let first = "CronJob labeled-pod-remediator: schedule \"@every 90m\", 1 active";
    assert_eq!(desk(&installed).runs(now).unwrap().lines()[0], first);
    installed.schedule.schedule = "*/10 * * * *".to_owned();
    installed.schedule.suspended = true;
    installed.schedule.time_zone = Some("Etc/UTC".to_owned());
    let expected = "CronJob labeled-pod-remediator: schedule \"*/10 * * * *\" (Etc/UTC), SUSPENDED: no run starts";
    let runs = desk(&installed).runs(now).unwrap();
    assert_eq!((runs.lines()[0].as_str(), runs.next_schedule), (expected, None));
}
