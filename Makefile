# Scanferry. Every target installs what it lacks; what runs afterwards is the project's own Node.js from npm.
SHELL := /bin/bash
BIN := node_modules/.bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: run test check build bench docs clean setup peers

# Starts the agent with a simulated tenant and simulated devices, sends scans through it, and stays for yours.
run: build
	@node dist/scanferry.cjs run --demo $(ARGS)

# Everything: lint, types, every test against real peers.
test: check peers build
	@node scripts/run-tests.ts

# Format, lint, types, and the generated files; seconds.
check: setup
	@biome ci . && tsc --noEmit && node scripts/generate.ts --check

build: setup
	@node scripts/build.ts

# The agent and Debian's Postfix on the same work, in one table (docs/performance.md); ARGS=--quick is short.
bench: peers build
	@node scripts/bench/main.ts $(ARGS)

# Writes again what is generated from the code: the profile index, the search of line ends and docs/reference.
docs: setup
	@node scripts/generate.ts

setup: node_modules/.installed

node_modules/.installed: package.json package-lock.json
	@scripts/setup.sh && touch $@

# Debian packages the tests talk to.
peers:
	@scripts/install-test-peers.sh

clean:
	rm -rf dist node_modules
