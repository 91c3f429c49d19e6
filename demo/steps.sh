# The steps that `make demo` and `make up` share. Sourced with KUBECONFIG (an administrator's), TESTBED_DIR and
# a PATH that has kubectl. Nothing here is specific to a test.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
# Shows a command before it runs, as a person would type it.
show() {
  printf '\033[2m$ %s\033[0m\n' "$*"
  "$@"
}
as() {
  local user=$1
  shift
  KUBECONFIG="$TESTBED_DIR/kubeconfigs/$user" "$@"
}

# Waits until a command succeeds. It ends the script where none does: in a condition a failure would go unnoticed.
until_true() {
  local tries
  for tries in {1..120}; do
    if "$@" > /dev/null 2>&1; then return 0; fi
    sleep 0.25
  done
  echo "not so after 30 s: $*" >&2
  exit 1
}

install_product() {
  say "Installing the CRDs, roles, policies and classes, as an administrator"
  kubectl apply --server-side -k "$root/crds" > /dev/null
  kubectl wait --for=condition=Established --timeout=60s crd -l app.kubernetes.io/part-of=icp-filing-operator > /dev/null
  # The API server starts to serve a kind a moment after it says that it does.
  local tries
  for tries in {1..60}; do
    kubectl apply --server-side -k "$root/deploy" > /dev/null 2> "$TESTBED_DIR/apply.log" && break
    if [ "$tries" = 60 ]; then cat "$TESTBED_DIR/apply.log" >&2; return 1; fi
    sleep 0.5
  done
  show kubectl get instanceclasses
  kubectl create clusterrolebinding platform-admin --clusterrole=icp-filing-platform-admin --user=platform-admin > /dev/null
  kubectl create clusterrolebinding registrar --clusterrole=icp-filing-registrar --user=registrar > /dev/null
  kubectl apply -f "$root/deploy/samples/00-namespaces.yaml" > /dev/null
  kubectl -n shop-team create rolebinding applicant --clusterrole=icp-filing-applicant --user=alice > /dev/null
  kubectl -n agency create rolebinding applicant --clusterrole=icp-filing-applicant --user=agent > /dev/null
  await_rights
}

# The authorizer and the policies learn of new objects from watches, so both may be a moment late.
await_rights() {
  local tries
  for tries in {1..120}; do
    if as agent kubectl -n agency auth can-i create filings > /dev/null 2>&1 &&
      ! kubectl create --dry-run=server -f - > /dev/null 2>&1 << 'RECORD'; then
apiVersion: icp-filing.dev/v1alpha1
kind: ServiceNumber
metadata: {name: instance.probe-0}
spec:
  number: 00000000-0000-4000-8000-000000000000
  state: Issued
  slot: 0
  quota: 1
  quotaScope: Instance
  className: probe
  instanceName: probe
  accountID: "1"
  claim: {kind: Filing, namespace: probe, name: probe}
  issuedTime: "2026-01-01T00:00:00Z"
RECORD
      return 0
    fi
    sleep 0.25
  done
  echo "the roles or policies are not in force after 30 s" >&2
  return 1
}

# Starts the operator as its own service account and leaves its process id in $operator.
start_operator() {
  say "Starting the operator as its own service account"
  local token
  token=$(kubectl -n icp-filing-system create token icp-filing-operator --duration=24h)
  local kubeconfig
  kubeconfig=$("$root/target/debug/testbed" kubeconfig "$TESTBED_DIR" --token "$token" operator)
  setsid "$root/target/debug/icp-filing-operator" run --kubeconfig "$kubeconfig" --listen 127.0.0.1:0 \
    > "$TESTBED_DIR/operator.log" 2>&1 < /dev/null &
  operator=$!
  local tries
  for tries in {1..240}; do
    grep -q ' ready$' "$TESTBED_DIR/operator.log" && return 0
    kill -0 "$operator" 2> /dev/null || break
    sleep 0.25
  done
  echo "the operator is not ready:" >&2
  cat "$TESTBED_DIR/operator.log" >&2
  return 1
}

apply_samples() {
  say "Declaring servers as the platform administrator, asking for numbers as the applicant"
  local file
  for file in "$root"/deploy/samples/[1-3]*.yaml; do
    case $(basename "$file") in
      1*) as platform-admin kubectl apply -f "$file" ;;
      *) as alice kubectl apply -f "$file" ;;
    esac
  done
  kubectl -n shop-team wait --for=condition=Ready --timeout=60s servicenumberrequest/{shop,agency,blog,docs} filing/{shop,news} > /dev/null
  kubectl -n shop-team wait --for=condition=Stalled --timeout=60s servicenumberrequest/overseas instance/i-j6c4hkmpayg0f1x2y3 > /dev/null
}

file_by_number() {
  say "Filing from another account, with a number that the shop told it"
  local number
  number=$(as alice kubectl -n shop-team get servicenumberrequest agency -o jsonpath='{.status.serviceNumber}')
  sed "s/SERVICE_NUMBER/$number/" "$root/deploy/samples/by-number/filing.yaml" | as agent kubectl apply -f -
  kubectl -n agency wait --for=condition=Ready --timeout=60s filing/campaign > /dev/null
}

review() {
  say "Reviewing the shop's filing as the registrar"
  local record
  record=$(as registrar kubectl -n shop-team get filing shop -o jsonpath='{.status.recordName}')
  as registrar kubectl -n shop-team patch filing shop --subresource=status --type=merge \
    -p "{\"status\":{\"review\":{\"recordName\":\"$record\",\"state\":\"InReview\"}}}"
  as registrar kubectl -n shop-team patch filing shop --subresource=status --type=merge \
    -p "{\"status\":{\"review\":{\"recordName\":\"$record\",\"state\":\"Approved\",\"icpNumber\":\"浙ICP备11012345号-1\"}}}"
  kubectl -n shop-team wait --for=condition=Completed --timeout=60s filing/shop > /dev/null
  kubectl -n shop-team wait --for=jsonpath='{.status.state}'=Consumed --timeout=60s servicenumberrequest/shop > /dev/null
  kubectl -n shop-team wait --for=jsonpath='{.status.quota.consumed}'=1 --timeout=60s instance/i-bp67acfmxazb4ph4a1 > /dev/null
}

show_all() {
  say "What the applicant sees"
  show as alice kubectl -n shop-team get instances,servicenumberrequests,filings
  say "What the other account sees"
  show as agent kubectl -n agency get filings
  say "Why there is no number for the server in Hong Kong: every reason, with its remedy"
  show as alice kubectl -n shop-team get servicenumberrequest overseas \
    -o jsonpath='{range .status.refusals[*]}{.reason}: {.observed}; required: {.required}{"\n"}   {.remedy}{"\n"}{end}'
  say "The ledger, as the platform administrator sees it"
  show as platform-admin kubectl get servicenumbers
}
