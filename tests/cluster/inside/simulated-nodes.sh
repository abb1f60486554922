# shellcheck shell=bash
# kwok plays nodes, and the pods on them: thousands, and ones that fail as told (see node/stages.yaml).
: "${cluster:?}" # the folder above

start_simulated_nodes() {
  start kwok kwok --kubeconfig "$CLUSTER_DIR/kwok.kubeconfig" --config "$cluster/node/stages.yaml" \
    --manage-nodes-with-annotation-selector kwok.x-k8s.io/node=fake \
    --node-lease-duration-seconds 40 --cidr 10.245.0.0/16 --node-ip 10.244.0.1
  # Beside a real node they must not get its pods.
  local taints='[]'
  if [[ $CLUSTER_NODE == both ]]; then taints='[{"key": "kwok.x-k8s.io/node", "value": "fake", "effect": "NoSchedule"}]'; fi
  seq "$CLUSTER_NODES" | jq --argjson taints "$taints" '{
    apiVersion: "v1", kind: "Node", spec: {taints: $taints},
    metadata: {
      name: "simulated-\(.)", annotations: {"kwok.x-k8s.io/node": "fake"},
      labels: {"cluster.test/flavour": "simulated", "kubernetes.io/hostname": "simulated-\(.)", "kubernetes.io/os": "linux"}
    },
    status: ({cpu: "1000", memory: "4Ti", pods: "100000"} | {capacity: ., allocatable: .})
  }' | kubectl create --filename - >>"$CLUSTER_DIR/logs/kwok.log"
}

simulated_nodes_take_pods() {
  [[ $(kubectl get nodes --selector cluster.test/flavour=simulated --output json | jq '[.items[]
    | select(any(.status.conditions[]?; .type == "Ready" and .status == "True"))
    | select(all(.spec.taints[]?; .key == "kwok.x-k8s.io/node"))] | length') == "$CLUSTER_NODES" ]]
}

await_simulated_nodes() { await kwok simulated_nodes_take_pods; }
