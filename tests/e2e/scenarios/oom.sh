# Too little memory: lower and lower until the kernel kills it at work; nothing is lost, and the shipped limit heals it.
limit() {
  ours patch deployment icp-filing-operator --type=json -p "[
    {\"op\": \"replace\", \"path\": \"/spec/template/spec/containers/0/resources/limits/memory\", \"value\": \"$1\"},
    {\"op\": \"replace\", \"path\": \"/spec/template/spec/containers/0/resources/requests/memory\", \"value\": \"$2\"}]" > /dev/null
}
killed_for_memory() {
  ours get pods -l "$selector" -o json | jq -e 'any(.items[].status.containerStatuses[]?;
    .lastState.terminated.reason == "OOMKilled" or .state.terminated.reason == "OOMKilled")' > /dev/null
}
shipped_limit=$(ours get deployment icp-filing-operator -o jsonpath='{.spec.template.spec.containers[0].resources.limits.memory}')
shipped_request=$(ours get deployment icp-filing-operator -o jsonpath='{.spec.template.spec.containers[0].resources.requests.memory}')
found=
arrive e2e-oom
for mebibytes in 16 12 9 7 6 5 4; do
  limit "${mebibytes}Mi" "${mebibytes}Mi"
  for ((tries = 0; tries < 24; tries++)); do
    if killed_for_memory; then
      found=$mebibytes
      break 2
    fi
    # A roll that has ended has met what arrives, and lives.
    if ((tries > 12)) && ours rollout status deployment/icp-filing-operator --timeout=1s > /dev/null 2>&1; then break; fi
    sleep 0.5
  done
done
[[ -n $found ]] || die "no limit is too low for it"
say "killed for memory at a limit of $found MiB"
limit "$shipped_limit" "$shipped_request"
arrived
settled
