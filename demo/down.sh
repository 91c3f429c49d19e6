#!/usr/bin/env bash
# `make down`: stops what `make up` left running, by its own process ids.
set -euo pipefail
state=$1
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ -f "$state/operator.pid" ]; then
  operator=$(cat "$state/operator.pid")
  # The number may belong to another process by now, after a restart of the machine for example.
  if [ "$(readlink "/proc/$operator/exe" 2> /dev/null || true)" = "$root/target/debug/icp-filing-operator" ]; then
    kill "$operator"
    for _ in {1..120}; do
      kill -0 "$operator" 2> /dev/null || break
      sleep 0.25
    done
  fi
  rm -f "$state/operator.pid"
fi
if [ -d "$state/cluster" ]; then
  "$root/target/debug/testbed" down "$state/cluster"
fi
echo "It is down."
