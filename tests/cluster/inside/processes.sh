# shellcheck shell=bash
# Starting programs, and saying which one failed.

# NAME COMMAND...: in the background, in a session of its own so that Ctrl-C is COMMAND's alone.
start() {
  local name=$1
  shift
  HOME=$CLUSTER_DIR/home TMPDIR=$CLUSTER_DIR/tmp setsid "$@" </dev/null >>"$CLUSTER_DIR/logs/$name.log" 2>&1 &
  echo $! >"$CLUSTER_DIR/pids/$name"
}

# A zombie is gone too: it waits for its parent only.
is_running() {
  local stat
  stat=$(cat "/proc/$(<"$CLUSTER_DIR/pids/$1")/stat" 2>/dev/null) && [[ ${stat##*) } != Z* ]]
}

failed() {
  {
    echo "sandbox: $1 $2; the end of its log:"
    tail -n 15 "$CLUSTER_DIR/logs/$1.log" 2>/dev/null | cut -c -400 | sed 's/^/  /'
  } >&2
  exit 1
}

# NAME COMMAND...: until COMMAND succeeds. NAME is whom to blame when it ends before, or takes minutes.
await() {
  local name=$1 deadline=$((SECONDS + 300))
  shift
  until "$@" >/dev/null 2>&1; do
    is_running "$name" || failed "$name" "ended"
    ((SECONDS < deadline)) || failed "$name" "is not ready after 300 s (waited for: $*)"
    sleep 0.1
  done
}
