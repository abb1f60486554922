# shellcheck shell=bash
# One node of containerd, kubelet and kube-proxy, named `real`.
: "${cluster:?}" "${root:?}" # the folder above, and the repository

start_containerd() {
  mkdir "$CLUSTER_DIR/cni"
  cp -- "$cluster/node/cni.conflist" "$CLUSTER_DIR/cni/"
  start containerd containerd --config "$cluster/node/containerd.toml"
  load_images &
  images=$!
}

load_images() {
  local file
  await containerd ctr --address /run/containerd/containerd.sock version
  for file in "$root"/.cluster/images/*.tar; do
    "$cluster/load-image" "$file" >>"$CLUSTER_DIR/logs/images.log" 2>&1 || failed images "cannot be loaded"
  done
}

start_real_node() {
  wait "$images"
  start kubelet kubelet --config "$cluster/node/kubelet.yaml" --kubeconfig "$CLUSTER_DIR/kubelet.kubeconfig" \
    --root-dir "$CLUSTER_DIR/kubelet" --cert-dir "$CLUSTER_DIR/kubelet-pki" \
    --hostname-override real --node-ip 10.244.0.1 --node-labels cluster.test/flavour=real
  start kube-proxy kube-proxy --config "$cluster/node/kube-proxy.yaml"
}

# Ready, and without the taint that a new node has until the controller manager has seen it Ready.
real_node_takes_pods() {
  [[ $(kubectl get node real --output \
    jsonpath='{.spec.taints}{.status.conditions[?(@.type=="Ready")].status}') == True ]]
}

await_real_node() { await kubelet real_node_takes_pods; }
