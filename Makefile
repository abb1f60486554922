# `make` alone lists what there is.

.PHONY: help
help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Those that mostly wait do so at once; memory is measured alone.
.PHONY: test
test: lint unit selftest scenarios ## everything: lint, unit, selftest, on-cluster, lab, memory
	@$(MAKE) --no-print-directory --jobs 3 --output-sync=target manifests documents lab
	@$(MAKE) --no-print-directory memory

.PHONY: lint
lint: prepare ## format, clippy, documentation, shellcheck, dependencies, oldest Rust: nothing may be said
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings
	cargo clippy --test on_cluster --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked
	shellcheck --external-sources $$(grep -rlIE '^#!/usr/bin/env bash|^# shellcheck shell=bash' .ci scripts tests)
	scripts/cargo-deny check --hide-inclusion-graph licenses bans sources
	cargo +$$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml) check --locked

# Needs git and a way to GitHub, where the database is.
.PHONY: advisories
advisories: prepare ## look the dependencies up in the RustSec database of known vulnerabilities; not part of make test
	scripts/cargo-deny check advisories

.PHONY: unit
unit: prepare ## what needs no cluster
	cargo test --locked --lib --bins --test house --test output
	cargo test --locked --doc

.PHONY: on-cluster
on-cluster: scenarios manifests documents ## tests on clusters of their own: what the program does, what manifests and documents promise

.PHONY: scenarios manifests documents
scenarios: cluster image
	tests/on-cluster
manifests: cluster image
	tests/cluster/sandbox --node real -- tests/manifests
documents: cluster image
	tests/cluster/sandbox --node real -- tests/documents

.PHONY: memory
memory: cluster image ## what the released program takes beside 10,000 pods
	tests/memory

# make lab KUBECONFIG=FILE [IMAGE=NAME] tells it on your own cluster, which must be able to pull IMAGE.
# Only KUBECONFIG on make's command line counts: the one in the environment is often somebody's production.
.PHONY: lab
ifeq ($(origin KUBECONFIG),command line)
lab:
	@tests/lab $(KUBECONFIG) $(IMAGE)
else
lab: cluster image ## the whole tool at work, told as a story; on your cluster: make lab KUBECONFIG=... IMAGE=...
	@tests/cluster/sandbox --node real -- tests/lab
endif

.PHONY: image
image: prepare ## build the container image; PROFILE=quick links in seconds, for trying things
	@scripts/image $(PROFILE)

# Debian packages (if root) and the Rust toolchain.
.PHONY: prepare
prepare:
	@scripts/packages buildah ca-certificates gcc jq libc6-dev musl-tools shellcheck
	@scripts/toolchain

.PHONY: selftest
selftest: cluster ## test the test cluster itself
	@tests/cluster/selftest

.PHONY: cluster
cluster: ## build the test cluster's programs and images into .cluster, once
	@tests/cluster/build

.PHONY: shell
shell: cluster ## open a shell inside a running cluster of your own
	@tests/cluster/sandbox --node both -- tests/cluster/shell
