# shellcheck shell=bash
# Certificates, ServiceAccount keys, and a kubeconfig for each component, so that the audit log tells them apart.
make_credentials() {
  local pki=$CLUSTER_DIR/pki
  mkdir "$pki"
  {
    certificate ca /CN=cluster-ca
    # Not a CA itself: rustls refuses a server that shows a CA's certificate.
    certificate api-server /CN=kube-apiserver -CA "$pki/ca.crt" -CAkey "$pki/ca.key" \
      -addext basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=serverAuth -addext \
      subjectAltName=DNS:kubernetes.default.svc,DNS:localhost,IP:127.0.0.1,IP:10.96.0.1,IP:10.244.0.1
    certificate kubelet-client /O=system:masters/CN=kube-apiserver -CA "$pki/ca.crt" -CAkey "$pki/ca.key"
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$pki/service-accounts.key"
    openssl pkey -in "$pki/service-accounts.key" -pubout -out "$pki/service-accounts.pub"
  } 2>"$CLUSTER_DIR/logs/openssl.log" || failed openssl "failed"

  user admin admin system:masters
  user kube-controller-manager system:kube-controller-manager
  user kube-scheduler system:kube-scheduler
  user kube-proxy system:kube-proxy
  user kubelet system:node:real system:nodes
  user kwok kwok system:masters
}

# NAME SUBJECT [OPTION...]: without -CA it signs itself.
certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "$2" \
    -keyout "$CLUSTER_DIR/pki/$1.key" -out "$CLUSTER_DIR/pki/$1.crt" "${@:3}"
}

# NAME USER [GROUP]: a line of the token file, and NAME.kubeconfig.
user() {
  local token
  token=$(</proc/sys/kernel/random/uuid)
  echo "$token,$2,$2,\"${3-}\"" >>"$CLUSTER_DIR/pki/tokens.csv"
  cat >"$CLUSTER_DIR/$1.kubeconfig" <<END
apiVersion: v1
kind: Config
clusters: [{name: sandbox, cluster: {server: "https://127.0.0.1:6443", certificate-authority: $CLUSTER_DIR/pki/ca.crt}}]
users: [{name: $1, user: {token: $token}}]
contexts: [{name: sandbox, context: {cluster: sandbox, user: $1}}]
current-context: sandbox
END
}
