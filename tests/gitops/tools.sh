# How each tool applies the last commit of $repository, what it says of its health, and what it takes for a change.
# Sourced by live. `apply_` leaves in $work/said what the tool said, and fails where the tool does; the first line of
# `health_` is Healthy, Progressing or Degraded, and `reasons_` is why; `drift_` prints nothing where there is none.

# kubectl, which prunes nothing by itself.
apply_kubectl() {
  unprune && kubectl apply -f "$repository" > "$work/said" 2>&1
}
# It ends with 1 where something differs, and with more where it cannot say.
drift_kubectl() { kubectl diff -f "$repository" || (($? == 1)); }
unprune() { [[ ! -f $work/pruned.yaml ]] || kubectl delete -f "$work/pruned.yaml" --ignore-not-found > "$work/said" 2>&1; }
conditions() {
  kubectl -n "$team" get instances,servicenumberrequests,filings -o jsonpath='{range .items[*]}{.metadata.generation} {.status.observedGeneration} {.status.conditions[?(@.type=="Ready")].status} {.kind}/{.metadata.name} {.status.conditions[?(@.type=="Stalled")].message}{"\n"}{end}'
}
health_kubectl() {
  local tries
  for tries in {1..120}; do
    conditions > "$work/conditions"
    awk '$1 != $2 || $3 == "Unknown" { exit 1 }' "$work/conditions" && break
    sleep 0.25
  done
  awk '$1 != $2 || $3 == "Unknown" { waits = 1 } $3 == "False" { stalled = 1 }
    END { print waits ? "Progressing" : stalled ? "Degraded" : "Healthy" }' "$work/conditions"
}
reasons_kubectl() { cat "$work/conditions"; }

# With server-side apply, and never with force: no field of a manifest is the operator's.
apply_kubectl-server-side() {
  unprune && kubectl apply --server-side --field-manager=somebody -f "$repository" > "$work/said" 2>&1
}
drift_kubectl-server-side() { kubectl diff --server-side --field-manager=somebody -f "$repository" || (($? == 1)); }
health_kubectl-server-side() { health_kubectl; }
reasons_kubectl-server-side() { reasons_kubectl; }

# Argo CD, as it applies by default and with waves.
apply_argo() { "$argo" sync "$checks" "$repository" > "$work/said" 2>&1; }
drift_argo() { "$argo" drift "$checks" "$repository"; }
health_argo() { "$argo" health "$checks" "$repository"; }
reasons_argo() { cat "$work/health"; }

# Argo CD with ServerSideApply=true, everything in one wave.
apply_argo-server-side() { "$argo" sync-server-side "$checks" "$repository" > "$work/said" 2>&1; }
drift_argo-server-side() { drift_argo; }
health_argo-server-side() { health_argo; }
reasons_argo-server-side() { reasons_argo; }

# Flux, with the example that is shipped. The tests are source-controller: they say where the archive of a commit is.
start_flux() {
  local module kinds=crd/{gitrepositories,ocirepositories,buckets}.source.toolkit.fluxcd.io
  module=$(cd "$here/flux" && go mod download github.com/fluxcd/kustomize-controller &&
    go list -m -f '{{.Dir}}' github.com/fluxcd/kustomize-controller)
  kubectl apply --server-side -f "$here/flux/sources.yaml" -f "$module/config/crd/bases" > /dev/null
  # shellcheck disable=SC2086
  kubectl wait --for=condition=Established --timeout=60s $(eval echo "$kinds") crd/kustomizations.kustomize.toolkit.fluxcd.io > /dev/null
  kubectl create namespace flux-system > /dev/null
  until_true kubectl apply -k "$root/deploy/gitops/flux"
  kubectl -n flux-system patch kustomizations.kustomize.toolkit.fluxcd.io shop-team --type=merge -p '{"spec":{"timeout":"60s"}}' > /dev/null
  mkdir "$work/artifacts"
  "$flux" serve "$work/artifacts" > "$work/address" &
  processes+=($!)
  RUNTIME_NAMESPACE=flux-system "$controller" --metrics-addr=127.0.0.1:0 --health-addr=127.0.0.1:0 > "$work/controller.log" 2>&1 &
  processes+=($!)
  until_true test -s "$work/address"
}
flux_status() { kubectl -n flux-system get kustomizations.kustomize.toolkit.fluxcd.io shop-team -o jsonpath="$1"; }
apply_flux() {
  [[ -d $work/artifacts ]] || start_flux
  # What is refused only because another object of the commit comes a moment later is not when Flux looks again.
  look_flux || look_flux
}
look_flux() {
  local commit file asked tries
  commit=$(git -C "$repository" rev-parse HEAD)
  file=$work/artifacts/$commit.tar.gz
  git -C "$repository" archive --format=tar.gz -o "$file" HEAD
  asked=$(date +%s%N)
  kubectl -n flux-system annotate --overwrite kustomizations.kustomize.toolkit.fluxcd.io shop-team "reconcile.fluxcd.io/requestedAt=$asked" > /dev/null
  kubectl -n flux-system patch gitrepositories.source.toolkit.fluxcd.io shop-team --subresource=status --type=merge -p '{"status":{
    "observedGeneration": 1, "artifact": {
      "revision": "main@sha1:'"$commit"'", "digest": "sha256:'"$(sha256sum < "$file" | cut -d ' ' -f 1)"'",
      "path": "'"$commit"'.tar.gz", "url": "http://'"$(cat "$work/address")/$commit"'.tar.gz",
      "size": '"$(stat -c %s "$file")"', "lastUpdateTime": "'"$(date -u +%FT%TZ)"'"}}}' > /dev/null
  # It is done with a look when it is content, or says that it tries again later.
  for tries in {1..360}; do
    [[ $(flux_status '{.status.lastHandledReconcileAt} {.status.lastAttemptedRevision}') == "$asked main@sha1:$commit" ]] &&
      [[ $(flux_status '{.status.conditions[?(@.type=="Reconciling")].reason}') =~ ^(ProgressingWithRetry)?$ ]] && break
    sleep 0.25
  done
  flux_status '{.status.conditions[?(@.type=="Ready")].message}' > "$work/said"
  [[ $(flux_status '{.status.conditions[?(@.type=="Ready")].status} {.status.lastAppliedRevision}') == "True main@sha1:$commit" ]]
}
health_flux() {
  case $(flux_status '{.status.conditions[?(@.type=="Ready")].reason}') in
    ReconciliationSucceeded) echo Healthy ;;
    HealthCheckFailed) echo Degraded ;;
    Progressing) echo Progressing ;;
    *) echo Unknown ;;
  esac
  flux_status '{.status.conditions[?(@.type=="Ready")].message}'
}
# Flux names what failed, and that says why.
reasons_flux() {
  grep -oE "[A-Za-z]+/$team/[a-z0-9-]+ status: 'Failed'" "$work/health" | while IFS='/ ' read -r kind namespace name _; do
    kubectl -n "$namespace" get "$kind.icp-filing.dev" "$name" -o jsonpath='{.status.conditions[?(@.type=="Stalled")].message}{"\n"}'
  done
}
# What the controller says that it changed when it looks again.
drift_flux() {
  local from
  from=$(wc -l < "$work/controller.log")
  apply_flux || cat "$work/said"
  tail -n "+$((from + 1))" "$work/controller.log" | grep -oE '"[^"]+":"(created|configured|deleted)"' || true
}
