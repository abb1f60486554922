# shellcheck shell=bash
# A network of nothing but this cluster: a bridge that is the node's address and the pods' gateway.
# All ports are free here, so all are the usual ones.
make_network() {
  local setting
  hostname cluster
  ip link set lo up
  ip link add cni0 type bridge
  ip address add 10.244.0.1/16 dev cni0
  ip link set cni0 up
  # Without any default route the API server and the kubelet find no address of their own.
  ip route add default dev cni0
  # Pod to Service to pod, on one bridge, is translated only if iptables sees the bridge's packets.
  for setting in ipv4/ip_forward bridge/bridge-nf-call-iptables; do
    echo 1 2>/dev/null >"/proc/sys/net/$setting" || true
  done
}
