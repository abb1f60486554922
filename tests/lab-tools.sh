# shellcheck shell=bash
# What tells the story of the lab, and asks the cluster whether it is so. Sourced by tests/lab, whose variables these are (`failed` is check.sh's).
: "${namespace:?}" "${once:?}" "${failed:?}" "${work:=}"

# --- telling it

heading() { if [[ -t 1 ]]; then printf '\n\e[1m%s\e[0m\n' "$*"; else printf '\n%s\n' "$*"; fi; }

# A command as a person would type it, and what it prints.
typed() {
  local word words=()
  for word in "$@"; do
    if [[ $word == *[!A-Za-z0-9_./:=@,-]* ]]; then word="'$word'"; fi
    words+=("$word")
  done
  printf '  $ %s\n' "${words[*]}"
  "$@" 2>&1 | sed 's/^/    /'
}

stop() {
  echo "lab: $*" >&2
  exit 2
}

# The end of the story, when without this the rest would be noise.
necessary() {
  local before=$failed
  check "$@"
  ((failed == before)) || exit 1
}

# --- asking the cluster

# SECONDS COMMAND...: until it succeeds.
within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || { echo "still not so: $*" && return 1; }
    sleep 0.5
  done
}

equal() { [[ $1 == "$2" ]] || { printf 'expected  %s\ngot       %s\n' "$1" "$2" && return 1; }; }

# A jq filter that is true of standard input.
holds() { jq --exit-status "$@" >/dev/null || { echo "not so: ${*: -1}" && return 1; }; }

# APP: its pods that are not on their way out, by name: NAME UID.
pods() {
  kubectl get pods --selector "app=$1" --output json |
    jq -r '.items | sort_by(.metadata.name)[] | select(.metadata.deletionTimestamp == null) | .metadata | "\(.name) \(.uid)"'
}
gone() { ! kubectl get "$@" >/dev/null 2>&1; }
is_rolled_out() { # APP REPLICAS
  kubectl rollout status "deployment/$1" --timeout 120s &&
    equal "$2" "$(kubectl get deployment "$1" --output jsonpath='{.status.availableReplicas}')"
}
ledger() { kubectl get configmap pod-remediator-state --output jsonpath='{.data.ledger\.json}' | jq .ledger; }

# JOB: what its pods printed, all attempts.
log_of() {
  local uid
  uid=$(kubectl get job "$1" --output jsonpath='{.metadata.uid}') &&
    kubectl logs --selector "batch.kubernetes.io/controller-uid=$uid" --tail -1
}
messages() { log_of "$1" | jq --raw-input --raw-output 'try (fromjson | .message) catch .' | fold -s -w 110 | sed 's/^/    | /'; }
# The audit records of the last run of ours.
records() { jq --compact-output 'select(."event.action" == "'"$1"'")' "$work/log"; }

job_has_ended() { kubectl get job "$1" --output json | jq -e '.status.conditions // [] | any(.type == "Complete" or .type == "Failed")' >/dev/null; }
completes() {
  within 300 job_has_ended "$1" && kubectl get job "$1" --output json | holds '.status.conditions | any(.type == "Complete")'
}
# The Job that an operator makes. Its log is in $work/log then.
run_once() {
  if ! gone job "$once"; then typed kubectl delete job "$once"; fi
  typed kubectl create job "$once" --from=cronjob/labeled-pod-remediator
  necessary "the Job completes" completes "$once"
  log_of "$once" >"$work/log"
  echo "  \$ kubectl logs job/$once | jq -r .message"
  messages "$once"
}

# Design of the trail: every field is in every line.
every_line_has_every_field() {
  local fields='["@timestamp", "message", "event.action", "event.outcome", "event.reason", "run.id", "dry_run",
    "k8s.namespace.name", "k8s.pod.name", "k8s.pod.uid", "k8s.deployment.name", "k8s.statefulset.name", "k8s.replicaset.name",
    "service.name", "incident.id", "incident.symptom", "incident.probable_cause", "incident.confidence",
    "runbook.name", "runbook.digest", "decision.mode", "guardrails", "action", "verification", "actor", "settings"]'
  [[ -s $work/log ]] && jq --raw-input --slurp --argjson fields "$fields" '
    [split("\n")[] | select(. != "") | (try fromjson catch error("no JSON: \(.)")) |
      {message, missing: ($fields - keys), guardrails: [.guardrails[] | select(keys != ["id", "limit", "observed", "result"])]}
    | select(.missing != [] or .guardrails != [])] | if . == [] then "all there" else error(tostring) end' "$work/log"
}
