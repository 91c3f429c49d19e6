# The CRDs are replaced by others, with a field more, under stored objects and a working operator, and back.
objects() { kubectl get icp,servicenumbers -A -o json | jq -c '.items[] | [.kind, .metadata.namespace, .metadata.name, .spec, .status]' | sort; }
before=$(objects)
kubectl kustomize "$root/crds" > "$work/shipped.yaml"
kubectl create --dry-run=client -o json -f "$work/shipped.yaml" | jq '
  (if .kind == "List" then .items[] else . end) |= (.spec.versions[].schema.openAPIV3Schema |=
    (.description = "Of the next version. \(.description)" |
     if .properties.spec then .properties.spec.properties.fromTheNextVersion = {type: "string", maxLength: 10} else . end))' > "$work/next.json"
kubectl apply --server-side --force-conflicts -f "$work/next.json" > /dev/null
next_is_served() { kubectl explain servicenumberrequests | grep 'Of the next version' > /dev/null; }
until_true next_is_served
expect "the objects" "$before" "$(objects)"
kubectl create namespace e2e-crds > /dev/null
{ instance e2e-crds s1; request e2e-crds r1 s1; } | kubectl create -f - > /dev/null
kubectl -n e2e-crds wait --for=condition=Ready --timeout=60s servicenumberrequest/r1 > /dev/null
kubectl apply --server-side --force-conflicts -k "$root/crds" > /dev/null
shipped_is_served() { ! next_is_served; }
until_true shipped_is_served
request e2e-crds r2 s1 | kubectl create -f - > /dev/null
kubectl -n e2e-crds wait --for=condition=Ready --timeout=60s servicenumberrequest/r2 > /dev/null
judge e2e-crds 2
expect "the objects that were there before" "$before" "$(objects | grep -v '"e2e-crds"')"
expect "the restarts" 0 "$(restarts)"
