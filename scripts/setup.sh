#!/usr/bin/env bash
# Installs the npm packages; among them is the Node.js that everything else runs on.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "setup: $1" >&2; exit 1; }

command -v node >/dev/null || fail 'Node.js 20 or newer and npm 10 or newer are needed to start; on Debian: apt-get install nodejs npm'
command -v npm >/dev/null || fail 'npm 10 or newer is needed; on Debian: apt-get install npm'
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || fail "Node.js 20 or newer is needed to start, this is $(node --version)"
[ "$(npm --version | cut -d. -f1)" -ge 10 ] || fail "npm 10 or newer is needed, this is $(npm --version)"

# Of all install scripts only that of the package "node" is wanted: it puts the project's own Node.js in place.
# better-sqlite3 ships its addon prebuilt; its script would ask for a compiler.
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
npm rebuild node --loglevel=error
node_modules/.bin/node --version >/dev/null ||
  fail "the Node.js of the project did not install; is there a build of it for $(uname -m)?"
