//! Every guardrail as a human checks it: the runbook's limit, and the commands that show what is.

use std::collections::BTreeSet;

use super::prose::{any_of, code};
use super::words::{kinds, stable};
use crate::core::decide::{GuardrailId, TIME_MARGIN};
use crate::core::runbook::{Method, Probe, ProbeQuestion, Runbook};
use crate::core::words::{PROGRAM, annotation, counted, label};
use crate::core::workload_kind::WorkloadKind;

/// One guardrail, by hand.
pub(super) enum ByHand {
    /// What must hold, with the runbook's limit, and the commands that show it; none where nothing in the cluster does.
    Step { title: &'static str, limit: String, commands: Vec<String> },
    /// The runbook sets no such limit: why.
    NotAsked(&'static str),
}

const POD: &str = "kubectl get pod \"$POD_NAME\" -n \"$NAMESPACE\"";
const WORKLOAD: &str = "kubectl get \"$WORKLOAD\" -n \"$NAMESPACE\"";
const PODS: &str = "pods";
/// What the ledger says, for who has just kubectl.
const LEDGER: &str = "kubectl get configmap pod-remediator-state -n \"$NAMESPACE\" -o jsonpath='{.data.summary}'";

/// One step for each probe: what must hold, and the question. Its variables are those that the page begins with.
pub(super) fn probes(probes: &[Probe]) -> String {
    let mut text = String::new();
    for probe in probes {
        let timeout = probe.timeout_seconds;
        let (command, pause) = match &probe.question {
            ProbeQuestion::Http(http) => {
                let url = quoted(http.url.as_str());
                (format!(r"curl --silent --show-error --max-time {timeout} --write-out '\nstatus %{{http_code}}\n' {url}"), 0)
            }
            ProbeQuestion::Prometheus(asked) => {
                let query = quoted(&format!("query={}", asked.query));
                let url = quoted(&format!("{}/api/v1/query", asked.url.as_str().trim_end_matches('/')));
                let command = format!("curl --silent --show-error --max-time {timeout} --get --data-urlencode {query} {url}; echo");
                (command, asked.interval_seconds)
            }
        };
        let command = match probe.samples() {
            1 => command,
            samples => format!("for sample in $(seq {samples}); do {command}; sleep {pause}; done"),
        };
        text += &format!("Probe `{}`: {}.\n\n{}\n", probe.name, code(&probe.limit()), super::shell(&[command]));
    }
    text
}

/// For a shell: untrusted text as it is, and our variables, which have the same names there.
fn quoted(text: &str) -> String {
    let mut quoted = format!("'{}'", text.replace('\'', r"'\''"));
    for (variable, shell) in [("SERVICE", "SERVICE"), ("NAMESPACE", "NAMESPACE"), ("POD_NAME", "POD_NAME"), ("WORKLOAD", "WORKLOAD#*/")] {
        quoted = quoted.replace(&format!("${{{variable}}}"), &format!("'\"${{{shell}}}\"'"));
    }
    quoted
}

fn step(title: &'static str, limit: impl Into<String>, commands: &[&str]) -> ByHand {
    ByHand::Step { title, limit: limit.into(), commands: commands.iter().map(ToString::to_string).collect() }
}

pub(super) fn by_hand(id: GuardrailId, runbook: &Runbook) -> ByHand {
    let limits = &runbook.guardrails;
    let status = &format!("{PROGRAM} status -n \"$NAMESPACE\"");
    let asks = label::RESTART;
    match id {
        GuardrailId::Request => {
            let limit = format!(
                "The request was made at most {} ago: when a run first saw the label `{asks}`, or when the label was set if that was before or no \
                 run has seen it, or at the time in annotation `{}` if that is later. (Without the label nobody has asked: note why you replace \
                 the pod all the same.)",
                counted(runbook.triggers.maximum_request_age_minutes, "minute", "minutes"),
                annotation::REQUESTED_AT
            );
            let renewed =
                format!("{POD} -o jsonpath='{{.metadata.annotations.{}}}{{\"\\n\"}}'", annotation::REQUESTED_AT.replace('.', "\\."));
            let seen = "kubectl get configmap pod-remediator-state -n \"$NAMESPACE\" -o jsonpath='{.data.ledger\\.json}' | \
                        grep -o \"\\\"podUid\\\":\\\"$(kubectl get pod \"$POD_NAME\" -n \"$NAMESPACE\" -o jsonpath='{.metadata.uid}')\\\",\\\"since[^}]*\" || \
                        echo \"no run has seen it yet\"";
            let set = "-o jsonpath='{range .metadata.managedFields[*]}{.time} {.manager} {.fieldsV1.f:metadata.f:labels}{\"\\n\"}{end}'";
            let commands = [&format!("{POD} -L {asks}"), seen, &format!("{POD} --show-managed-fields {set}"), &renewed];
            step("The request still stands", limit, &commands)
        }
        GuardrailId::BareRequest => {
            let limit = if runbook.triggers.allow_bare_request {
                "A label alone is enough. What is known of the incident besides:"
            } else {
                "Symptom, probable cause and confidence are stated beside the label, which alone is not enough."
            };
            step("Evidence", limit, &[&format!("{POD} -o jsonpath='{{.metadata.annotations}}{{\"\\n\"}}'")])
        }
        GuardrailId::SymptomPresent => {
            let limit = format!(
                "The pod still shows the symptom, as far as its status tells. Leave it alone if it has recovered: Ready for {}.",
                stable(runbook.verification.stable_seconds)
            );
            let containers = "-o jsonpath='{range .status.containerStatuses[*]}{.name} ready={.ready} restarts={.restartCount} \
                              waiting={.state.waiting.reason} ended={.lastState.terminated.reason} {.lastState.terminated.finishedAt}{\"\\n\"}{end}'";
            step("The symptom is still there", limit, &[POD, &format!("{POD} {containers}")])
        }
        GuardrailId::Namespace => step(
            "The namespace is allowed",
            format!("It is {}.", any_of(&runbook.scope.allowed_namespaces)),
            &["kubectl get namespace \"$NAMESPACE\""],
        ),
        GuardrailId::OptIn => {
            let required = &runbook.scope.required_labels;
            let wanted: Vec<String> = required.iter().map(|(key, value)| format!("`{key}={value}`")).collect();
            let columns: BTreeSet<&str> = required.iter().map(|(key, _)| key.as_str()).collect();
            let columns = columns.into_iter().collect::<Vec<_>>().join(",");
            let limit = format!("The workload itself, not the pod, carries {}.", wanted.join(" and "));
            step("Its owner has opted in", limit, &[&format!("{WORKLOAD} -L {columns}")])
        }
        GuardrailId::Controller => step(
            "A controller makes a new pod",
            "The first line is a ReplicaSet, a StatefulSet or a DaemonSet. The second one is empty: else the pod only mirrors a file on its node.",
            &[
                "echo \"$OWNER\"",
                &format!("{POD} -o jsonpath='{{.metadata.annotations.kubernetes\\.io/config\\.mirror}}{{\"\\n\"}}'"),
                &format!("{WORKLOAD} -o jsonpath='{{.metadata.ownerReferences}}{{\"\\n\"}}'"),
            ],
        ),
        GuardrailId::OwnsNothing => step(
            "The pod owns nothing",
            "Nothing is listed below the heading: what the pod owns would be deleted with it.",
            &[
                &format!("POD_UID=$({POD} -o jsonpath='{{.metadata.uid}}')"),
                "kubectl get pods,deployments,replicasets,statefulsets,daemonsets -n \"$NAMESPACE\" \
                 -o custom-columns='KIND:.kind,NAME:.metadata.name,OWNERS:.metadata.ownerReferences[*].uid' | grep -e '^KIND' -e \"$POD_UID\"",
            ],
        ),
        GuardrailId::WorkloadKind => step(
            "The kind of workload is allowed",
            format!("It is a {}.", kinds(&runbook.scope.workload_kinds)),
            &[&format!("{WORKLOAD} -o jsonpath='{{.kind}}{{\"\\n\"}}'")],
        ),
        GuardrailId::ServiceLabel => {
            let template = "-o go-template=\"{{index .spec.template.metadata.labels \\\"$SERVICE_LABEL\\\"}}{{\\\"\\n\\\"}}\"";
            step(
                "The replacement is of the same service",
                "Both lines are the same.",
                &["echo \"$SERVICE\"", &format!("{WORKLOAD} {template}")],
            )
        }
        GuardrailId::RequestLabelInTemplate => step(
            "The pod template does not ask itself",
            format!("The labels of the pod template do not hold `{asks}`: it would match every replacement."),
            &[&format!("{WORKLOAD} -o jsonpath='{{.spec.template.metadata.labels}}{{\"\\n\"}}'")],
        ),
        GuardrailId::Terminating => step(
            "Nothing is on its way out",
            "Nothing stands after `deleted=`, of the pod, its workload and the namespace; the pod's phase is neither Succeeded nor Failed.",
            &[
                &format!("{POD} -o jsonpath='phase={{.status.phase}} deleted={{.metadata.deletionTimestamp}}{{\"\\n\"}}'"),
                &format!("{WORKLOAD} -o jsonpath='deleted={{.metadata.deletionTimestamp}}{{\"\\n\"}}'"),
                "kubectl get namespace \"$NAMESPACE\" -o jsonpath='deleted={.metadata.deletionTimestamp}{\"\\n\"}'",
            ],
        ),
        GuardrailId::CanStart => step(
            "A replacement could run",
            "The pod was scheduled (or it says why not, and a replacement would not be either); no container waits for an image or a \
             configuration that is wrong; every claim that it mounts is there, Bound, and not being deleted.",
            &[
                &format!(
                    "{POD} -o jsonpath='{{range .status.conditions[?(@.type==\"PodScheduled\")]}}scheduled={{.status}} {{.message}}{{end}}{{\"\\n\"}}'"
                ),
                &format!(
                    "{POD} -o jsonpath='{{range .status.containerStatuses[*]}}{{.name}} {{.state.waiting.reason}} {{.state.waiting.message}}{{\"\\n\"}}{{end}}'"
                ),
                "kubectl get persistentvolumeclaims -n \"$NAMESPACE\" -o custom-columns='NAME:.metadata.name,PHASE:.status.phase,DELETED:.metadata.deletionTimestamp'",
            ],
        ),
        GuardrailId::BlastRadius => {
            let limit = format!(
                "At least {} with READY True, PHASE Running, an OWNER and no time under DELETED; one with RESTARTS counts only if it has been Ready for {}. \
                 The pod itself counts if it is Ready.",
                counted(limits.minimum_ready_replicas, "line", "lines"),
                stable(runbook.verification.stable_seconds)
            );
            step("Enough Ready pods of the service", limit, &[PODS])
        }
        GuardrailId::OwnRedundancy => step(
            "The workload keeps a Ready pod",
            "Where the pod itself is Ready: at least one other Ready line of the same OWNER. Pods of other workloads do not stand in for it.",
            &["pods | grep -e '^NAME' -e \"${OWNER#*/}\""],
        ),
        GuardrailId::UnavailablePercent => match limits.max_unavailable_percent {
            None => ByHand::NotAsked("`maxUnavailablePercent` is not set"),
            Some(percent) => step(
                "Not too much of the workload is unready",
                format!("Those of the same OWNER that are not Ready, and the pod itself, are at most {percent} percent of those desired."),
                &[&format!("{WORKLOAD} -o jsonpath='desired={{.spec.replicas}}{{.status.desiredNumberScheduled}}{{\"\\n\"}}'"), PODS],
            ),
        },
        GuardrailId::Rollout => {
            let fields = "-o jsonpath='generation={.metadata.generation} observed={.status.observedGeneration} \
                          desired={.spec.replicas}{.status.desiredNumberScheduled} replicas={.status.replicas}{.status.currentNumberScheduled} \
                          updated={.status.updatedReplicas}{.status.updatedNumberScheduled} paused={.spec.paused} \
                          strategy={.spec.updateStrategy.type} partition={.spec.updateStrategy.rollingUpdate.partition} \
                          revisions={.status.currentRevision},{.status.updateRevision}{\"\\n\"}'";
            let limit = "observed is generation; desired, replicas and updated are the same (a ReplicaSet of its own has no updated; of a \
                         StatefulSet, pods below the partition are not updated); paused is empty; the strategy is not OnDelete, or the pod is of the \
                         newest revision. A workload that only lacks Ready pods is not rolling out.";
            step("No rollout is under way", limit, &[&format!("{WORKLOAD} {fields}")])
        }
        GuardrailId::OrderedPeers if !runbook.scope.workload_kinds.contains(&WorkloadKind::StatefulSet) => {
            ByHand::NotAsked("it acts on no StatefulSet")
        }
        GuardrailId::OrderedPeers => step(
            "An ordered StatefulSet has all its other pods",
            "Where it says OrderedReady: every other pod of the StatefulSet is Ready, or the deleted one may never come back.",
            &[&format!("{WORKLOAD} -o jsonpath='{{.kind}} {{.spec.podManagementPolicy}}{{\"\\n\"}}'"), PODS],
        ),
        GuardrailId::MaintenanceWindow if limits.maintenance_windows.is_empty() => ByHand::NotAsked("it may act at any time"),
        GuardrailId::MaintenanceWindow => {
            let windows: Vec<String> = limits.maintenance_windows.iter().map(|window| format!("- `{window}`")).collect();
            let zones: BTreeSet<&str> = limits.maintenance_windows.iter().map(|window| window.zone()).collect();
            let clocks: Vec<String> = zones.into_iter().map(|zone| format!("TZ={zone} date '+%a %H:%M {zone}'")).collect();
            let limit = format!(
                "In none that denies; where any allows, in one of those. A window that ends before it begins ends on the next day.\n\n{}",
                windows.join("\n")
            );
            ByHand::Step { title: "It is a time to act", limit, commands: clocks }
        }
        GuardrailId::BlockingLabel if limits.blocked_by_labels.is_empty() => ByHand::NotAsked("no label stops it"),
        GuardrailId::BlockingLabel => {
            let labels: Vec<String> = limits.blocked_by_labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let keys: BTreeSet<&str> = limits.blocked_by_labels.iter().map(|(key, _)| key.as_str()).collect();
            let keys = keys.into_iter().collect::<Vec<_>>().join(",");
            step(
                "No label stops it",
                format!("Neither pod, workload nor namespace has {}.", any_of(&labels)),
                &[
                    &format!("{POD} -L {keys}"),
                    &format!("{WORKLOAD} -L {keys}"),
                    &format!("kubectl get namespace \"$NAMESPACE\" -L {keys}"),
                ],
            )
        }
        GuardrailId::BlockingAnnotation if limits.blocked_by_annotations.is_empty() => ByHand::NotAsked("no annotation stops it"),
        GuardrailId::BlockingAnnotation => {
            let annotations: Vec<String> = limits.blocked_by_annotations.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let shown = "-o jsonpath='{.metadata.annotations}{\"\\n\"}'";
            step(
                "No annotation stops it",
                format!("Neither pod, workload nor namespace has {}.", any_of(&annotations)),
                &[&format!("{POD} {shown}"), &format!("{WORKLOAD} {shown}"), &format!("kubectl get namespace \"$NAMESPACE\" {shown}")],
            )
        }
        GuardrailId::Cooldown => step(
            "The service has had its rest",
            format!("The last execution on the service was more than {} ago.", counted(limits.cooldown_minutes, "minute", "minutes")),
            &[LEDGER, status],
        ),
        GuardrailId::HourlyRate => step(
            "Not too often",
            format!(
                "Fewer than {} of this runbook on the service in the last hour.",
                counted(limits.max_executions_per_hour, "execution", "executions")
            ),
            &[status],
        ),
        GuardrailId::ConcurrentActions => {
            step("Nothing else is under way", "Nothing is in flight in the namespace.", &[LEDGER, "kubectl get jobs -n \"$NAMESPACE\""])
        }
        GuardrailId::CircuitBreaker => step(
            "Its circuit breaker is closed",
            format!("No breaker of `{}` is open, neither for the service nor for every service.", runbook.name),
            &[LEDGER],
        ),
        GuardrailId::DisruptionBudget => {
            let columns = "NAME:.metadata.name,SELECTOR:.spec.selector,ALLOWED:.status.disruptionsAllowed,HEALTHY:.status.currentHealthy,\
                           DESIRED:.status.desiredHealthy,UNHEALTHY:.spec.unhealthyPodEvictionPolicy";
            let limit = match runbook.action.method {
                Method::Delete => {
                    "No budget selects the pod; or exactly one does, and ALLOWED is above 0, or the pod is not Ready and HEALTHY is at least DESIRED."
                }
                Method::Evict => {
                    "The server itself enforces it. It refuses where two budgets select the pod, or ALLOWED is 0 and the pod is Ready."
                }
            };
            step(
                "Its disruption budget has room",
                limit,
                &[
                    &format!("{POD} --show-labels"),
                    &format!("kubectl get poddisruptionbudgets -n \"$NAMESPACE\" -o custom-columns='{columns}'"),
                ],
            )
        }
        GuardrailId::AffectedServices => step(
            "Few services are touched",
            format!(
                "In the last ten minutes at most {} been acted on in the namespace, this one included.",
                match limits.max_affected_services {
                    1 => "one service has".to_owned(),
                    many => format!("{} services have", crate::core::words::number(many)),
                }
            ),
            &[status],
        ),
        GuardrailId::MatchedServices => step(
            "Few services ask",
            format!(
                "At most {} in the last column. More are a broad trigger: find out what they have in common.",
                counted(limits.max_matched_services, "service", "services")
            ),
            &[&format!("kubectl get pods -n \"$NAMESPACE\" -l {asks}=true -L \"$SERVICE_LABEL\"")],
        ),
        GuardrailId::Probes if limits.probes.is_empty() => ByHand::NotAsked("it asks nobody outside of the cluster"),
        GuardrailId::Probes => step("Others say so, too", format!("All of these hold.\n\n{}", probes(&limits.probes).trim_end()), &[]),
        GuardrailId::TimeToVerify => step(
            "There is time to see it through",
            format!(
                "You can stay for {} seconds and watch. (That is your own time: no command tells it.)",
                u64::from(runbook.verification.timeout_seconds) + TIME_MARGIN.as_secs()
            ),
            &[],
        ),
    }
}
