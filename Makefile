# Every target works in a fresh clone; tools are built into bin/ when needed.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

root := $(CURDIR)
pg_bin := $(shell ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
export PATH := $(root)/bin:$(PATH)$(if $(pg_bin),:$(pg_bin))

# Packages that start goroutines or guard state against them. The race detector
# multiplies the cost of gas and script tests, which have one goroutine; those
# that sign hundreds of times to measure sizes and outputs are left to the other run.
race_dirs := adapters/bitcoin adapters/evm adapters/backend
race_trees := monitor internal/devnet internal/node internal/server internal/signer internal/store internal/tower internal/wallet
race_skip := ^Test(SweepSizes|CooperativeSizes|PresignedAltered|Safety_B5_.*)$$
RACE ?= $(foreach d,$(race_dirs),$(if $(wildcard $(d)/*_test.go),./$(d))) \
	$(foreach d,$(race_trees),$(if $(wildcard $(d)),./$(d)/...))

BENCH ?=
BENCH_NOTE ?=
BENCH_DATA ?=
SOAK_ROUNDS ?= 5
SIM_SECONDS ?= 300

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: build
build: ## Build kofod and kofo into bin/
	go build -o bin/ ./cmd/...

.PHONY: tools
tools: ## Build the pinned tools and chain nodes into bin/
	tools/build.sh

.PHONY: generate
generate: ## Regenerate bindings, queries, API code and diagrams
	tools/generate.sh

.PHONY: verify
verify: ## Fail if a generated file differs from what its source gives
	tools/verify.sh

.PHONY: lint
lint: ## Lint every module and prove that each import rule bites
	tools/lint.sh

.PHONY: test
test: ## Run the tests of every module (seconds, nothing but Go needed)
	@for m in $$(tools/modules.sh); do echo "test $$m"; (cd "$$m" && go test ./...); done

.PHONY: race
race: ## Run the concurrent packages under the race detector
	CGO_ENABLED=1 go test -race -short -skip '$(race_skip)' -timeout 10m $(RACE)
	cd api && CGO_ENABLED=1 go test -race -short -timeout 5m ./...

.PHONY: e2e
e2e: ## Run swaps on real btcd, geth, PostgreSQL and nats-server
	tools/build.sh btcd btcctl geth nats-server
	go test -tags e2e -count=1 -timeout 35m ./test/e2e/...
	go test -tags e2e -count=1 -timeout 20m ./internal/store/... ./internal/devnet/... \
		./adapters/... $(if $(wildcard test/conformance),./test/conformance/...)

.PHONY: demo
demo: ## Swap BTC for ETH on two chains inside this machine
	go run ./cmd/kofo demo

# BENCH=REGEXP runs the matching benchmarks and writes nothing, BENCH_NOTE says
# what else runs on the machine, BENCH_DATA is a folder of the disk to measure.
.PHONY: bench
bench: ## Run every benchmark; print JSON and write docs/benchmarks.md
	@cd tools/bench && go run . -root "$(root)" -only '$(BENCH)' -note '$(BENCH_NOTE)' $(if $(BENCH_DATA),-data '$(BENCH_DATA)')

.PHONY: soak
soak: ## Kill nodes at every edge SOAK_ROUNDS times (default 5), and undo every step, on real nodes
	tools/build.sh btcd btcctl geth nats-server
	go test -tags e2e -run '^TestSafety_D1_KillAtEveryEdge$$' -count=$(SOAK_ROUNDS) -failfast -timeout 24h -v ./test/e2e
	KOFO_E2E_REORGS=all go test -tags e2e -run '^TestSafety_A8_ReorgAtEveryStep$$' -count=1 -timeout 2h -v ./test/e2e

.PHONY: sim
sim: ## Simulate swaps with fresh seeds for SIM_SECONDS (default 300), then hunt planted bugs
	go run ./test/sim -duration $(SIM_SECONDS)s
	go run ./test/sim -bug all

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin
