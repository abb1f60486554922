//! From a person's machine: `check`, `explain` and `status` tell whether runs begin and may act, by the CronJob that is installed.

use serde_json::{Value, json};

use crate::fixture::{Lab, Pod, STATE, until};
use crate::proxy::{Proxy, Step};
use crate::told::Told;
use crate::workloads::deployment;

const CRON_JOB: &str = "labeled-pod-remediator";

/// A namespace with all that manifests/base installs, its CronJob changed, and never due.
fn installed(name: &str, change: impl FnOnce(&mut Value)) -> Lab {
    let lab = Lab::new(name);
    lab.install_role();
    let runbooks = json!({"runbook.yaml": lab.runbook().text()});
    lab.apply(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "pod-remediator-runbooks"}, "data": runbooks}));
    let mut cron_job: Value = serde_saphyr::from_str(include_str!("../../manifests/base/cronjob.yaml")).unwrap();
    cron_job["metadata"]["labels"] = json!({"app.kubernetes.io/name": "pod-remediator"});
    cron_job["spec"]["schedule"] = json!("0 0 1 1 *");
    change(&mut cron_job);
    lab.apply(&cron_job);
    lab
}

fn as_it_is(_: &mut Value) {}

fn pod_of(cron_job: &mut Value) -> &mut Value {
    cron_job.pointer_mut("/spec/jobTemplate/spec/template/spec").unwrap()
}

fn set_env(cron_job: &mut Value, name: &str, value: &str) {
    pod_of(cron_job)["containers"][0]["env"].as_array_mut().unwrap().push(json!({"name": name, "value": value}));
}

/// A pod that a run would replace.
fn eligible(lab: &Lab) -> Pod {
    lab.roll_out(&deployment("web", 2));
    lab.ask_for_one("web")
}

/// The details of a check's findings of one level, on one matter.
fn details(told: &Told, level: &str, what: &str) -> Vec<String> {
    let found = told.json()["findings"].as_array().unwrap().clone();
    let of = found.into_iter().filter(|finding| finding["level"] == level && finding["what"] == what);
    of.map(|finding| finding["detail"].as_str().unwrap().to_owned()).collect()
}

fn check(lab: &Lab) -> Told {
    lab.asks_without_runbook(&["check", "-o", "json"]).tells()
}

/// What prevents every run from replacing the pod, by `explain` without any flag.
#[track_caller]
fn prevented(lab: &Lab, pod: &Pod) -> Vec<String> {
    let told = lab.asks_without_runbook(&["explain", &pod.name, "-o", "json"]).tells();
    assert_eq!(told.exit, 0, "{told:?}");
    let eligibility = told.json()["pods"][0]["eligibility"].clone();
    let prevented: Vec<String> =
        eligibility["prevented_by"].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect();
    assert_eq!(eligibility["eligible"], if prevented.is_empty() { "now" } else { "not_by_itself" }, "{told:?}");
    prevented
}

/// The cluster refuses the run's pod, and both commands say so in its words. Nothing was created by asking.
#[track_caller]
fn refused(lab: &Lab, words: &str) {
    let pod = eligible(lab);
    let told = until("the cluster refuses the pod", || {
        let told = check(lab);
        (told.exit == 2).then_some(told)
    });
    let problems = details(&told, "problem", "run's pod");
    assert!(problems.len() == 1 && problems[0].contains(words), "{told:?}");
    let prevented = prevented(lab, &pod);
    assert!(prevented.len() == 1 && prevented[0].starts_with("the cluster refuses the run's pod: "), "{prevented:?}");
    assert!(prevented[0].contains(words), "{prevented:?}");
    assert_eq!(lab.get(&["jobs"])["items"], json!([]));
    assert_eq!(lab.get(&["pods", "--selector", "app.kubernetes.io/name=pod-remediator"])["items"], json!([]));
}

#[test]
fn the_manifests_pod_is_admitted_and_the_next_run_is_promised() {
    let lab = installed("desk-fine", as_it_is);
    let pod = eligible(&lab);
    let told = check(&lab);
    assert_eq!(told.exit, 0, "{told:?}");
    assert_eq!(details(&told, "ok", "run's pod"), ["the cluster would admit the run's Job and pod"]);
    assert!(details(&told, "ok", "permissions").iter().any(|one| one.starts_with("ServiceAccount pod-remediator has all ")), "{told:?}");
    assert!(details(&told, "ok", "runbook")[0].contains("from ConfigMap pod-remediator-runbooks, which CronJob "), "{told:?}");
    assert_eq!(details(&told, "warning", "not checked"), [""; 0]);
    assert_eq!(prevented(&lab, &pod), [""; 0]);
    let text = lab.asks_without_runbook(&["explain"]).env("COLUMNS", "200").tells().out;
    assert!(text.contains("Eligible  now: the next run replaces it\n"), "{text}");
    assert!(text.contains("CronJob labeled-pod-remediator: schedule \"0 0 1 1 *\", next run due at 20"), "{text}");
    assert!(text.contains("last run: none by the schedule yet"), "{text}");
    assert!(text.contains("Runbooks  from ConfigMap pod-remediator-runbooks"), "{text}");
    // In the pod, all of this is left alone.
    let inside = lab.asks(&["check", "-o", "json"]).env("POD_UID", "u").tells();
    assert!(details(&inside, "ok", "CronJob").is_empty() && details(&inside, "ok", "run's pod").is_empty(), "{inside:?}");
    lab.untouched(&pod);
}

#[test]
fn a_quota_on_cpu_limits_is_a_problem_until_the_pod_has_one() {
    let lab = installed("desk-quota", as_it_is);
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "cpu"}, "spec": {"hard": {"limits.cpu": "4"}}});
    let pod = eligible(&lab);
    lab.apply(&quota);
    until("the quota counts", || (lab.get(&["resourcequota", "cpu"])["status"]["hard"]["limits.cpu"] == "4").then_some(()));
    let problems = details(&check(&lab), "problem", "run's pod");
    assert!(problems.len() == 1 && problems[0].contains("must specify limits.cpu"), "{problems:?}");
    let before = prevented(&lab, &pod);
    assert!(before.len() == 1 && before[0].contains("must specify limits.cpu"), "{before:?}");
    // What the documents advise.
    lab.kubectl(&["set", "resources", "cronjob/labeled-pod-remediator", "--limits=cpu=100m"]);
    let told = check(&lab);
    assert_eq!((told.exit, details(&told, "ok", "run's pod").len()), (0, 1), "{told:?}");
    assert_eq!(prevented(&lab, &pod), [""; 0]);
}

#[test]
fn a_minimum_of_a_limit_range_is_a_problem() {
    let lab = installed("desk-range", as_it_is);
    let limits = json!([{"type": "Container", "min": {"memory": "100Mi"}, "max": {"memory": "1Gi"}}]);
    lab.roll_out(&deployment("web", 2));
    lab.apply(&json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "m"}, "spec": {"limits": limits}}));
    refused(&lab, "minimum memory usage per Container is 100Mi");
}

#[test]
fn pod_security_and_an_admission_policy_are_problems_in_their_own_words() {
    let privileged = |cron_job: &mut Value| pod_of(cron_job)["hostNetwork"] = json!(true);
    let lab = installed("desk-security", privileged);
    lab.kubectl(&["label", "namespace", &lab.namespace, "pod-security.kubernetes.io/enforce=baseline"]);
    refused(&lab, "violates PodSecurity \"baseline:latest\": host namespaces (hostNetwork=true)");

    let lab = installed("desk-policy", as_it_is);
    let name = format!("{}-teams", lab.namespace);
    let rules = json!([{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]);
    let version = "admissionregistration.k8s.io/v1";
    lab.roll_out(&deployment("web", 2));
    lab.apply(&json!({
        "apiVersion": version, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name},
        "spec": {
            "matchConstraints": {
                "resourceRules": rules,
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": lab.namespace}},
            },
            "validations": [{"expression": "has(object.metadata.labels) && 'team' in object.metadata.labels", "message": "say whose pod it is"}],
        },
    }));
    lab.apply(&json!({
        "apiVersion": version, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }));
    refused(&lab, "say whose pod it is");
    // Cluster-wide objects have to be removed by name.
    lab.kubectl(&["delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", &name]);
}

#[test]
fn a_container_that_the_cluster_adds_is_a_warning() {
    let lab = installed("desk-sidecar", as_it_is);
    // No mutating webhook is in this cluster: the answer of one is the real server's, with a container more.
    let proxy = Proxy::start(&lab, |request| match request.path.ends_with("/pods") && request.query.contains("dryRun=All") {
        true => {
            let pod = json!({"spec": {"containers": [{"name": "pod-remediator"}, {"name": "mesh-proxy"}]}});
            Step::Answer("201 Created", "Content-Type: application/json\r\n", pod.to_string())
        }
        false => Step::Forward,
    });
    let told = lab.asks_without_runbook(&["check", "-o", "json"]).by(&proxy.kubeconfig).tells();
    let warnings = details(&told, "warning", "run's pod");
    assert_eq!((told.exit, warnings.len()), (0, 1), "{told:?}");
    assert!(warnings[0].contains("adds container \"mesh-proxy\"") && warnings[0].contains("never completes"), "{warnings:?}");
}

#[test]
fn a_suspended_cron_job_is_said_and_promises_nothing() {
    let lab = installed("desk-suspended", |cron_job| cron_job["spec"]["suspend"] = json!(true));
    let pod = eligible(&lab);
    assert_eq!(prevented(&lab, &pod), ["the CronJob is suspended"]);
    let text = lab.asks_without_runbook(&["explain"]).tells().out;
    assert!(text.contains("Eligible  not while the CronJob is suspended\n"), "{text}");
    let told = check(&lab);
    let warnings = details(&told, "warning", "CronJob");
    assert!(told.exit == 0 && warnings.len() == 1 && warnings[0].contains("SUSPENDED: no run starts"), "{told:?}");
    let status = lab.asks_without_runbook(&["status", "-o", "json"]).tells().json();
    assert_eq!((&status["runs"]["suspended"], &status["runs"]["schedule"]), (&json!(true), &json!("0 0 1 1 *")), "{status}");
    // The command that it names is the one that helps.
    let (_, command) = warnings[0].split_once("to resume: ").unwrap();
    assert!(std::process::Command::new("sh").args(["-c", command]).output().unwrap().status.success(), "{command}");
    assert_eq!(prevented(&lab, &pod), [""; 0]);
}

#[test]
fn the_cron_jobs_settings_decide_and_those_given_here_win() {
    let lab = installed("desk-settings", |cron_job| {
        set_env(cron_job, "MODE_CEILING", "suggest");
        set_env(cron_job, "STATE_CONFIGMAP", "of-the-cron-job");
    });
    lab.kubectl(&["create", "configmap", "of-the-cron-job"]);
    lab.kubectl(&["delete", "configmap", STATE]);
    let pod = eligible(&lab);
    let told = lab.asks_without_runbook(&["explain", &pod.name, "-o", "json"]).tells();
    assert_eq!(told.exit, 0, "{told:?}");
    let all = told.json();
    assert_eq!(
        (&all["pods"][0]["mode"], &all["pods"][0]["eligibility"]["eligible"]),
        (&json!("suggest"), &json!("not_by_itself")),
        "{all}"
    );
    assert_eq!(all["basis"]["settings_of_cron_job"], json!(["STATE_CONFIGMAP=of-the-cron-job", "MODE_CEILING=suggest", "RUN_DEADLINE=9m"]));
    let given = lab.asks_without_runbook(&["explain", &pod.name, "-o", "json", "--mode-ceiling", "auto_execute"]).tells().json();
    assert_eq!(given["pods"][0]["mode"], "auto_execute", "{given}");
    assert_eq!(given["basis"]["settings_given"], json!(["MODE_CEILING=auto_execute"]), "{given}");
    // status and check find the same ledger.
    assert_eq!(lab.asks_without_runbook(&["status"]).tells().exit, 0);
    assert!(details(&check(&lab), "ok", "ledger")[0].contains("ConfigMap of-the-cron-job is readable"));

    // Runbooks given here are those that count, and it is said.
    let observing = lab.runbook().with_word("decisionMode", "observe");
    let text = lab.asks_with(&observing, &["explain", &pod.name, "--mode-ceiling", "auto_execute"]).tells().out;
    assert!(text.contains("Decision  observe: ") && text.contains("Runbooks  from /"), "{text}");

    // A misspelt setting ends every run at once.
    lab.kubectl(&["set", "env", "cronjob/labeled-pod-remediator", "MODE_CEILING-", "MODE_CELING=suggest", "STATE_CONFIGMAP-"]);
    lab.kubectl(&["create", "configmap", STATE]);
    let prevented = prevented(&lab, &pod);
    assert!(prevented.len() == 1 && prevented[0].ends_with("did you mean MODE_CEILING?"), "{prevented:?}");
    let told = check(&lab);
    assert!(told.exit == 2 && details(&told, "problem", "CronJob").len() == 1, "{told:?}");
}

#[test]
fn a_permission_that_the_service_account_lacks_is_named() {
    let lab = installed("desk-permission", as_it_is);
    let pod = eligible(&lab);
    let verbs = json!([{"op": "replace", "path": "/rules/0/verbs", "value": ["get", "list", "watch"]}]);
    lab.kubectl(&["patch", "role", "pod-remediator", "--type", "json", "--patch", &verbs.to_string()]);
    let lacks = "ServiceAccount pod-remediator lacks the permission delete pods (to replace a pod)";
    assert_eq!(prevented(&lab, &pod), [lacks]);
    let told = check(&lab);
    assert_eq!((told.exit, details(&told, "problem", "permission missing")), (2, vec![lacks.to_owned()]), "{told:?}");
}

#[test]
fn runbooks_that_are_mounted_and_not_there_keep_runs_from_beginning() {
    let lab = installed("desk-mount", as_it_is);
    let pod = eligible(&lab);
    lab.kubectl(&["delete", "configmap", "pod-remediator-runbooks"]);
    let told = lab.asks(&["explain", &pod.name, "-o", "json"]).tells().json();
    let missing = "ConfigMap pod-remediator-runbooks, which the CronJob mounts, does not exist";
    assert_eq!(told["pods"][0]["eligibility"]["prevented_by"], json!([missing]), "{told}");
    let told = check(&lab);
    assert!(told.exit == 2 && details(&told, "problem", "CronJob")[0].starts_with(missing), "{told:?}");
    let without = lab.asks_without_runbook(&["explain"]).tells();
    assert!(without.exit == 2 && without.errors.contains("ConfigMap pod-remediator-runbooks: not read: it does not exist"), "{without:?}");
}

#[test]
fn who_may_read_none_of_it_is_told_so_in_one_line_and_nothing_fails() {
    let lab = installed("desk-nobody", |cron_job| cron_job["spec"]["suspend"] = json!(true));
    let pod = eligible(&lab);
    // May do what a run may, and nothing else.
    lab.kubectl(&["create", "serviceaccount", "somebody"]);
    let subject = format!("--serviceaccount={}:somebody", lab.namespace);
    lab.kubectl(&["create", "rolebinding", "somebody", "--role=pod-remediator", &subject]);
    let somebody = lab.kubeconfig_of("somebody");
    let unread = "CronJob labeled-pod-remediator: you lack the permission get cronjobs";
    let told = lab.asks(&["explain", &pod.name]).by(&somebody).tells();
    assert_eq!(told.exit, 0, "{told:?}");
    let said = told.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(&format!("with the settings and permissions given here, for this was not read: {unread}")), "{}", told.out);
    assert!(said.contains("Eligible now: the next run replaces it, with the settings and permissions given here"), "{}", told.out);
    let status = lab.asks_without_runbook(&["status"]).by(&somebody).tells();
    assert!(status.exit == 0 && status.out.contains(&format!("not read: {unread}\n")), "{status:?}");
    let told = lab.asks(&["check", "-o", "json"]).by(&somebody).tells();
    assert_eq!((told.exit, details(&told, "warning", "not checked")), (0, vec![unread.to_owned()]), "{told:?}");

    // Who may see the CronJob, and neither create pods nor ask about others.
    lab.kubectl(&["create", "role", "sees", "--verb=get,list", "--resource=cronjobs.batch,jobs.batch"]);
    lab.kubectl(&["create", "rolebinding", "sees", "--role=sees", &subject]);
    let told = lab.asks(&["check", "-o", "json"]).by(&somebody).tells();
    let unread = details(&told, "warning", "not checked");
    let expected = [
        "what ServiceAccount pod-remediator may do: you lack the permission create subjectaccessreviews",
        "whether the cluster admits the run's Job: you lack the permission create jobs",
        "whether the cluster admits the run's pod: you lack the permission create pods",
        "ConfigMap pod-remediator-runbooks: you lack the permission get configmaps",
    ];
    assert_eq!((told.exit, unread), (0, expected.map(str::to_owned).to_vec()), "{told:?}");
    let told = lab.asks(&["explain", &pod.name]).by(&somebody).tells();
    assert!(told.out.contains("Eligible  not while the CronJob is suspended\n"), "{told:?}");
}

#[test]
fn status_says_how_the_newest_job_stands_and_which_outcome_is_the_newest() {
    let lab = installed("desk-status", |cron_job| {
        let pod = pod_of(cron_job);
        pod["nodeSelector"] = json!({"there-is": "no-such-node"});
    });
    let target = eligible(&lab);
    lab.remediator().replaces(&target);
    lab.kubectl(&["create", "job", "first", &format!("--from=cronjob/{CRON_JOB}")]);
    let status = until("the Job waits", || {
        let status = lab.asks_without_runbook(&["status", "-o", "json"]).tells().json();
        status["runs"]["newest_job"]["why"].as_str().is_some_and(|why| why.contains("Unschedulable")).then_some(status)
    });
    let newest = &status["newest_outcome"];
    assert_eq!((&newest["service"], &newest["result"], &newest["pod"]), (&json!("web"), &json!("verified"), &json!(target.name)));
    let text = lab.asks_without_runbook(&["status"]).tells().out;
    assert!(text.contains("newest Job first: not ended, its pod waits: Unschedulable"), "{text}");
    assert!(text.contains("newest outcome: verified at ") && text.contains("last success: never"), "{text}");
    let warnings = details(&check(&lab), "warning", "CronJob");
    assert!(warnings.len() == 1 && warnings[0].contains("Unschedulable"), "{warnings:?}");
}

#[test]
fn a_run_that_succeeded_is_told_and_remembered_longer_than_its_job() {
    let lab = installed("desk-success", |cron_job| {
        // There a Job's pod succeeds, and nothing runs in it.
        let pod = pod_of(cron_job);
        pod["nodeSelector"] = json!({"cluster.test/flavour": "simulated"});
        pod["tolerations"] = json!([{"key": "kwok.x-k8s.io/node", "operator": "Exists"}]);
    });
    lab.kubectl(&["create", "job", "by-hand", &format!("--from=cronjob/{CRON_JOB}")]);
    // The CronJob is the controller of such a Job too, so that its success counts.
    let runs = until("the success is told", || {
        let runs = lab.asks_without_runbook(&["status", "-o", "json"]).tells().json()["runs"].clone();
        (!runs["last_success"].is_null()).then_some(runs)
    });
    assert_eq!((&runs["newest_job"]["name"], &runs["newest_job"]["result"]), (&json!("by-hand"), &json!("complete")), "{runs}");
    let success = runs["last_success"].as_str().unwrap();
    // By the Job's completion time, and by the moment of its condition: they may be a second apart.
    let ended = runs["newest_job"]["ended_at"].as_str().unwrap();
    let time = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    assert!(time(ended).duration_since(time(success)).abs() <= jiff::SignedDuration::from_secs(2), "{runs}");
    let text = lab.asks_without_runbook(&["status"]).env("COLUMNS", "1000").tells().out;
    assert!(text.contains(&format!("; last success: {success}\nnewest Job by-hand: complete at {ended}, exit code 0\n")), "{text}");
    let everywhere = lab.asks_everywhere(&["status", "-A"]).env("COLUMNS", "1000").tells().out;
    let row = everywhere.lines().find(|line| line.starts_with(&format!("{} ", lab.namespace))).unwrap();
    assert!(row.contains("s ago ") && row.contains(" complete "), "{everywhere}");

    // Its Job is gone, and the ledger deleted and made again.
    lab.kubectl(&["delete", "job", "by-hand", "--wait"]);
    assert_eq!(details(&check(&lab), "warning", "ledger"), [""; 0]);
    lab.kubectl(&["delete", "configmap", STATE]);
    lab.kubectl(&["create", "configmap", STATE]);
    let warned = details(&check(&lab), "warning", "ledger");
    assert!(warned.len() == 1 && warned[0].contains(&format!("after a run had ended at {success}; ")), "{warned:?}");
}

#[test]
fn the_next_run_begins_when_status_says() {
    let lab = installed("desk-next", |cron_job| {
        pod_of(cron_job)["nodeSelector"] = json!({"there-is": "no-such-node"});
        cron_job["spec"]["schedule"] = json!("* * * * *");
    });
    let runs = || lab.asks_without_runbook(&["status", "-o", "json"]).tells().json()["runs"].clone();
    let time = |runs: &Value, which: &str| runs[which].as_str().map(|text| text.parse::<jiff::Timestamp>().unwrap());
    let promised = time(&runs(), "next_schedule").unwrap();
    // A minute at the most, and a moment for the controller.
    std::thread::sleep(std::time::Duration::from_secs(50));
    let last = until("the run has begun", || time(&runs(), "last_schedule").filter(|last| *last >= promised));
    assert_eq!(last, promised);
    let text = lab.asks_without_runbook(&["status"]).env("COLUMNS", "200").tells().out;
    let next = promised + jiff::SignedDuration::from_mins(1);
    assert!(text.contains(&format!("next run due at {next}")), "{text}");
}

#[test]
fn every_namespace_is_a_line_and_trouble_comes_first() {
    let fine = installed("desk-all-a", as_it_is);
    let suspended = installed("desk-all-b", |cron_job| cron_job["spec"]["suspend"] = json!(true));
    let broken = installed("desk-all-c", as_it_is);
    broken.kubectl(&["delete", "configmap", STATE]);
    let ours = |told: &Told| {
        let all = told.json()["namespaces"].as_array().unwrap().clone();
        all.into_iter().filter(|row| row["namespace"].as_str().unwrap().starts_with("desk-all-")).collect::<Vec<_>>()
    };
    for command in ["status", "check"] {
        let told = fine.asks_everywhere(&[command, "-A", "-o", "json"]).tells();
        let rows = ours(&told);
        let names: Vec<&str> = rows.iter().map(|row| row["namespace"].as_str().unwrap()).collect();
        assert_eq!(names, [&broken, &suspended, &fine].map(|lab| lab.namespace.as_str()), "{told:?}");
        assert_eq!(told.exit, 4, "the ledger that is gone is the worst: {told:?}");
        assert_eq!([&rows[0]["suspended"], &rows[1]["suspended"]], [&json!(false), &json!(true)]);
        assert_eq!((rows[0]["problems"].as_array().unwrap().len(), &rows[2]["problems"]), (1, &json!([])), "{told:?}");
        assert_eq!((&rows[0]["in_flight"], &rows[2]["in_flight"]), (&json!(null), &json!(0)));
    }
    let text = fine.asks_everywhere(&["status", "-A"]).tells();
    assert!(text.out.starts_with("NAMESPACE ") && text.out.contains(" of which in trouble: "), "{text:?}");
    // Who may list neither is told so.
    let told = fine.asks_everywhere(&["status", "-A"]).by(&fine.kubeconfig_of("default")).tells();
    assert!(told.exit == 2 && told.errors.contains("list cronjobs: not permitted"), "{told:?}");
}
