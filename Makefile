# What a person runs. `make help` lists it.
SHELL := /usr/bin/env bash
.DEFAULT_GOAL := help
STATE := .state

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## Start a control plane, run the operator on the samples, show what happened, end everything
	target/debug/testbed run $(DEMO_USERS) -- demo/demo.sh

.PHONY: up
up: build ## The same, and leave it running to play with
	demo/up.sh $(STATE) $(DEMO_USERS)

.PHONY: down
down: ## Stop what `make up` left running
	demo/down.sh $(STATE)

.PHONY: test
test: ## Every test: rules, simulation, the real API server and etcd, and the commands of the pages
	cargo test --workspace --locked
	target/debug/testbed run -- tests/docs/run
	tests/planted/run quick
	tests/release/run refusals

.PHONY: check
check: ## Formatting, lints, docs, dependencies, versions and drift of what is generated
	release/version > /dev/null
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked
	tests/dependencies.sh
	$(MAKE) --no-print-directory generate GENERATED=$(STATE)/generated
	diff -r -x kustomization.yaml crds $(STATE)/generated/crds
	diff docs/api.md $(STATE)/generated/docs/api.md

GENERATED ?= .
.PHONY: generate
generate: ## Write the CRDs and the API reference from the types
	mkdir -p $(GENERATED)/crds $(GENERATED)/docs
	cargo run --quiet --locked -- crds --out $(GENERATED)/crds
	cargo run --quiet --locked -- api-reference > $(GENERATED)/docs/api.md

.PHONY: build
build: ## The operator, the testbed, and the control plane (once a machine)
	cargo build --workspace --locked
	tests/controlplane/build etcd kube-apiserver kubectl > /dev/null

.PHONY: image
image: ## The container image, as a file that docker, podman, kind and containerd load; no container engine needed
	release/image target/image/icp-filing-operator.tar

.PHONY: release
release: ## Everything that a release consists of, from the tag that is checked out, in target/release-VERSION
	release/build target/release-$$(release/version)

# Applicants, a registrar and a platform administrator, each with a token of their own.
DEMO_USERS := --user platform-admin --user registrar --user alice --user agent

.PHONY: charts
charts: ## The Helm chart against deploy/ and its variants, object by object, and on a real API server (builds helm once)
	cargo build --workspace --locked
	tests/charts/run --live

.PHONY: gitops
gitops: ## What Argo CD and Flux say of every state, and both at work on a Git repository and a real API server (builds them once)
	cargo build --workspace --locked
	tests/gitops/run --live

.PHONY: e2e
e2e: ## The image in pods of a real node, made here from nothing: installed, killed, drained, rolled, removed (needs root; E2E='install kill' chooses)
	tests/e2e/run $(E2E)

.PHONY: faults
faults: ## Every fault at every write of every scenario, users, outages and restores, on the real API server (over an hour)
	FAULTS=all $(FAULTS_WITH) --test faults -- --nocapture
	USERS=all $(FAULTS_WITH) --test users -- --nocapture
	OUTAGES=all $(FAULTS_WITH) --test outages -- --nocapture
	$(FAULTS_WITH) --test restore

# Fast to run; the API server collects its garbage less often.
FAULTS_WITH := GOGC=400 cargo test --profile faults --locked

.PHONY: simulate
simulate: ## A hundred thousand random executions of the decision functions, small worlds whole, the model against a real server
	SIM_RUNS=100000 SIM_STATES=300000 cargo test --release --locked --test simulate -- --nocapture --test-threads=1
	MODEL_RUNS=1000 cargo test --locked --test model -- --nocapture

.PHONY: mutants
mutants: ## Break the rules in every small way and look whether a test notices (half an hour; needs cargo-mutants)
	tests/mutants/run

.PHONY: fuzz
fuzz: ## An hour of inputs of any content for everything that reads what a person wrote (needs cargo-fuzz)
	tests/fuzz/run

.PHONY: versions
versions: ## Earlier revisions of the operator and this one on one ledger, together and after each other
	tests/versions/run

.PHONY: planted
planted: ## Every bug planted on purpose, and what finds it; writes docs/planted.md
	tests/planted/run

.PHONY: monitoring
monitoring: ## Check the alerts with promtool (built once a machine), one series that fires each and one that does not
	tests/monitoring/run

.PHONY: bench
bench: ## Speed, calls and memory of the shipped program (a quarter of an hour on two idle cores; BENCH=name for one)
	tests/controlplane/build etcd kube-apiserver kubectl > /dev/null
	cargo bench --locked --bench server

.PHONY: bench-rules
bench-rules: ## What one decision costs, without a server
	cargo bench --locked --bench rules
