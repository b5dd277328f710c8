# Everything that is done with this repository, by name: make help.
#
# Building and running need Go, make and git. The integration tests also need
# PostgreSQL, Redis, Prometheus and a C compiler (for the race detector), which
# .ci/install-services fetches from the system's packages. Linters and code
# generators are built from source, at the versions below, into .tools/.

GO      ?= go
BINARY  := bin/custodian
CONFIG  ?= configs/local.yaml
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)

# Where a release is put, and what builds the image.
DIST      ?= dist
PLATFORMS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64
DOCKER    ?= docker

# Arguments of the test targets: make test PKGS=./sim/... ARGS='-run Lock -v'
PKGS ?= ./...
ARGS ?=

# test-integration leaves out the packages that have no integration tests.
INTEGRATION_PKGS = $(if $(filter-out ./...,$(PKGS)),$(PKGS),$(sort $(dir $(shell \
	grep -rl --include='*_test.go' '^//go:build .*integration' .))))

# Go benchmarks: make microbench PKGS=./sim/... BENCH=Engine
BENCH ?= .

TOOLS        := $(CURDIR)/.tools
TOOLS_BIN    := $(TOOLS)/bin
TEST_SERVERS := $(TOOLS_BIN)/testservers
export PATH  := $(TOOLS_BIN):$(PATH)

# Tools of development: name, then module path and version.
TOOL_golangci-lint      := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
TOOL_buf                := github.com/bufbuild/buf/cmd/buf@v1.75.0
TOOL_protoc-gen-go      := google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
TOOL_protoc-gen-go-grpc := google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2
TOOL_govulncheck        := golang.org/x/vuln/cmd/govulncheck@v1.9.0
TOOL_gitleaks           := github.com/zricethezav/gitleaks/v8@v8.30.1
TOOL_grpcurl            := github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4
TOOL_oasdiff            := github.com/oasdiff/oasdiff@v1.37.0
TOOL_oapi-codegen       := github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2
TOOL_benchstat          := golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
TOOL_cyclonedx-gomod    := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
TOOL_esbuild            := github.com/evanw/esbuild/cmd/esbuild@v0.28.2
TOOL_tsgo               := github.com/microsoft/typescript-go/cmd/tsgo@v0.0.0-20260708042240-2bd066d87f5b
TOOL_kustomize          := sigs.k8s.io/kustomize/kustomize/v5@v5.8.1
TOOL_kubectl-validate   := sigs.k8s.io/kubectl-validate@v0.0.5-0.20260105161640-a97ccfaca20b
TOOL_NAMES := $(patsubst TOOL_%,%,$(filter-out TOOL_NAMES,$(filter TOOL_%,$(.VARIABLES))))

# A tool is installed when the file named after its version exists, so that a
# changed version installs anew.
stamp = $(TOOLS)/stamps/$(1)@$(lastword $(subst @, ,$(TOOL_$(1))))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

##@ Building and running

.PHONY: build
build: ## Build bin/custodian, a static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BINARY) ./cmd/custodian

.PHONY: run
run: build ## Build and start the supervisor on configs/local.yaml (CONFIG=… for another)
	@exec $(BINARY) serve --config $(CONFIG)

.PHONY: status
status: ## Show version, changes, what is built, and the instances of a running supervisor
	@.ci/status $(BINARY) '$(VERSION)'

.PHONY: release
release: tool-cyclonedx-gomod ## Build archives for linux and darwin, amd64 and arm64, with bills of materials and checksums, in dist/ (DIST=… for another)
	@GO='$(GO)' .ci/release '$(DIST)' '$(VERSION)' '$(LDFLAGS)' '$(PLATFORMS)'

.PHONY: image
image: ## Build the container image custodian:<version> with docker (DOCKER=podman for another)
	$(DOCKER) build --build-arg 'VERSION=$(VERSION)' --tag 'custodian:$(VERSION)' .

.PHONY: clean
clean: ## Remove what was built and measured (tools and data stay)
	rm -rf bin dist bench-results test-results
	rm -f $(TEST_SERVERS)

##@ Testing

.PHONY: test
test: test-unit ## Run the unit tests, which need nothing installed (same as test-unit)

.PHONY: test-unit
test-unit: ## Run the unit tests
	$(GO) test -timeout 5m $(ARGS) $(PKGS)

.PHONY: test-short
test-short: ## Run the quick part of the unit tests
	$(GO) test -short -timeout 2m $(ARGS) $(PKGS)

.PHONY: test-integration
test-integration: services tool-esbuild tool-grpcurl $(TEST_SERVERS) ## Run the packages with integration tests on private PostgreSQL, Redis and Prometheus
	$(TEST_SERVERS) -- $(GO) test -tags integration -count=1 -timeout 15m -p 2 $(ARGS) $(INTEGRATION_PKGS)

.PHONY: test-all
test-all: services tool-esbuild tool-grpcurl $(TEST_SERVERS) ## Run every test, with the race detector, on private PostgreSQL and Redis; keeps pictures of the console in test-results
	mkdir -p test-results
	CGO_ENABLED=1 $(TEST_SERVERS) -- $(GO) test -race -tags integration -count=1 -timeout 15m -p 2 -artifacts -outputdir '$(CURDIR)/test-results' $(ARGS) $(PKGS)

# In the directory of its package, not by its name, a test has the terminal, for its
# progress.

# Histories: make simulate SEEDS=1000 FROM=5000 STEPS=2000
SEEDS ?= 200
FROM  ?= 1
STEPS ?= 1000

.PHONY: simulate
simulate: ## Run seeded histories with independent books beside them (SEEDS=n, FROM=s, STEPS=n)
	$(GO) -C sim/simulation test -v -run 'Histories' -count=1 -timeout 0 $(ARGS) \
		-args -simulate.seeds=$(SEEDS) -simulate.from=$(FROM) -simulate.steps=$(STEPS) -simulate.version='$(VERSION)'

# Kills: make torture ROUNDS=200 SEED=17
ROUNDS ?= 200
SEED   ?= 0

.PHONY: torture
torture: services $(TEST_SERVERS) ## Kill the supervisor under load again and again and check the books (ROUNDS=n, SEED=s)
	CGO_ENABLED=1 $(TEST_SERVERS) -durable -- $(GO) -C cmd/custodian test -tags integration -v -run 'BooksSurviveKills' -count=1 -timeout 0 $(ARGS) \
		-args -torture.rounds=$(ROUNDS) -torture.seed=$(SEED)

# Processes that are stopped, lose their instances and go on: make takeovers ROUNDS=50.
# With ARGS=-ownership.silent it is left to PostgreSQL to end their sessions.

.PHONY: takeovers
takeovers: services $(TEST_SERVERS) ## Stop the owner of instances again and again, and check that it writes nothing after (ROUNDS=n)
	CGO_ENABLED=1 $(TEST_SERVERS) -durable -- $(GO) -C cmd/custodian test -tags integration -v -run 'StoppedProcessThatLost' -count=1 -timeout 0 \
		-args -ownership.rounds=$(ROUNDS) $(ARGS)

# Histories of many clients: make linearizable ROUNDS=50 SEED=17. A history that is
# not linearizable is drawn, as a page of HTML, under test-results/_artifacts.

.PHONY: linearizable
linearizable: services $(TEST_SERVERS) ## Check what many clients see while stores fail, in memory, SQLite and PostgreSQL (ROUNDS=n, SEED=s)
	@mkdir -p test-results
	$(TEST_SERVERS) -- $(GO) test ./supervisor -tags integration -v -run 'Linearizable|SumsStay' -count=1 -timeout 0 \
		-artifacts -outputdir '$(CURDIR)/test-results' $(ARGS) -args -linearizable.rounds=$(ROUNDS) -linearizable.seed=$(SEED)

# Bad input: make fuzz-api REQUESTS=100000 SEED=17
REQUESTS ?= 100000

.PHONY: fuzz-api
fuzz-api: services $(TEST_SERVERS) ## Send generated requests, right and wrong, to all faces (REQUESTS=n to each store, SEED=s)
	$(TEST_SERVERS) -- $(GO) -C supervisor/badinput test -tags integration -v -run 'BadInput' -count=1 -timeout 0 $(ARGS) \
		-args -badinput.requests=$(REQUESTS) -badinput.seed=$(SEED)

# Instances that come and go: make leaks CYCLES=1000
CYCLES ?= 1000

.PHONY: leaks
leaks: services $(TEST_SERVERS) ## Add, use and remove instances on each store and look for what they leave behind (CYCLES=n)
	$(TEST_SERVERS) -- $(GO) -C supervisor test -tags integration -v -run 'LeaveNothingBehind' -count=1 -timeout 0 $(ARGS) \
		-args -leaks.cycles=$(CYCLES)

.PHONY: bench
bench: services build ## Measure the program next to its references (ROW=settle,add,idle,neighbour for some); JSON in bench-results/
	@mkdir -p bench-results
	$(GO) run ./cmd/bench -binary $(BINARY) $(if $(ROW),-row $(ROW)) -json bench-results/$(VERSION).json

.PHONY: profile
profile: services build ## Leave profiles of processors, heap, waiting and locks under load in bench-results/profiles/
	$(GO) run ./cmd/bench -binary $(BINARY) -profiles bench-results/profiles

.PHONY: microbench
microbench: services $(TEST_SERVERS) ## Run the Go benchmarks on private servers that sync to disk (BENCH=… PKGS=…)
	@.ci/bench '$(VERSION)' $(TEST_SERVERS) -durable -- \
		$(GO) test -tags integration -run '^$$' -bench '$(BENCH)' -benchmem -timeout 60m -p 1 $(ARGS) $(PKGS)

.PHONY: test-list
test-list: ## List all tests, benchmarks and fuzz tests by name
	@grep -rnoE --include='*_test.go' '^func (Test|Benchmark|Fuzz|Example)[A-Za-z0-9_]*' . \
		| sed -E 's|^\./([^:]*):[0-9]+:func |\1 |' | awk '{ printf "%-60s %s\n", $$2, $$1 }' | sort

.PHONY: test-files
test-files: ## List all test files with the number of tests in each; integration tests are marked
	@find . -name '*_test.go' -not -path './.tools/*' | sort | while read -r file; do \
		mark=; if grep -q '^//go:build .*integration' "$$file"; then mark=integration; fi; \
		printf '%4d  %s  %s\n' "$$(grep -cE '^func (Test|Benchmark|Fuzz|Example)' "$$file")" "$${file#./}" "$$mark"; \
	done

##@ Code

.PHONY: fmt
fmt: tool-golangci-lint ## Format all Go code
	golangci-lint fmt

.PHONY: lint
lint: tool-golangci-lint ## Check style, mistakes, the direction of imports, and the OpenAPI documents
	golangci-lint run
	@GO='$(GO)' .ci/lint-openapi

.PHONY: typescript
typescript: tool-tsgo ## Check the types of the example in TypeScript
	tsgo --project testdata/examples/typescript

.PHONY: vuln
vuln: tool-govulncheck ## Look for known vulnerabilities in what the code calls
	@.ci/vulncheck

.PHONY: secrets
secrets: tool-gitleaks ## Look for passwords, tokens and keys in the files and in the history
	gitleaks dir . --no-banner --redact --verbose
	gitleaks git . --no-banner --redact --verbose

.PHONY: deployment
deployment: build tool-kustomize tool-kubectl-validate ## Check image, manifests and units with tools of their own, and say which are not there
	@GO='$(GO)' .ci/deployment

.PHONY: proto
proto: tool-buf tool-protoc-gen-go tool-protoc-gen-go-grpc ## Check the protocol buffers and generate their Go code
	buf lint
	buf generate

# What callers rely on is kept in testdata/api as it was last. Additions are taken
# over there, by make generate too; a change that breaks callers is refused, unless
# it is meant: make api-baseline BREAKING=accepted
.PHONY: api-baseline
api-baseline: tool-oasdiff tool-buf ## Refuse breaking changes of the OpenAPI documents and protos, keep what was added
	@GO='$(GO)' .ci/api-baseline $(BREAKING)

# From the document that api-baseline has just taken over: the order is theirs.
.PHONY: client
client: tool-oapi-codegen api-baseline ## Generate the Go client from the OpenAPI document of an instance
	oapi-codegen -config sim/client/oapi-codegen.yaml testdata/api/instance.json

# For who changed what they show, which a test tells.
.PHONY: pictures
pictures: services ## Take the pictures of the console that the documentation shows anew, in Chromium
	$(GO) -C supervisor/admin/console test -tags integration -run 'PicturesOfTheDocumentation' -count=1 $(ARGS) -args -pictures
	$(GO) generate ./supervisor/admin/console

.PHONY: generate
generate: proto api-baseline client ## Generate all generated code
	$(GO) generate ./...

##@ Environment

.PHONY: check-env
check-env: ## Say which programs are there, which are missing and what to do about it
	@.ci/check-env $(TOOL_NAMES)

.PHONY: deps
deps: ## Download the Go modules and verify them
	$(GO) mod download
	$(GO) mod verify

.PHONY: tools
tools: $(addprefix tool-,$(TOOL_NAMES)) ## Install all development tools into .tools/bin

.PHONY: services
services: ## Install PostgreSQL, Redis, Prometheus, Python, a C compiler and smaller things where missing (Debian, Ubuntu)
	@.ci/install-services

.PHONY: help
help: ## Show this
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The helper is built, not run by "go run", which would swallow its exit code
# and not pass signals on. Go itself knows whether it is up to date.
.PHONY: $(TEST_SERVERS)
$(TEST_SERVERS):
	@$(GO) build -o $@ ./store/storetest/servers/run

# Tools are programs of their own: no cgo, so that they need no C compiler. A bill of
# materials tells the hash of the tool that made it, so it is not to depend on paths.
define install-tool
.PHONY: tool-$(1)
tool-$(1): $(call stamp,$(1))
$(call stamp,$(1)):
	@mkdir -p $(TOOLS)/stamps
	CGO_ENABLED=0 GOBIN=$(TOOLS_BIN) $(GO) install -trimpath $(TOOL_$(1))
	@rm -f $(TOOLS)/stamps/$(1)@* && touch $$@
endef
$(foreach tool,$(TOOL_NAMES),$(eval $(call install-tool,$(tool))))
