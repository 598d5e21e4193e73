#!/bin/sh
# Installs what the tests run on: PostgreSQL's server programs, a browser with its driver, and for the tests beside real
# applications a Python environment with Django and a folder of Node packages with NestJS, both at the versions pinned in
# crates/server/tests/interop.
#
# Quick when everything is there. Fails when something is missing and cannot be installed: the tests never skip.
set -eu

cd "$(dirname "$0")/.."
pins=crates/server/tests/interop
venv=target/interop/venv
node=target/interop/node

say() { printf 'setup-tests: %s\n' "$*"; }

# Whether any of these programs is there.
first_of() {
    for program in "$@"; do
        command -v "$program" >/dev/null && return 0
    done
    return 1
}

# Whether PostgreSQL's server programs are where the tests look for them, in crates/testbed.
has_postgres() {
    if [ -n "${COUNTERSIGN_POSTGRES_BIN:-}" ]; then
        [ -x "$COUNTERSIGN_POSTGRES_BIN/initdb" ]
        return
    fi
    for folder in "$(pg_config --bindir 2>/dev/null)" /usr/lib/postgresql/*/bin; do
        [ -x "$folder/initdb" ] && return 0
    done
    first_of initdb
}

# Debian names of what is missing, separated by spaces.
missing_programs() {
    command -v python3 >/dev/null || printf 'python3 '
    # Debian ships the module but not what it needs to fill an environment.
    python3 -c 'import venv, ensurepip' 2>/dev/null || printf 'python3-venv '
    command -v node >/dev/null || printf 'nodejs '
    command -v npm >/dev/null || printf 'npm '
    # The README's examples are pasted as they are.
    command -v curl >/dev/null || printf 'curl '
    # Cookie mode is proved in a real browser.
    first_of chromium chromium-browser google-chrome-stable google-chrome || printf 'chromium '
    first_of chromedriver chromium.chromedriver || printf 'chromium-driver '
    has_postgres || printf 'postgresql '
    # Makes the certificates of test servers.
    command -v openssl >/dev/null || printf 'openssl '
}

# Debian makes and starts a server of its own after the installation; the tests want the programs alone.
install_without_server() {
    only=/etc/postgresql-common/createcluster.d/countersign-tests.conf
    case " $* " in *" postgresql "*) mkdir -p "${only%/*}" && echo 'create_main_cluster = false' >"$only" ;; esac
    status=0
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null || status=$?
    rm -f "$only"
    return "$status"
}

install_programs() {
    missing=$(missing_programs)
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing $missing"
        apt-get update -qq
        # shellcheck disable=SC2086 # one word for each package is meant
        install_without_server $missing
    fi
    missing=$(missing_programs)
    [ -z "$missing" ] && return 0
    say "missing: $missing" >&2
    say "On Debian or Ubuntu: sudo apt-get install $missing" >&2
    say "Elsewhere: Python 3.10 or newer with venv, Node 18 or newer with npm, curl, openssl, Chromium or Chrome with the" >&2
    say "chromedriver of its version, and the server programs of PostgreSQL 14 or newer (COUNTERSIGN_POSTGRES_BIN names" >&2
    say "their folder; no server need run). Then run this script again." >&2
    exit 1
}

require_versions() {
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
        say "python3 is $(python3 -V 2>&1), Django 5.1 needs 3.10 or newer" >&2
        exit 1
    }
    node -e 'process.exit(process.versions.node.split(".")[0] < 18 ? 1 : 0)' || {
        say "node is $(node --version), NestJS 10 needs 18 or newer" >&2
        exit 1
    }
}

# A copy of the pins is left beside what they installed, last; the same copy means there is nothing to do.
install_python() {
    cmp -s "$pins/requirements.txt" "$venv/installed.txt" && "$venv/bin/python" -c 'import rest_framework_simplejwt' \
        2>/dev/null && return 0
    say "Python packages into $venv"
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$pins/requirements.txt"
    "$venv/bin/python" -m pip check --disable-pip-version-check
    cp "$pins/requirements.txt" "$venv/installed.txt"
}

install_node() {
    cmp -s "$pins/package-lock.json" "$node/installed.json" && [ -d "$node/node_modules/@nestjs/core" ] && return 0
    say "Node packages into $node"
    rm -rf "$node"
    mkdir -p "$node"
    cp "$pins/package.json" "$pins/package-lock.json" "$pins/.npmrc" "$node/"
    (cd "$node" && npm ci --no-progress --loglevel=error)
    cp "$pins/package-lock.json" "$node/installed.json"
}

install_programs
require_versions
install_python
install_node
say "ready"
