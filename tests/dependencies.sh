#!/usr/bin/env bash
# Licences, sources, duplicates and (where their database can be had) advisories of the dependencies.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=0.20.2
tools=${XDG_CACHE_HOME:-$HOME/.cache}/icp-filing-operator/tools
if ! "$tools/bin/cargo-deny" --version 2> /dev/null | grep -qF "$version"; then
  echo "building cargo-deny $version, once a machine" >&2
  CARGO_TARGET_DIR=$tools/target cargo install --quiet --locked --root "$tools" --version "$version" cargo-deny
  rm -rf "$tools/target"
fi
"$tools/bin/cargo-deny" --locked check bans licenses sources
# A second TLS library makes the client panic at its start: it could not tell which to use.
if cargo tree --locked --edges normal --invert aws-lc-rs > /dev/null 2>&1; then
  echo "aws-lc-rs is among the dependencies; only ring may be" >&2
  exit 1
fi
