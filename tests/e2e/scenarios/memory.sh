# Ten thousand requests under the shipped limit, served and listed by a start.
many=${E2E_MANY:-10000}
# What the limit is compared with, in MiB, of each pod. The kubelet looks from time to time: what it saw before is not taken.
working_sets() {
  until_true looked_at_since "$(date +%s%3N)"
  awk '{ printf "%s%.1f", (said++ ? ", " : ""), $2 / 1048576 }' "$work/working_sets"
}
looked_at_since() {
  local node
  for node in $(ours get pods -l "$selector" -o jsonpath='{range .items[*]}{.spec.nodeName}{"\n"}{end}' | sort -u); do
    kubectl get --raw "/api/v1/nodes/$node/proxy/metrics/cadvisor"
  done | awk -v since="$1" '/^container_memory_working_set_bytes\{container="operator"/ && $3 >= since' > "$work/working_sets"
  (($(wc -l < "$work/working_sets") == 2))
}
say "before: $(working_sets) MiB"
kubectl create namespace e2e-memory > /dev/null
since=$SECONDS
# Two at a time, a thousand in each.
write() {
  for at in $(seq "$1" "$2"); do
    (((at - 1) % 5)) || instance e2e-memory "s$(((at - 1) / 5))"
    request e2e-memory "r$at" "s$(((at - 1) / 5))"
  done | kubectl create -f - > /dev/null
}
for ((at = 1; at <= many; at += 2000)); do
  write "$at" $((at + 999)) &
  write $((at + 1000)) $((at + 1999)) &
  wait
done
until_true all_ready e2e-memory "$many"
say "$many created and served in $((SECONDS - since)) s"
judge e2e-memory "$many"
say "with them: $(working_sets) MiB, limit $(ours get deployment icp-filing-operator -o jsonpath='{.spec.template.spec.containers[0].resources.limits.memory}')"
expect "the restarts" 0 "$(restarts)"
ours rollout restart deployment/icp-filing-operator > /dev/null
settled
until_true has_leader
say "after a start: $(working_sets) MiB"
expect "the restarts" 0 "$(restarts)"
kubectl delete namespace e2e-memory --wait=false > /dev/null
