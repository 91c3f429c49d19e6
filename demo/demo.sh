#!/usr/bin/env bash
# `make demo`: everything once, on a control plane that ends with it. Fails if any of it did not happen.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

operator=
finish() {
  local code=$?
  if [ -n "$operator" ]; then
    kill "$operator" 2> /dev/null || true
    wait "$operator" 2> /dev/null || true
  fi
  if [ "$code" != 0 ] && [ -f "$TESTBED_DIR/operator.log" ]; then
    printf '\nThe demo failed. The last lines of the operator:\n' >&2
    tail -n 30 "$TESTBED_DIR/operator.log" >&2
  fi
  exit "$code"
}
trap finish EXIT

expect() {
  local what=$1 wanted=$2 got=$3
  if [ "$wanted" != "$got" ]; then
    printf 'expected %s to be %s, and it is %s\n' "$what" "$wanted" "$got" >&2
    return 1
  fi
}

install_product
start_operator
apply_samples
file_by_number
review
show_all

say "Checking that all of it happened"
expect "the numbers issued" 5 "$(kubectl get servicenumbers --no-headers | wc -l)"
expect "the numbers consumed" 1 "$(kubectl get servicenumbers --field-selector spec.state=Consumed --no-headers | wc -l)"
expect "the different numbers" 5 "$(kubectl get servicenumbers -o jsonpath='{range .items[*]}{.spec.number}{"\n"}{end}' | sort -u | wc -l)"
expect "the reasons of the refusal" "RegionNotSupported BillingMethodNotSupported TooFewMonthsPurchased TooFewMonthsRemaining" \
  "$(kubectl -n shop-team get servicenumberrequest overseas -o jsonpath='{.status.refusals[*].reason}')"
expect "the ICP number" 浙ICP备11012345号-1 "$(kubectl -n shop-team get filing shop -o jsonpath='{.status.icpNumber}')"
expect "what the account's two servers share" "3 3" \
  "$(kubectl -n shop-team get instance ewh-3kq8d2n1 ewh-9vt5b7w4 -o jsonpath='{.items[*].status.quota.available}')"
if as alice kubectl -n shop-team patch filing news --subresource=status --type=merge -p '{"status":{"review":null}}' 2> /dev/null; then
  echo "an applicant may write statuses" >&2
  exit 1
fi
if kubectl delete servicenumber --all > /dev/null 2>&1; then
  echo "an administrator may delete records" >&2
  exit 1
fi
say "All of it happened"
