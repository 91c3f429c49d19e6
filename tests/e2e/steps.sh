# What the scenarios share. Sourced by `play` with KUBECONFIG of a cluster's administrator, E2E_IMAGE, and a folder $work.
# Whatever a scenario changes here it undoes, so that each begins on a cluster where the operator is installed and idle.

system=icp-filing-system
say() { printf '   %s\n' "$*"; }
die() { printf '   FAILED: %s\n' "$*" >&2; exit 1; }
expect() { [[ $2 == "$3" ]] || die "expected $1 to be '$2', and it is '$3'"; }
ours() { kubectl -n "$system" "$@"; }
selector=app.kubernetes.io/name=icp-filing-operator

# Waits until a command succeeds, two minutes at most unless PATIENCE says otherwise.
until_true() {
  local end=$((SECONDS + ${PATIENCE:-120}))
  until "$@" > /dev/null 2>&1; do
    ((SECONDS < end)) || die "not so after ${PATIENCE:-120} s: $*"
    sleep 0.5
  done
}
# The shipped objects with another image, and nothing else of them changed.
shipped() { kubectl kustomize "$root/$1" | sed -E "s#^( *(- )?image:) icp-filing-operator:.*#\1 $E2E_IMAGE#"; }
rolled_out() {
  ours rollout status deployment/icp-filing-operator --timeout=3m > /dev/null || {
    ours get pods -o wide >&2
    ours describe pods -l "$selector" | tail -n 40 >&2
    die "the Deployment does not roll out (its pods are above)"
  }
}
# Two pods, both ready, and none of an earlier roll.
settled() {
  rolled_out
  until_true two_pods
}
two_pods() {
  [[ $(ours get pods -l "$selector" -o json | jq '[.items[] | select(.metadata.deletionTimestamp == null)
    | select(any(.status.conditions[]; .type == "Ready" and .status == "True"))] | length') == 2 &&
    $(ours get pods -l "$selector" -o name | wc -l) == 2 ]]
}
# The name of the pod that leads: a holder is called after its pod, with something of its own behind it.
leader() {
  local holder pod
  holder=$(ours get lease icp-filing-operator -o jsonpath='{.spec.holderIdentity}')
  for pod in $(ours get pods -l "$selector" -o jsonpath='{.items[*].metadata.name}'); do
    [[ $holder != "$pod"* ]] || echo "$pod"
  done
}
# The processes of a pod, as far as they are seen from here: those of a cluster that was not made here may not be.
processes_of() {
  local pid
  for pid in $(pgrep -f '^/icp-filing-operator run' || true); do
    if tr '\0' '\n' 2> /dev/null < "/proc/$pid/environ" | grep -x "POD_NAME=$1" > /dev/null; then echo "$pid"; fi
  done
}
# Kills the process that leads (SIGKILL), so that nobody gives its Lease back; $led is the pod. One that is out of reach is
# deleted by force with its pod, which may still leave it the time to end.
kill_leader() {
  led=$(leader)
  killed=$(processes_of "$led")
  if [[ $killed ]]; then
    kill -KILL "$killed"
  else
    say "no process of $led is seen from here: its pod is deleted by force"
    ours delete pod "$led" --force --grace-period=0 > /dev/null 2>&1
  fi
}
# The API of the cluster without credentials, at http://$proxy, until the scenario ends.
begin_proxy() {
  kubectl proxy --port=0 > "$work/proxy" &
  proxying=$!
  trap 'kill "$proxying"' EXIT
  until_true grep -q 'Starting to serve' "$work/proxy"
  proxy=$(sed 's/.* //' "$work/proxy")
}
has_leader() { [[ -n $(leader) ]]; }
restarts() { ours get pods -l "$selector" -o json | jq '[.items[].status.containerStatuses[]?.restartCount] | add // 0'; }

# A server in a namespace, and one claim on a number of it, as the samples have them. A server is one in the whole cluster, so its
# name begins with that of the namespace.
an_instance=$(sed -e 's/^  name: .*/  name: @NAME/' -e 's/^  namespace: .*/  namespace: @NAMESPACE/' "$root/deploy/samples/10-instance-ecs.yaml")
a_request=$(sed -e '/^---/,$d' -e 's/^  name: .*/  name: @NAME/' -e 's/^  namespace: .*/  namespace: @NAMESPACE/' \
  -e 's/^    name: .*/    name: @INSTANCE/' "$root/deploy/samples/20-requests-ecs.yaml")
instance() {
  local text=${an_instance/@NAMESPACE/$1}
  printf '%s\n---\n' "${text/@NAME/$1-$2}"
}
request() {
  local text=${a_request/@NAMESPACE/$1}
  text=${text/@NAME/$2}
  printf '%s\n---\n' "${text/@INSTANCE/$1-$3}"
}

# 500 claims on 100 servers in a namespace of their own, twenty about every second; `arrive NAMESPACE` begins and goes on in the
# background, `disturbed` says when what is to be tried was done, `arrived` waits for the end and judges.
arrive() {
  arriving=$1
  local servers=$work/$1.servers at
  kubectl create namespace "$1" > /dev/null
  for at in {1..100}; do instance "$1" "s$at"; done > "$servers"
  kubectl create -f "$servers" > /dev/null
  # When each record was seen, by a watch that no operator has anything to do with.
  kubectl get servicenumbers --watch -o custom-columns=N:.spec.claim.namespace,R:.metadata.name --no-headers > >(
    while read -r namespace record; do
      [[ $namespace != "$1" ]] || echo "$EPOCHREALTIME $record"
    done > "$work/$1.seen"
  ) &
  watching=$!
  (
    for batch in {1..25}; do
      for at in {1..20}; do request "$1" "r$((batch * 20 + at))" "s$((batch * 4 - 3 + at % 4))"; done > "$work/$1.batch"
      kubectl create -f "$work/$1.batch" > /dev/null
      sleep 0.5
    done
  ) &
  writing=$!
  until_true test -s "$work/$1.seen"
}
# Waits for the last claim, prints the longest time without a number, and judges what there is in the end.
arrived() {
  wait "$writing" || die "not all claims could be written"
  until_true all_ready "$arriving" 500
  until_true seen_all
  kill "$watching" 2> /dev/null
  wait "$watching" 2> /dev/null || true
  judge "$arriving" 500
  say "$arriving: 500 of 500, each its own; longest time without a number $(longest) s"
}
# One list, since kubectl waits for one object after the other.
all_ready() {
  [[ $(kubectl -n "$1" get servicenumberrequests -o json |
    jq '[.items[] | select(any(.status.conditions[]?; .type == "Ready" and .status == "True"))] | length') == "$2" ]]
}
seen_all() { (($(awk '{ print $2 }' "$work/$arriving.seen" | sort -u | wc -l) == 500)); }
longest() {
  awk '!seen[$2]++ { if (before && $1 - before > gap) gap = $1 - before; before = $1 } END { printf "%.1f", gap }' "$work/$arriving.seen"
}
# Every claim of a namespace has one number, no two have the same, and the ledger says so and no more.
judge() {
  kubectl -n "$1" get servicenumberrequests -o json |
    jq -r '.items[] | "\(.metadata.name) \(.status.serviceNumber)"' | sort > "$work/claims"
  kubectl get servicenumbers -o json |
    jq -r --arg namespace "$1" '.items[].spec | select(.claim.namespace == $namespace) | "\(.claim.name) \(.number)"' | sort > "$work/records"
  expect "the claims of $1" "$2" "$(wc -l < "$work/claims")"
  expect "their different numbers" "$2" "$(awk '{ print $2 }' "$work/claims" | sort -u | wc -l)"
  diff "$work/claims" "$work/records" >&2 || die "claims of $1 (<) and the ledger (>) differ"
  audit
}
# The product's own judgement of the whole ledger.
audit() {
  "$root/target/debug/icp-filing-operator" audit --kubeconfig "$KUBECONFIG" > "$work/audit" 2>&1 || {
    cat "$work/audit" >&2
    die "the audit finds something"
  }
}
# What must outlive everything: which number whose claim got, in which record.
ledger() {
  kubectl get servicenumbers -o json | jq -r '.items[] | "\(.metadata.uid) \(.metadata.name) \(.spec.number) \(.spec.claim | tojson)"' | sort
}
# Runs the commands of a block of a page, as `tests/docs/run` counts them, with the image in the place of the shipped one.
page() {
  "$root/tests/docs/block" "$root/$1" "$2" > "$work/block"
  [[ -s $work/block ]] || die "$1 has no block $2"
  # What commands write does not end up among the sources, nor in the way of the next block.
  rm -rf "$work/pages"
  mkdir "$work/pages"
  ln -sfn "$root"/{crds,deploy,docs,charts} "$work/pages/"
  # A shell of its own, so that the first command that fails ends the block.
  (cd "$work/pages" && bash -euo pipefail -c '
    source "$root/tests/e2e/steps.sh"
    kubectl() {
      case "$*" in
        "apply --server-side -k deploy/") shipped deploy | command kubectl apply --server-side -f - ;;
        *) command kubectl "$@" ;;
      esac
    }
    icp-filing-operator() { "$root/target/debug/icp-filing-operator" "$@" --kubeconfig "$KUBECONFIG"; }
    source "$work/block"') > "$work/page" 2>&1 || {
    cat "$work/page" >&2
    die "block $2 of $1 fails"
  }
}
