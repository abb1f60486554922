# shellcheck shell=bash
# One line for each check: what holds, or what does not and what it printed.
passed=0 failed=0
printed=$(mktemp)

# WHAT COMMAND...: in this shell, so that it may set variables and wait for children.
check() {
  local what=$1
  shift
  if "$@" >"$printed" 2>&1; then
    passed=$((passed + 1))
    echo "ok      $what"
  else
    failed=$((failed + 1))
    echo "FAILED  $what"
    tail -n 20 "$printed" | sed 's/^/        /'
  fi
}

summary() {
  echo "$passed passed, $failed failed"
  ((failed == 0))
}
