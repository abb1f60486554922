# shellcheck shell=bash
# Sourced inside a private mount namespace. Some programs write to a fixed folder of /var/lib whatever
# their flags say (the kubelet's device plugins, CNI's results, buildah's blob cache). Here those folders
# are new, and gone with the namespace; all others stay what they are, writable as ever.
cover_var_lib() {
  local hidden=$1 entry name # a folder to see the old /var/lib through
  mkdir -p "$hidden"
  mount --bind /var/lib "$hidden"
  mount -t tmpfs -o mode=755 cluster /var/lib
  for entry in "$hidden"/*/; do
    name=$(basename "$entry")
    case $name in kubelet | cni | containerd | containers) continue ;; esac
    mkdir "/var/lib/$name"
    mount --bind "$entry" "/var/lib/$name"
  done
}
