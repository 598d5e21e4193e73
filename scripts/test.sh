#!/usr/bin/env bash
# Runs every test of the workspace, beside one PostgreSQL server that they share. cargo-nextest when it is there, cargo
# test otherwise. COUNTERSIGN_TEST_POSTGRES=postgres://superuser:password@host:port/database takes another server.
set -euo pipefail
cd "$(dirname "$0")/.."
profile=debug
for word in "$@"; do
    [ "$word" != --release ] || profile=release
done
beside_postgres() {
    if [ -n "${COUNTERSIGN_TEST_POSTGRES:-}" ]; then
        "$@"
    else
        "${CARGO_TARGET_DIR:-target}/$profile/testbed-postgres" -- "$@"
    fi
}
# The tests are built first: they hold the program that starts the server.
if cargo nextest --version >/dev/null 2>&1; then
    cargo test --workspace --doc --quiet
    cargo nextest run --workspace --no-run "$@"
    beside_postgres cargo nextest run --workspace --no-fail-fast "$@"
else
    cargo test --workspace --no-run "$@"
    beside_postgres cargo test --workspace --no-fail-fast "$@"
fi
