# The pod that leads is evicted while 500 claims arrive.
arrive e2e-evict
pod=$(leader)
kubectl create --raw "/api/v1/namespaces/$system/pods/$pod/eviction" -f - > /dev/null << JSON
{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "$pod", "namespace": "$system"}}
JSON
arrived
settled
