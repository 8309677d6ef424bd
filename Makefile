# Plenum. `make run` builds everything and serves http://localhost:4000. `make help` lists the rest.

CARGO ?= cargo
NPM ?= npm
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run dev build test lint fmt bench soak fuzz tools web web-deps test-rust test-web test-contract test-programs e2e clean

# Where cargo puts what it builds.
TARGET := $(or $(CARGO_TARGET_DIR),target)

# Every web step is skipped while there is no web client in the tree.
WEB := $(wildcard web/package.json)

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

run: build ## build everything in release and run it; ARGS="--lan" passes flags
	$(TARGET)/release/plenum $(ARGS)

dev: web-deps ## page with hot reload on http://localhost:5173, server restarted on change
	@CARGO="$(CARGO)" ARGS="$(ARGS)" ./scripts/dev.sh

build: tools web ## build the web client and the server in release
	$(CARGO) build --release --locked

test: tools test-rust test-web test-contract test-programs e2e ## run every test

lint: tools web-deps ## check formatting, lints and types
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
ifneq ($(WEB),)
	cd web && $(NPM) run lint --if-present
	cd web && $(NPM) run check --if-present
endif

fmt: ## format the Rust code
	$(CARGO) fmt

test-rust: web
	@./scripts/test-tools.sh prometheus
	$(CARGO) test --locked

# Also: the library's package is whole, and its documentation has no gap.
test-web: web
ifneq ($(WEB),)
	cd web && $(NPM) test && $(NPM) run package && $(NPM) run docs
endif

# What docs/signalling.md says, spoken by the stock client to the development build.
test-contract: web
ifneq ($(WEB),)
	$(CARGO) test --locked --no-run
	cd web && $(NPM) run contract
endif

# Programs that are no browsers, in Python, spoken to by the development build.
test-programs: web
	$(CARGO) test --locked --no-run
	@./scripts/test-programs.sh

# Browsers are tested against the development build that the Rust tests use: another one would build every dependency anew.
e2e: web
ifneq ($(WEB),)
	@if [ -f web/e2e/run.mjs ]; then \
	  ./scripts/test-tools.sh && $(CARGO) test --locked --no-run && cd web && $(NPM) run e2e; \
	fi
endif

MINUTES ?= 5

soak: web ## six members in Chromium for MINUTES minutes, against a control of two
	./scripts/test-tools.sh && $(CARGO) test --locked --no-run && cd web && $(NPM) run soak -- $(MINUTES)

bench: ## run the benchmarks; ARGS="--quick" for a first look
	$(CARGO) bench --locked --bench forward -- $(ARGS)

SECONDS_EACH ?= 60

fuzz: ## run every fuzz target for SECONDS_EACH seconds
	@./scripts/fuzz.sh $(SECONDS_EACH)

tools:
	@./scripts/check-tools.sh

web: web-deps
ifneq ($(WEB),)
	cd web && $(NPM) run build
endif

web-deps: tools
ifneq ($(WEB),)
	@./scripts/web-deps.sh
endif

clean: ## remove everything that was built
	$(CARGO) clean
	rm -rf web/dist web/node_modules
