# shellcheck shell=bash
# The sandbox's own cgroup in each hierarchy of this machine, below which all of its containers' are.
# A cgroup is written CONTROLLERS:FOLDER; version 2 names no controllers, so that one is ":FOLDER".
# Exercised with version 1, and version 2 beside it (hybrid); version 2 alone is written by the book only.

# NAME: what the cgroups of a sandbox of that name would be.
name_cgroups() {
  local controllers path mounted
  while IFS=: read -r _ controllers path; do
    if [[ -n $controllers ]]; then
      mounted=$(findmnt --noheadings --first-only --types cgroup --options "$controllers" --output TARGET) || continue
    else
      mounted=$(findmnt --noheadings --first-only --types cgroup2 --output TARGET) || continue
      # Only the root of version 2 may have both processes and children with controllers.
      [[ $mounted == /sys/fs/cgroup ]] && path=
    fi
    # Below our own, so that limits set on us hold. In a container the path can be one of the host's.
    [[ -d $mounted$path ]] || path=
    echo "$controllers:$mounted${path%/}/$1"
  done </proc/self/cgroup
}

make_cgroups() {
  local folder file controller
  for folder in "${@#*:}"; do
    mkdir "$folder"
    # A new cpuset of version 1 is empty, and takes no process until it names CPUs and memory.
    for file in cpuset.cpus cpuset.mems; do
      if [[ -e ${folder%/*}/cgroup.clone_children && -e $folder/$file ]]; then cat "${folder%/*}/$file" >"$folder/$file"; fi
    done
    # Version 2 gives a child only the controllers that its parent hands down.
    [[ -e $folder/../cgroup.subtree_control ]] || continue
    for controller in $(<"${folder%/*}/cgroup.controllers"); do
      echo "+$controller" 2>/dev/null >"${folder%/*}/cgroup.subtree_control" || true
    done
  done
}

# Empty ones only, children first; false while a process is still in one.
remove_cgroups() {
  local folder
  for folder in "$@"; do
    [[ ! -d $folder ]] || find "$folder" -depth -type d -exec rmdir {} + 2>/dev/null || return
  done
}
