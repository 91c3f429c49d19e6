# The commands of the page on installing, then the samples to the end of a filing.
if kubectl get namespace "$system" > /dev/null 2>&1; then
  die "the cluster has a namespace $system already: take the operator away first (docs/install.md, For good)"
fi
page docs/install.md 1
settled
say "from pod to ready: $(ours get pods -l "$selector" -o json | jq -r '[.items[] |
  (.status.conditions[] | select(.type == "Ready").lastTransitionTime | fromdate) - (.metadata.creationTimestamp | fromdate)] |
  map("\(.) s") | join(", ")')"
for at in 3 4 5 6; do
  page docs/kind.md $at
done
expect "the number of the filing that was approved" Consumed \
  "$(kubectl get servicenumbers -o json | jq -r '.items[].spec | select(.filing.name == "shop").state')"
audit
