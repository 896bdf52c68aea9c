# make build    the static binary
# make demo     a histogram of disk requests, on this kernel or in a virtual machine
# make test     everything that is tested; in CI nothing may be skipped
# make bench    measurements
# make fuzz     look for scripts that crash the parser, for FUZZTIME each, then compare PROGRAMS random scripts, from SEED on, with their
#               evaluation

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
PONYVM := go run ./internal/vmtest/cmd/ponyvm
DEMO_KERNEL ?= 6.12
FUZZTIME ?= 60s
PROGRAMS ?= 100000
SEED ?= 0

.PHONY: build demo test lint unit kernels bench fuzz generate clean

build:
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o ponytrace ./cmd/ponytrace

demo: build
	@internal/demo.sh $(DEMO_KERNEL)

test: lint unit kernels

lint:
	@echo '== gofmt'; files="$$(gofmt -l $$(git ls-files '*.go'))"; [[ -z "$$files" ]] || { echo "$$files"; exit 1; }
	@echo '== go vet'; go vet ./... && go vet -tags guest ./...
	@echo '== staticcheck'; go run $(STATICCHECK) ./... && go run $(STATICCHECK) -tags guest ./...

# Among the unit tests are those that hold what is generated and what may import what: TestReference, TestArrows.
unit:
	@echo '== unit tests'
	internal/gotest.sh $$(go list ./... | grep -v /internal/vmtest)

kernels:
	@echo '== tests on real kernels'
	@[[ $$EUID != 0 ]] || { $(PONYVM) setup && $(PONYVM) fetch; } || [[ "$${CI:-}" != true ]]
	internal/gotest.sh $$(go list ./internal/vmtest/... | grep -v /vmtest$$)
	internal/gotest.sh -timeout 40m -parallel 2 ./internal/vmtest

bench: build
	go run ./internal/bench host ./ponytrace
	go test -run '^$$' -bench . -benchmem ./lang ./compiler/... ./runtime/...
	@echo 'executed instructions and helper calls of each golden:'
	@grep -roE '^static [0-9]+.*' --include='*.txtar' compiler/testdata
	$(PONYVM) setup
	CGO_ENABLED=0 go build -trimpath -o .build/bench ./internal/bench
	$(PONYVM) -k $(DEMO_KERNEL) --icount -f ponytrace -f .build/bench -- bench events /bin/ponytrace

fuzz:
	@for package in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
	  for target in $$(grep -ho '^func Fuzz[A-Za-z0-9_]*' $$package/*_test.go | cut -c6-); do \
	    go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; done; done
	go test -c -o .build/random ./compiler
	internal/randomly.sh $(PROGRAMS) $(SEED)

# The frozen targets are generated too, from kernels that ponyvm extract reads: go generate ./compiler/target/frozen
generate:
	go test -count=1 ./compiler -run TestReference -update

clean:
	rm -rf ponytrace .build
