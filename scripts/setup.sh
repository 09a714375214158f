#!/usr/bin/env bash
# Installs the npm packages; among them is the Node.js that everything else runs on.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "setup: $1" >&2; exit 1; }

command -v node >/dev/null || fail 'Node.js 20 or newer and npm 10 or newer are needed to start; on Debian: apt-get install nodejs npm'
command -v npm >/dev/null || fail 'npm 10 or newer is needed; on Debian: apt-get install npm'
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || fail "Node.js 20 or newer is needed to start, this is $(node --version)"
[ "$(npm --version | cut -d. -f1)" -ge 10 ] || fail "npm 10 or newer is needed, this is $(npm --version)"

npm ci --no-audit --no-fund --loglevel=error
# The package "node" puts its binary in place by an install script; say so clearly where scripts are switched off.
[ -x node_modules/.bin/node ] && node_modules/.bin/node --version >/dev/null ||
  fail 'the Node.js of the project did not install; npm must be allowed to run install scripts (npm config get ignore-scripts)'
