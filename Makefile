# People type these lines, and CI runs the same ones.

CARGO ?= cargo

.PHONY: help run release check test lint bench fuzz package generate docs

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Build quickly, without the optimisations of a release, and start the daemon on 127.0.0.1:8080
	$(CARGO) build --profile quick --locked
	@CARGO="$(CARGO)" ./scripts/show-program quick
	@$(CARGO) run --quiet --profile quick --locked -- serve

release: ## Build the optimised binary, as it is shipped; takes several minutes
	$(CARGO) build --release --locked
	@CARGO="$(CARGO)" ./scripts/show-program release

check: ## Format, lints and unit tests of the crates that differ from the last commit
	CARGO="$(CARGO)" ./scripts/check-changed

test: ## Run every test; installs PostgreSQL, poolers and tmux when they are missing and you are root
	./scripts/require-test-programs
	CARGO="$(CARGO)" ./scripts/run-tests

lint: ## Check words, format, lints and documentation; warnings are errors
	./scripts/check-words
	$(CARGO) fmt --all --check
	$(CARGO) metadata --locked --format-version 1 --manifest-path fuzz/Cargo.toml >/dev/null
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy --package linux-api --no-default-features --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items --locked

generate: ## Write completions, man pages, OpenAPI, the configuration reference, the pictures and the boards of Grafana
	$(CARGO) run --locked --package xtask -- generate

docs: ## Build the documentation as a site in target/book; needs mdbook
	./scripts/build-book

bench: ## Measure every bar beside its reference; ONLY=scan picks rows, TARGET=x86_64-unknown-linux-musl the shipped program
	$(CARGO) bench --locked $(if $(TARGET),--target $(TARGET)) --bench bars -- $(ONLY)

fuzz: ## Run each fuzz target for SECONDS (60)
	./scripts/fuzz $(or $(SECONDS),60)

package: ## Build static binary, deb, rpm and container image in dist/, as far as the tools are there
	./scripts/package
