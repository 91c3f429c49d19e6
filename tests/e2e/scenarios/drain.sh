# The node of the pod that leads is drained of it while 500 claims arrive, and takes pods again afterwards.
arrive e2e-drain
pod=$(leader)
node=$(ours get pod "$pod" -o jsonpath='{.spec.nodeName}')
ours label pod "$pod" e2e=drained > /dev/null
kubectl drain "$node" --pod-selector=e2e=drained --delete-emptydir-data --timeout=60s > "$work/drain" 2>&1 || {
  kubectl uncordon "$node" > /dev/null
  cat "$work/drain" >&2
  die "the node is not drained"
}
# One works on alone, and the budget lets nobody take that one away as long as no other is ready.
if [[ -n ${NODE_DIR:-} ]]; then
  expect "how many more the budget lets go" 0 "$(ours get pdb icp-filing-operator -o jsonpath='{.status.disruptionsAllowed}')"
fi
kubectl uncordon "$node" > /dev/null
arrived
settled
