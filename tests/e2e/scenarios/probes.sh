# A pod that cannot watch is not ready, says which kinds, and is back without a restart; one that stands still is restarted.
# kubectl does not show what an answer of 503 says, so the API server is asked by its proxy.
begin_proxy
readyz() {
  curl --silent "http://$proxy/api/v1/namespaces/$system/pods/$1:8080/proxy/readyz"
}
says() { readyz "$1" | grep "$2" > /dev/null; }
is_ready() { ours wait --for=condition=Ready --timeout=1s "pod/$1"; }
not_ready() { ours wait --for=condition=Ready=False --timeout=1s "pod/$1"; }
restarts_of() { ours get pod "$1" -o jsonpath='{.status.containerStatuses[0].restartCount}'; }
standby() { ours get pods -l "$selector" -o name | sed 's#pod/##' | grep -vxF "$(leader)" | head -n 1; }
until_true has_leader

kubectl delete clusterrolebinding icp-filing-operator > /dev/null
ours delete pod "$(standby)" > /dev/null
pod=$(standby)
until_true says "$pod" 'not allowed to'
until_true not_ready "$pod"
say "without rights: $(readyz "$pod" | grep -o 'waiting: .*' | cut -c1-150)"
expect "its restarts" 0 "$(restarts_of "$pod")"
kubectl apply --server-side -f "$root/deploy/rbac/operator.yaml" > /dev/null
until_true is_ready "$pod"
expect "its restarts" 0 "$(restarts_of "$pod")"
settled

if [[ -z ${NODE_DIR:-} ]]; then
  say "left out: connections are cut off, and processes made to stand still, on a node of our own"
  exit 0
fi
pod=$(standby)
address=$(ours get pod "$pod" -o jsonpath='{.status.podIP}')
rule=(INPUT --source "$address" --protocol tcp --jump DROP
  --dport "$(kubectl config view -o jsonpath='{.clusters[0].cluster.server}' | grep -oE '[0-9]+$')")
iptables --insert "${rule[@]}"
# Those that stand are reset, as when an API server ends; none begins anew.
ss --kill --tcp dst "$address" > /dev/null 2>&1 || true
kubectl create namespace e2e-probes > /dev/null
{ instance e2e-probes s1; request e2e-probes r1 s1; } | kubectl create -f - > /dev/null
until_true says "$pod" 'waiting: watches of .*servicenumberrequests'
until_true not_ready "$pod"
say "cut off: $(readyz "$pod" | grep -o 'waiting: .*')"
iptables --delete "${rule[@]}"
until_true is_ready "$pod"
expect "its restarts" 0 "$(restarts_of "$pod")"
kubectl -n e2e-probes wait --for=condition=Ready --timeout=30s servicenumberrequest/r1 > /dev/null

kill -STOP "$(processes_of "$pod")"
restarted() { [[ $(restarts_of "$pod") == 1 ]]; }
until_true restarted
until_true is_ready "$pod"
say "stopped (SIGSTOP): restarted once, and ready again"
settled
