#!/usr/bin/env bash
# `make up`: a control plane, the operator and the samples, left running until `make down`.
set -euo pipefail
state=$1
shift
mkdir -p "$state"
state=$(cd "$state" && pwd)
source "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

export TESTBED_DIR="$state/cluster"
if [ -e "$state/operator.pid" ]; then
  echo "it is up already, or was not taken down: make down" >&2
  exit 1
fi
rm -rf "$TESTBED_DIR"
KUBECONFIG=$("$root/target/debug/testbed" up "$@" "$TESTBED_DIR")
export KUBECONFIG
PATH=$("$root/tests/controlplane/build" kubectl):$PATH
undo() {
  [ "$?" = 0 ] || "$root/demo/down.sh" "$state"
}
trap undo EXIT
install_product
start_operator
echo "$operator" > "$state/operator.pid"
apply_samples
file_by_number
show_all
cat << NEXT

It is up. To play with it:

  export PATH=$(dirname "$(command -v kubectl)"):\$PATH
  export KUBECONFIG=$TESTBED_DIR/kubeconfigs/admin     # or alice, agent, registrar, platform-admin

  kubectl get icp -A
  kubectl -n shop-team describe servicenumberrequest overseas
  kubectl -n shop-team delete -f deploy/samples/20-requests-ecs.yaml
  kubectl -n shop-team apply -f deploy/samples/20-requests-ecs.yaml     # the same numbers again
  kubectl explain filing.spec.source

The operator logs to $TESTBED_DIR/operator.log. Stop it all with: make down
NEXT
