# The documented steps: the operator goes and the ledger stays; then, for good, everything.
before=$(ledger)
page docs/install.md 2
no_pods() { [[ -z $(ours get pods -l "$selector" -o name) ]]; }
until_true no_pods
expect "the ledger" "$before" "$(ledger)"
if kubectl delete servicenumbers --all --dry-run=server > "$work/refused" 2>&1; then die "anybody can delete records"; fi
# What is a user's can go, operator or not.
kubectl -n shop-team delete filing/shop servicenumberrequest/agency instance/i-bp67acfmxazb4ph4a1 --timeout=30s > /dev/null ||
  die "a user cannot delete what is theirs without an operator"
kubectl delete namespace e2e-gone --ignore-not-found > /dev/null
kubectl create namespace e2e-gone > /dev/null
{ instance e2e-gone s1; request e2e-gone r1 s1; } | kubectl create -f - > /dev/null
kubectl delete namespace e2e-gone --timeout=2m > /dev/null || die "a namespace does not go"
expect "the ledger" "$before" "$(ledger)"
say "without the operator: $(wc -l <<< "$before") records stay; what is a user's can be deleted"
page docs/install.md 4
gone() {
  [[ -z $(kubectl get crd,validatingadmissionpolicies,clusterroles,clusterrolebindings -o name | grep icp-filing) ]] &&
    ! kubectl get namespace "$system"
}
# Objects go one by one, and there may be ten thousand.
PATIENCE=600 until_true gone
say "for good: nothing of it is left"
