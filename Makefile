# `make` lists what there is. Everything above the line needs Go and nothing else.
.DEFAULT_GOAL := help
GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)

help: ## list these commands
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: build ## the whole product in one process, broker and TikTok as stand-ins: see a row arrive
	@bin/tokrelay demo

# Four packages at a time: on two cores several of them wait more than they work.
test: ## every test that needs only Go, with the race detector
	$(GO) test -race -p 4 ./...

build: ## bin/tokrelay, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/tokrelay ./cmd/tokrelay

GOVULNCHECK := v1.1.4
LINTER := $(GO) tool -modfile=tools/go.mod

lint: ## gofmt, go vet and fix, staticcheck, revive, errorlint, misspell, godot
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo 'run gofmt -w on these'; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) fix -diff ./...
	$(LINTER) revive -config revive.toml -formatter plain ./...
	$(LINTER) go-errorlint -test=false ./...
	git ls-files '*.go' '*.md' | xargs $(LINTER) misspell -error
	@findings="$$(git ls-files '*.go' | xargs $(LINTER) godot)"; test -z "$$findings" || { echo "$$findings"; exit 1; }

# Its database is on the network. Where that cannot be reached, nothing is checked, and it says so.
vulnerabilities: ## govulncheck: known holes in what the program calls (skips where vuln.go.dev cannot be reached)
	@if curl -sSf -m 15 -o /dev/null https://vuln.go.dev/index/modules.json; then $(GO) run golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK) ./...; \
	else echo 'NOT CHECKED for known holes: vuln.go.dev cannot be reached from here'; fi

bench: ## speed, as ratios to a bare loop in the same run
	$(GO) test -run '^$$' -bench . -benchtime 1s ./pipeline/... ./sinks/... ./cmd/tokrelay/bench ./cmd/tokrelay/debugger
	$(GO) run ./cmd/tokrelay/bench

RUNS ?= 2000
laws: ## the whole daemon against its promises, under virtual time and random trouble; RUNS=2000 times
	$(GO) test -race -v -timeout 0 ./cmd/tokrelay/longtests/laws -args -runs $(RUNS)

truth: ## audiences of the whole daemon against the table behind the topic, RUNS=2000 random histories
	$(GO) test -v -timeout 0 ./cmd/tokrelay/longtests/truth -args -runs $(RUNS)

soak: ## the real binary under long trouble: kill -9 ×20, outages, frozen members, ten minutes of stall
	$(GO) test -tags soak -run Soak -v -count 1 -parallel 16 -timeout 1h ./cmd/tokrelay/longtests/processes

shipped: ## chart, manifests and dashboard, read by Helm, Kustomize, Kubernetes' types and Prometheus
	cd deploy/shipped && $(GO) test ./...

dashboard: ## draw docs/images/dashboard.svg again: the panels over a run of the demo
	cd deploy/shipped && $(GO) test ./dashboard -count=1 -update

GORELEASER := v2.17.0
release-check: ## .goreleaser.yaml, read strictly by goreleaser (the first run builds it: minutes)
	$(GO) run github.com/goreleaser/goreleaser/v2@$(GORELEASER) check

e2e: ## the real thing: PostgreSQL, Debezium, Kafka, a registry (installs what it needs)
	deploy/e2e/run

e2e-sdk: ## TikTok's official Python SDK against the simulator (skips where no package index can be reached)
	deploy/sdk/run

e2e-alerts: ## real Prometheus and Alertmanager: trouble reaches Slack, PagerDuty, e-mail, SMS and a webhook
	deploy/alerts/run

up: ## Kafka, registry, PostgreSQL, Debezium, tokrelay, sandbox, Prometheus, Alertmanager, Grafana in containers
	docker compose up --build --detach --wait

down: ## stop those containers and delete their data
	docker compose down --volumes --remove-orphans

.PHONY: help demo test build lint vulnerabilities bench laws truth soak shipped dashboard release-check e2e e2e-sdk e2e-alerts up down
