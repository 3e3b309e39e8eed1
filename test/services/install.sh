#!/usr/bin/env bash
# Provides the real servers that tests run against, and a browser, on a Debian machine with Go: PostgreSQL, Caddy, Chromium, Kubo and rclone's S3 server.
# What is built is kept in MERCURY_SERVICES (by default below ~/.cache) and found there by the next run.
set -euo pipefail

services="${MERCURY_SERVICES:-${XDG_CACHE_HOME:-$HOME/.cache}/mercury-services}"
mkdir -p "$services/bin"

as_root () { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

missing=()
compgen -G '/usr/lib/postgresql/*/bin/postgres' > /dev/null || missing+=(postgresql)
command -v caddy > /dev/null || missing+=(caddy)
[ -x /usr/bin/chromium ] || missing+=(chromium)
if [ "${#missing[@]}" -gt 0 ]; then
  as_root apt-get update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
fi

# build COMMAND MODULE VERSION PACKAGE
build () {
  local command=$1 module=$2 version=$3 package=$4
  local stamp="$services/bin/$command@$version"
  if [ -x "$services/bin/$command" ] && [ -e "$stamp" ]; then return; fi
  echo "building $command $version; this takes a minute or two"
  local work
  work=$(mktemp -d)
  (
    cd "$work"
    go mod init services
    go get -tool "$package@$version"
    GOBIN="$services/bin" go install "$package"
  ) || { rm -rf "$work"; echo "$module $version could not be built" >&2; exit 1; }
  rm -rf "$work"
  touch "$stamp"
}

build ipfs github.com/ipfs/kubo v0.42.0 github.com/ipfs/kubo/cmd/ipfs
build rclone github.com/rclone/rclone v1.71.0 github.com/rclone/rclone

echo "PostgreSQL, Caddy, Chromium, Kubo and rclone are there; servers are started by the tests that need them"
