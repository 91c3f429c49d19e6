# The chart on the real node: installed, upgraded, its own test run in a pod, and taken away for good.
export HELM_CACHE_HOME=$work/helm HELM_CONFIG_HOME=$work/helm HELM_DATA_HOME=$work/helm
release() {
  "$E2E_HELM" "$1" icp-filing "${@:2}" --namespace "$system" > "$work/helm.log" 2>&1 || {
    cat "$work/helm.log" >&2
    die "helm $1 fails"
  }
}
chart=$root/charts/icp-filing-operator
values=(--set "image.repository=${E2E_IMAGE%:*}" --set-string "image.tag=${E2E_IMAGE##*:}")
kubectl apply --server-side -f "$root/deploy/base/namespace.yaml" > /dev/null
release install "$chart" "${values[@]}" --wait --timeout 3m
until_true kubectl get instanceclasses
release upgrade "$chart" --reuse-values --wait --timeout 3m
settled
kubectl create namespace e2e-helm > /dev/null
{ instance e2e-helm s1; request e2e-helm r1 s1; } | kubectl create -f - > /dev/null
kubectl -n e2e-helm wait --for=condition=Ready --timeout=60s servicenumberrequest/r1 > /dev/null
judge e2e-helm 1
release test --logs --timeout 2m
say "helm test: $(grep -v '^$' "$work/helm.log" | tail -n 1)"
before=$(ledger)
release uninstall --wait
expect "the ledger" "$before" "$(ledger)"
page docs/install.md 4
kubectl delete namespace e2e-helm --wait=false > /dev/null
