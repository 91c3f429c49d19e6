# The dashboard, drawn from what pods export while claims arrive, some are refused, and the leader is killed.
if [[ -z ${E2E_PROMETHEUS:-} || -z ${E2E_DRAW:-} ]]; then
  say "left out: tests/monitoring/picture builds what it needs"
  exit 0
fi
# Through kubectl's proxy, so that nothing of the cluster has to be reached but its API server.
begin_proxy
{
  # The labels that deploy/monitoring/servicemonitor.yaml makes the Prometheus operator give.
  cat << CONFIG
global: {scrape_interval: 5s}
scrape_configs:
  - job_name: icp-filing-operator
    kubernetes_sd_configs: [{role: pod, api_server: "http://$proxy", namespaces: {names: [$system]}}]
    relabel_configs:
      - {source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_name], regex: icp-filing-operator, action: keep}
      - {source_labels: [__meta_kubernetes_pod_container_port_name], regex: http, action: keep}
      - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
      - {source_labels: [__address__], target_label: instance}
      - source_labels: [__meta_kubernetes_pod_name]
        target_label: __metrics_path__
        replacement: /api/v1/namespaces/$system/pods/\${1}:8080/proxy/metrics
      - {target_label: __address__, replacement: "$proxy"}
CONFIG
  for node in $(kubectl get nodes -o jsonpath='{.items[*].metadata.name}'); do
    cat << CONFIG
  - job_name: kubelet-$node
    metrics_path: /api/v1/nodes/$node/proxy/metrics/cadvisor
    static_configs: [{targets: ["$proxy"]}]
CONFIG
  done
} > "$work/prometheus.yaml"
"$E2E_PROMETHEUS" --config.file="$work/prometheus.yaml" --storage.tsdb.path="$work/series" \
  --web.listen-address=127.0.0.1:0 --log.format=json 2> "$work/prometheus.log" &
scraping=$!
trap 'kill "$proxying" "$scraping"' EXIT
listening() { prometheus=$(jq -r 'select(.msg == "Listening on").address' "$work/prometheus.log" 2> /dev/null) && [[ $prometheus ]]; }
end=$((SECONDS + 60))
until listening; do
  ((SECONDS < end)) || { cat "$work/prometheus.log" >&2; die "Prometheus does not start"; }
  sleep 0.5
done
scraped() { curl -sf "http://$prometheus/api/v1/query" -d "query=$1" | jq -e '.data.result | length > 0'; }
until_true scraped 'up{job="icp-filing-operator"} == 1'
since=$EPOCHSECONDS

arrive e2e-picture-first
arrived
arrive e2e-picture-killed
kill_leader
arrived
settled
# Claims that are refused: a server's sixth, and those on a server that does not qualify.
kubectl create namespace e2e-picture-refused > /dev/null
{
  instance e2e-picture-refused many
  instance e2e-picture-refused short | sed "s/^\(  region:\).*/\1 cn-hongkong/"
  for at in {1..40}; do request e2e-picture-refused "many-$at" many; done
  for at in {1..20}; do request e2e-picture-refused "short-$at" short; done
} | kubectl create -f - > /dev/null
arrive e2e-picture-last
arrived
# One more look at every series.
until_true scraped "timestamp(up{job=\"icp-filing-operator\"}) > $EPOCHSECONDS"
"$E2E_DRAW" "$root/tests/monitoring/draw.py" "$root/deploy/monitoring/dashboard.json" "http://$prometheus" "$since" \
  "$root/docs/dashboard.png"
say "docs/dashboard.png is drawn"
