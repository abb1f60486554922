# shellcheck shell=bash
# etcd, API server, controller manager, scheduler.
: "${cluster:?}" # the folder above

start_control_plane() {
  # Nothing here outlives the sandbox: no fsync.
  start etcd etcd --data-dir "$CLUSTER_DIR/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
    --initial-cluster default=http://127.0.0.1:2380

  "$cluster/apiserver" start

  local qps=(--kube-api-qps 500 --kube-api-burst 1000)
  # Under load simulated nodes miss heartbeats, and all their pods would turn unready.
  local grace=50s
  if [[ $CLUSTER_NODE != real ]]; then grace=1h; fi
  start kube-controller-manager kube-controller-manager --kubeconfig "$CLUSTER_DIR/kube-controller-manager.kubeconfig" \
    --leader-elect=false --secure-port 0 "${qps[@]}" --node-monitor-grace-period "$grace" \
    --use-service-account-credentials \
    --service-account-private-key-file "$CLUSTER_DIR/pki/service-accounts.key" --root-ca-file "$CLUSTER_DIR/pki/ca.crt"
  start kube-scheduler kube-scheduler --kubeconfig "$CLUSTER_DIR/kube-scheduler.kubeconfig" \
    --leader-elect=false --secure-port 0 "${qps[@]}"
}

# A namespace without it accepts no pods.
await_default_service_account() {
  await kube-controller-manager kubectl get serviceaccount/default configmap/kube-root-ca.crt --namespace default
}
