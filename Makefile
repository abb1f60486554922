# `make` alone lists the targets.

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Tests that mostly wait run at the same time. Memory is measured alone.
.PHONY: test
test: lint unit selftest scenarios ## run everything: lint, unit, selftest, on-cluster, lab, memory
	@$(MAKE) --no-print-directory --jobs 3 --output-sync=target manifests documents lab
	@$(MAKE) --no-print-directory memory

.PHONY: lint
lint: prepare ## check format, clippy, documentation, shellcheck, dependencies, oldest Rust: no warning is allowed
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
unit: prepare ## run the tests that need no cluster
	cargo test --locked --lib --bins --test house --test output
	cargo test --locked --doc

.PHONY: on-cluster
on-cluster: scenarios manifests documents ## run tests on clusters of their own: the program, the manifests, the documents

.PHONY: scenarios manifests documents
scenarios: cluster image
	tests/on-cluster
manifests: cluster image
	tests/cluster/sandbox --node real -- tests/manifests
documents: cluster image
	tests/cluster/sandbox --node real -- tests/documents

.PHONY: memory
memory: cluster image ## measure the memory of the released program beside 10,000 pods
	tests/memory

# make lab KUBECONFIG=FILE [IMAGE=NAME] runs the lab on your own cluster, which must be able to pull IMAGE.
# Only KUBECONFIG on make's command line counts: the one in the environment is often a production cluster.
.PHONY: lab
ifeq ($(origin KUBECONFIG),command line)
lab:
	@tests/lab $(KUBECONFIG) $(IMAGE)
else
lab: cluster image ## show the whole tool at work, step by step. On your own cluster: make lab KUBECONFIG=... IMAGE=...
	@tests/cluster/sandbox --node real -- tests/lab
endif

.PHONY: image
image: prepare ## build the container image. PROFILE=quick links in seconds, to try a change
	@scripts/image $(PROFILE)

# Installs Debian packages (as root) and the Rust toolchain.
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
