# shellcheck shell=bash
# Everything that programs write goes to memory that only this mount namespace sees.
# shellcheck source-path=SCRIPTDIR source=var-lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/var-lib.sh"

make_mounts() {
  mount -t tmpfs -o mode=755 cluster /run # containerd's state, network namespaces, the lock of iptables
  mount -t tmpfs -o mode=755 cluster /var/log # the kubelet's logs of pods, whatever its root is
  mkdir -p /run/netns "$CLUSTER_DIR"/{logs,pids,home,tmp,var-lib}
  cover_var_lib "$CLUSTER_DIR/var-lib"
  mount -t sysfs sysfs /sys # of this network namespace
  mount_cgroups
  pin_sysctls
}

# The hierarchies anew, with our own cgroups as their roots (see enter).
mount_cgroups() {
  local controllers folder
  # The list is joined by spaces, and version 2 is the empty word in it.
  if [[ -z $CLUSTER_CGROUPS ]]; then
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    hand_down_controllers
    return
  fi
  mount -t tmpfs -o mode=755 cgroups /sys/fs/cgroup
  while IFS= read -r controllers; do
    folder=${controllers#name=}
    folder=/sys/fs/cgroup/${folder:-unified}
    mkdir "$folder"
    if [[ -n $controllers ]]; then
      mount -t cgroup -o "$controllers" cgroup "$folder"
    else
      mount -t cgroup2 cgroup2 "$folder"
    fi
  done <<<"${CLUSTER_CGROUPS// /$'\n'}"
}

# Version 2: a cgroup with processes can hand no controller down, so this process makes room first.
hand_down_controllers() {
  local controller
  mkdir /sys/fs/cgroup/sandbox
  echo 0 >/sys/fs/cgroup/sandbox/cgroup.procs
  for controller in $(</sys/fs/cgroup/cgroup.controllers); do
    echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || true
  done
}

# The kubelet sets these for the whole machine. It finds them set, in files of ours, and leaves the machine's alone.
pin_sysctls() {
  local name value
  mkdir "$CLUSTER_DIR/sysctls"
  while read -r name value; do
    echo "$value" >"$CLUSTER_DIR/sysctls/${name//\//-}"
    mount --bind "$CLUSTER_DIR/sysctls/${name//\//-}" "/proc/sys/$name"
  done <<'END'
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
END
}
