# What the pods may do: nothing that Pod Security "restricted" forbids, by the objects and, on our own node, by the kernel.
expect "the enforced Pod Security" restricted \
  "$(kubectl get namespace "$system" -o jsonpath='{.metadata.labels.pod-security\.kubernetes\.io/enforce}')"
if ours run probe --image="$E2E_IMAGE" --privileged --dry-run=server > /dev/null 2> "$work/refused"; then
  die "the namespace takes a privileged pod"
fi
grep -q 'violates PodSecurity "restricted' "$work/refused" || die "it was refused for something else: $(cat "$work/refused")"
expect "the containers of other settings" 0 "$(ours get pods -l "$selector" -o json | jq '[.items[] |
  select((.spec.securityContext | .runAsNonRoot and .seccompProfile.type == "RuntimeDefault" and .runAsUser == 65532 | not) or
    any(.spec.containers[].securityContext; .readOnlyRootFilesystem and .allowPrivilegeEscalation == false
      and .capabilities.drop == ["ALL"] and (.privileged | not) | not))] | length')"
if [[ -z ${NODE_DIR:-} ]]; then
  say "left out: what the kernel says of the processes is looked at on a node of our own"
  exit 0
fi
pids=$(pgrep -f '^/icp-filing-operator run')
expect "the processes" 2 "$(wc -w <<< "$pids")"
for pid in $pids; do
  says() { awk -v field="$1:" '$1 == field { print $2 }' "/proc/$pid/status"; }
  expect "the user" 65532 "$(says Uid)"
  expect "the capabilities" 0000000000000000 "$(says CapEff)"
  expect "the capabilities that it could get" 0000000000000000 "$(says CapBnd)"
  expect "whether it can get more rights" 1 "$(says NoNewPrivs)"
  expect "the system calls being filtered" 2 "$(says Seccomp)"
  grep -qE '^[^ ]+ [^ ]+ [^ ]+ [^ ]+ / ro' "/proc/$pid/mountinfo" || die "its root can be written to"
done
say "two processes of 65532 without capabilities, with seccomp, on a root that is read-only"
