#!/usr/bin/env bash
# Licences, sources and banned crates. Installs cargo-deny when it is missing (some minutes, once).
set -euo pipefail
cd "$(dirname "$0")/.."
if ! cargo deny --version >/dev/null 2>&1; then
    cargo install --locked cargo-deny --version 0.20.2
fi
cargo deny --offline check bans licenses sources
