//! The page that `render` prints is followed by hand: every command on it, in its order, by a shell with kubectl.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::fixture::{Lab, PATIENCE, Pod, until};
use crate::remediator::Runbook;
use crate::workloads::{budget, deployment, stateful_set};

const PROGRAM: &str = env!("CARGO_BIN_EXE_pod-remediator");

/// One heading's commands.
struct Step {
    heading: String,
    commands: String,
}

fn page(lab: &Lab, runbook: &Runbook) -> Vec<Step> {
    let file = lab.folder.join("page.yaml");
    std::fs::write(&file, runbook.text()).unwrap();
    let output = Command::new(PROGRAM).arg("render").arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            _ if inside => steps.last_mut().unwrap().commands += &format!("{line}\n"),
            _ if line.starts_with('#') => {
                steps.push(Step { heading: line.trim_start_matches(['#', ' ']).to_owned(), commands: String::new() });
            }
            _ => {}
        }
    }
    steps.retain(|step| !step.commands.is_empty());
    steps
}

/// What each step printed, by its heading. Each of its commands must succeed.
struct Followed(Vec<(String, String)>);

impl Followed {
    /// Follows the page for one pod, but for steps whose heading begins so.
    #[track_caller]
    fn new(steps: &[Step], pod: &Pod, leave_out: &[&str]) -> Self {
        let mut script = "set -eu\n".to_owned();
        for Step { heading, commands } in steps.iter().filter(|step| !leave_out.iter().any(|out| step.heading.starts_with(out))) {
            script += &format!("echo '@@@ {}'\n{commands}", heading.replace('\'', ""));
            // A person looks again until it is so.
            if heading.starts_with("3.") {
                let all_there = "test \"$(pods | grep -vF \"$BEFORE\" | grep -c ' True ')\" = 1";
                script += &format!("for _ in $(seq {}); do {all_there} && break; sleep 1; done\n", PATIENCE.as_secs());
            }
        }
        let script = script.replace("NAME-OF-THE-POD", &pod.name);
        // As a person has it: the program beside kubectl.
        let beside = Path::new(PROGRAM).parent().unwrap().display().to_string();
        let path = format!("{}:{beside}", std::env::var("PATH").unwrap());
        let output = Command::new("bash").args(["-c", &script]).env("PATH", path).output().unwrap();
        let (said, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{said}\n{wrong}\n{script}");
        println!("{said}{wrong}");
        let steps = said.split("@@@ ").skip(1).map(|step| {
            let (heading, text) = step.split_once('\n').unwrap();
            (heading.to_owned(), text.to_owned())
        });
        let followed = Self(steps.collect());
        assert!(wrong.is_empty() || !wrong.to_lowercase().contains("error"), "{wrong}");
        followed
    }

    #[track_caller]
    fn said(&self, heading: &str) -> &str {
        let found = self.0.iter().find(|(found, _)| found.contains(heading));
        &found.unwrap_or_else(|| panic!("no step {heading}: {:?}", self.0.iter().map(|(heading, _)| heading).collect::<Vec<_>>())).1
    }

    /// Lines of a step that hold all of these.
    #[track_caller]
    fn lines(&self, heading: &str, words: &[&str]) -> usize {
        self.said(heading).lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
    }
}

#[test]
fn the_page_leads_an_engineer_through_a_replacement_by_hand() {
    let lab = Lab::new("by-hand");
    let mut web = deployment("web", 3);
    web["metadata"]["annotations"] = json!({"remediator.kubedojo.io/owner": "team-web"});
    lab.roll_out(&web);
    lab.apply(&budget("web", "web", 1));
    until("the disruption controller has looked", || {
        (lab.get(&["poddisruptionbudget", "web"])["status"]["disruptionsAllowed"] == 2).then_some(())
    });
    let target = lab.ask_for_one("web");
    let window = "[{start: \"00:00\", end: \"24:00\", timeZone: Europe/Berlin, effect: allow}]";
    let runbook = lab
        .runbook()
        .with("guardrails", "maintenanceWindows", window)
        .with("guardrails", "blockedByLabels", "{incident: \"true\"}")
        .with("guardrails", "blockedByAnnotations", "{karpenter.sh/do-not-disrupt: \"true\"}")
        .with("guardrails", "maxUnavailablePercent", 50);
    let steps = page(&lab, &runbook);
    // A first release has nothing to go back to.
    let followed = Followed::new(&steps, &target, &["Rollback", "Where you did not act", "Circuit breaker"]);

    let begin = followed.said("1. Begin");
    assert!(begin.contains(&format!("pod {} of service web, made by ReplicaSet/web-", target.name)) && begin.contains("of Deployment/web"));
    assert!(followed.said("(`request_stands`)").contains("f:remediator.kubedojo.io/restart"), "since when and by whom");
    assert_eq!(followed.lines("(`workload_opted_in`)", &["web ", " true"]), 1);
    assert_eq!(followed.said("(`service_label`)"), "web\nweb\n");
    assert!(!followed.said("(`request_label_not_in_template`)").contains("restart"));
    assert_eq!(followed.said("(`workload_kind_allowed`)"), "Deployment\n");
    assert_eq!(followed.lines("(`blast_radius`)", &["web-", " True ", " Running ", "<none>"]), 3);
    assert_eq!(followed.lines("(`own_workload_redundancy`)", &["web-", " True "]), 3);
    assert!(
        followed.said("(`rollout_settled`)").contains("desired=3 replicas=3 updated=3 paused= "),
        "{}",
        followed.said("(`rollout_settled`)")
    );
    assert_eq!(followed.lines("(`disruption_budget`)", &["web ", "app:web", " 2 "]), 1);
    assert_eq!(followed.lines("(`matched_services`)", &[&target.name, "web"]), 1);
    assert!(followed.said("(`maintenance_window`)").contains("Europe/Berlin"));

    assert_eq!(followed.lines("3. Act", &["deleted"]), 1);
    assert_eq!(followed.said("The pod is gone, or going"), "gone\n");
    assert_eq!(followed.lines("A replacement is Ready", &["web-", " True ", " Running "]), 1);
    assert!(followed.said("As many pods are available").contains("desired=3"));
    assert_eq!(followed.said("Who is notified").trim(), "team-web");
    let reset = steps.iter().find(|step| step.heading.contains("Circuit breaker")).unwrap();
    let beside = Path::new(PROGRAM).parent().unwrap().display().to_string();
    let path = format!("{}:{beside}", std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    let output = bash.args(["-c", &reset.commands]).env("PATH", path).env("NAMESPACE", &lab.namespace).output().unwrap();
    let wrong = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "nothing is open: {wrong}");
    assert!(wrong.contains("no circuit breaker of runbook \"replace-redundant-pod\" is open"), "{wrong}");
    assert!(lab.try_kubectl(&["get", "pod", &target.name]).is_err());
}

#[test]
fn by_eviction_of_a_stateful_set_with_a_rollback() {
    let lab = Lab::new("by-hand-evict");
    let mut db = stateful_set("db", 3, "OrderedReady");
    lab.roll_out(&db);
    db["spec"]["template"]["metadata"]["annotations"] = json!({"release": "2"});
    lab.roll_out(&db);
    let target = lab.ask_for_one("db");
    let runbook = lab.runbook().with("action", "method", "evict").with("scope", "workloadKinds", "[StatefulSet]");
    let steps = page(&lab, &runbook);

    // Not acted: the request is taken back.
    let followed = Followed::new(&steps, &target, &["3.", "The pod is gone", "A replacement", "As many", "Rollback", "Circuit"]);
    assert!(followed.said("(`ordered_peers_ready`)").starts_with("StatefulSet OrderedReady\n"));
    assert!(followed.said("(`rollout_settled`)").contains("strategy=RollingUpdate partition=0 revisions=db-"), "its revisions");
    assert!(lab.get(&["pod", &target.name])["metadata"]["labels"]["remediator.kubedojo.io/restart"].is_null());
    lab.untouched(&target);

    let followed = Followed::new(&steps, &target, &["Where you did not act", "Circuit"]);
    assert!(followed.said("3. Act").contains("\"status\":\"Success\""), "{}", followed.said("3. Act"));
    assert_eq!(followed.said("The pod is gone, or going"), "gone\n");
    assert_eq!(followed.lines("A replacement is Ready", &[&target.name, " True "]), 1, "of the same name");
    assert!(followed.said("Rollback").contains("rolled back"));
}
