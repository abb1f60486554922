//! A runbook as a page for people, in Markdown: an engineer on call can follow it by hand, with kubectl and nothing else.
//!
//! The page is made of the same runbook that a run obeys, so that the two cannot differ. What the runbook's author wrote is
//! untrusted text here: it forges neither headings nor links.

mod by_hand;
mod prose;
#[cfg(test)]
mod tests;
mod words;

use crate::core::decide::GuardrailId;
use crate::core::runbook::{DecisionMode, Escalate, Method, Runbook};
use crate::core::words::{PROGRAM, amount, annotation, label};

use by_hand::{ByHand, by_hand};
use prose::{any_of, code, inert_prose};
use words::{escalation, kinds, mode, risk, stable, success};

/// The page of one runbook.
pub(crate) fn page(runbook: &Runbook) -> String {
    [head(runbook), applies(runbook), begin(runbook), before(runbook), act(runbook), after(runbook), wrong(runbook)].concat()
}

/// Commands to copy.
fn shell(commands: &[String]) -> String {
    format!("```sh\n{}\n```\n", commands.join("\n"))
}

fn head(runbook: &Runbook) -> String {
    let Runbook { name, digest, intent, owner, .. } = runbook;
    format!(
        "# Runbook {}\n\n> {}\n\n- **In scope:** {}\n- **Owner:** {}\n- **Risk:** {}\n- **Mode:** {}\n\n\
         Made by `{PROGRAM} render` of the runbook with the digest `{digest}`: change that one, not this page.\n\n",
        code(name),
        sentence(runbook),
        inert_prose(intent),
        code(owner),
        risk(runbook.risk),
        mode(runbook.decision_mode, runbook.risk),
    )
}

/// The contract, filled in.
fn sentence(runbook: &Runbook) -> String {
    let triggers = &runbook.triggers;
    let cause = match &triggers.probable_causes[..] {
        [] => "any root cause".to_owned(),
        causes => format!("root cause {}", any_of(causes)),
    };
    let by = match runbook.action.method {
        Method::Delete => "",
        Method::Evict => " by an eviction",
    };
    format!(
        "When symptom {} appears, and {cause} has a confidence of at least {}, and the guardrails below pass, execute {}{by}, then verify \
         within {} that {}.",
        any_of(&triggers.symptoms),
        triggers.minimum_confidence,
        code(runbook.action.command.as_str()),
        amount(runbook.verification.timeout_seconds, "second"),
        success(&runbook.verification),
    )
}

fn applies(runbook: &Runbook) -> String {
    let (triggers, scope) = (&runbook.triggers, &runbook.scope);
    let causes = match &triggers.probable_causes[..] {
        [] => "any, or none stated".to_owned(),
        causes => format!("{}, or none stated", any_of(causes)),
    };
    let opt_in: Vec<String> = scope.required_labels.iter().map(|(key, value)| code(&format!("{key}={value}"))).collect();
    format!(
        "## When it applies\n\n\
         - **Symptom:** {}\n- **Probable cause:** {causes}\n- **Confidence:** at least {}; below it, replacing the pod is only suggested\n\
         - **Namespace:** {}\n- **Workload:** a {}, which carries {}\n- **Service:** at least {}\n\n",
        any_of(&triggers.symptoms),
        triggers.minimum_confidence,
        any_of(&scope.allowed_namespaces),
        kinds(&scope.workload_kinds),
        opt_in.join(" and "),
        crate::core::words::counted(runbook.guardrails.minimum_ready_replicas, "Ready pod", "Ready pods"),
    )
}

/// What all commands below need.
fn begin(runbook: &Runbook) -> String {
    let namespaces = &runbook.scope.allowed_namespaces;
    let (first, others) = namespaces.split_first().map_or(("default", &[][..]), |(first, others)| (first.as_str(), others));
    let others = if others.is_empty() { String::new() } else { format!("  # or {}", others.join(", ")) };
    let controller = "-o jsonpath='{range .metadata.ownerReferences[?(@.controller==true)]}{.kind}/{.name}{end}'";
    let columns = "NAME:.metadata.name,READY:.status.conditions[?(@.type==\"Ready\")].status,\
                   SINCE:.status.conditions[?(@.type==\"Ready\")].lastTransitionTime,PHASE:.status.phase,\
                   RESTARTS:.status.containerStatuses[*].restartCount,DELETED:.metadata.deletionTimestamp,\
                   OWNER:.metadata.ownerReferences[0].name,UID:.metadata.uid";
    let commands = [
        format!("NAMESPACE={first}{others}"),
        "POD_NAME=NAME-OF-THE-POD  # the one to be replaced".to_owned(),
        "SERVICE_LABEL=app  # or app.kubernetes.io/name, where the pod has no label app".to_owned(),
        "SERVICE=$(kubectl get pod \"$POD_NAME\" -n \"$NAMESPACE\" -o go-template=\"{{index .metadata.labels \\\"$SERVICE_LABEL\\\"}}\")"
            .to_owned(),
        format!("OWNER=$(kubectl get pod \"$POD_NAME\" -n \"$NAMESPACE\" {controller})"),
        format!("WORKLOAD=$(kubectl get \"$OWNER\" -n \"$NAMESPACE\" {controller})"),
        "WORKLOAD=${WORKLOAD:-$OWNER}".to_owned(),
        format!("pods() {{ kubectl get pods -n \"$NAMESPACE\" -l \"$SERVICE_LABEL=$SERVICE\" -o custom-columns='{columns}'; }}"),
        "echo \"pod $POD_NAME of service $SERVICE, made by $OWNER of $WORKLOAD\"".to_owned(),
    ];
    format!("## 1. Begin\n\nThe commands below use these. Where one of them fails or gives nothing, stop.\n\n{}\n", shell(&commands))
}

/// Every guardrail.
fn before(runbook: &Runbook) -> String {
    let mut text = "## 2. Before\n\nAll of it must hold. What cannot be read does not hold. On doubt touch nothing.\n\n".to_owned();
    let mut not_asked = Vec::new();
    for id in GuardrailId::ALL {
        match by_hand(id, runbook) {
            ByHand::NotAsked(why) => not_asked.push(format!("- {}: {why}\n", code(id.as_str()))),
            ByHand::Step { title, limit, commands } => {
                let commands = if commands.is_empty() { String::new() } else { format!("\n{}", shell(&commands)) };
                text += &format!("### {title} ({})\n\n{limit}\n{commands}\n", code(id.as_str()));
            }
        }
    }
    if !not_asked.is_empty() {
        text += &format!("### Not asked for by this runbook\n\n{}\n", not_asked.concat());
    }
    text
}

fn act(runbook: &Runbook) -> String {
    let mut commands = vec![
        "POD_UID=$(kubectl get pod \"$POD_NAME\" -n \"$NAMESPACE\" -o jsonpath='{.metadata.uid}')".to_owned(),
        "BEFORE=$(pods | awk 'NR > 1 {print $NF}')  # to tell the replacement from what is there now".to_owned(),
    ];
    let (how, refusal) = match runbook.action.method {
        Method::Delete => {
            commands.push(runbook.action.command.as_str().to_owned());
            ("Delete the pod.", "Only this one, and once, whatever it answers.")
        }
        Method::Evict => {
            commands.push("kubectl create --raw \"/api/v1/namespaces/$NAMESPACE/pods/$POD_NAME/eviction\" -f - <<EOF".to_owned());
            commands.push(
                "{\"apiVersion\": \"policy/v1\", \"kind\": \"Eviction\", \"metadata\": {\"name\": \"$POD_NAME\"}, \
                 \"deleteOptions\": {\"preconditions\": {\"uid\": \"$POD_UID\"}}}"
                    .to_owned(),
            );
            commands.push("EOF".to_owned());
            ("Evict the pod.", "Only this one, and once. Where it is refused for the disruption budget, stop: that is a normal outcome.")
        }
    };
    let first = match runbook.decision_mode {
        DecisionMode::AutoExecute => String::new(),
        DecisionMode::ApprovalRequired => format!("First have somebody of {} approve it.\n\n", code(&runbook.owner)),
        DecisionMode::Observe | DecisionMode::Manual | DecisionMode::Suggest => {
            format!("The runbook itself never acts. That you do is your decision: tell {}.\n\n", code(&runbook.owner))
        }
    };
    format!(
        "## 3. Act\n\n{first}{how} {refusal} What you do by hand is not in the ledger of {}: neither cooldown nor rate know of it.\n\n{}\n",
        code(PROGRAM),
        shell(&commands)
    )
}

fn after(runbook: &Runbook) -> String {
    let verification = &runbook.verification;
    let mut text = format!(
        "## 4. Verify\n\nWithin {} of the action. Repeat it until all of it holds.\n\n\
         ### The pod is gone, or going\n\nNo line, or one with a time under DELETED.\n\n{}\n\
         ### A replacement is Ready, and stays so\n\nA line that was not there before: of the same workload, READY is True for {}, by SINCE, RESTARTS \
         does not grow.\n\n{}\n",
        amount(verification.timeout_seconds, "second"),
        shell(&["pods | grep -F \"$POD_UID\" || echo gone".to_owned()]),
        stable(verification.stable_seconds),
        shell(&["pods | grep -vF \"$BEFORE\"".to_owned()]),
    );
    if verification.available_equals_desired {
        let counts = "-o jsonpath='available={.status.availableReplicas}{.status.numberAvailable} \
                      desired={.spec.replicas}{.status.desiredNumberScheduled}{\"\\n\"}'";
        text += &format!(
            "### As many pods are available as desired\n\n{}\n",
            shell(&[format!("kubectl get \"$WORKLOAD\" -n \"$NAMESPACE\" {counts}")])
        );
    }
    if !verification.probes.is_empty() {
        text += &format!("### The outcome is as it should be\n\n{}", by_hand::probes(&verification.probes));
    }
    text + "Where it does not hold in time, the replacement has failed. Do not replace another pod: go on with 5.\n\n"
}

/// Rollback, escalation, breaker.
fn wrong(runbook: &Runbook) -> String {
    let Runbook { name, owner, rollback, escalation: rules, .. } = runbook;
    let notes = if rollback.notes.is_empty() { String::new() } else { format!("**Notes:** {}\n\n", inert_prose(&rollback.notes)) };
    let workload_owner = annotation::OWNER.replace('.', "\\.");
    let breaker = &runbook.guardrails.circuit_breaker;
    let opens = match rules.on_verification_failure {
        Escalate::OpenIncidentAndDisableRunbook => "the first failed verification stops it in the whole namespace".to_owned(),
        _ => format!(
            "{} within {} {} it for the service",
            amount(breaker.failures, "failure"),
            amount(breaker.window_minutes, "minute"),
            if breaker.failures == 1 { "stops" } else { "stop" }
        ),
    };
    // As narrow as what opens it.
    let service = if rules.on_verification_failure == Escalate::OpenIncidentAndDisableRunbook { "" } else { " --service \"$SERVICE\"" };
    let reset = format!("{PROGRAM} reset-breaker {name}{service} -n \"$NAMESPACE\" --reason 'what was fixed'");
    let rollback_commands = [
        "kubectl rollout history \"$WORKLOAD\" -n \"$NAMESPACE\"".to_owned(),
        "kubectl rollout undo \"$WORKLOAD\" -n \"$NAMESPACE\"  # only where the last release is the cause".to_owned(),
    ];
    let asks = label::RESTART;
    format!(
        "## 5. If it goes wrong\n\n### Rollback ({})\n\nThe pod's controller makes the new pod: there is nothing to put back. A bad image or \
         configuration is not undone by it; that takes a rollback of the workload.\n\n{notes}{}\n\
         ### Who is notified\n\n- **A guardrail blocks:** {}\n- **The verification fails:** {}\n- **Owner of the runbook:** {}\n\
         - **Owner of the workload,** where it is stated:\n\n{}\n\
         ### Where you did not act\n\nTake back the request, or the next run looks at it again.\n\n{}\n\
         ### Circuit breaker\n\nIt stops automation that fails: {opens}. It stays open until a human fixes the cause and resets it: \
         `{PROGRAM} status` names the open ones, each with the command that resets it and no other.\n\n{}",
        code(&rollback.kind),
        shell(&rollback_commands),
        escalation(rules.on_guardrail_failure),
        escalation(rules.on_verification_failure),
        code(owner),
        shell(&[format!(
            "kubectl get \"$WORKLOAD\" -n \"$NAMESPACE\" -o jsonpath='{{.metadata.annotations.{workload_owner}}}{{\"\\n\"}}'"
        )]),
        shell(&[format!("kubectl label pod \"$POD_NAME\" -n \"$NAMESPACE\" {asks}-")]),
        shell(&[reset]),
    )
}
