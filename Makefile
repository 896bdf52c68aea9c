# make build    the static binary
# make install  the binary, its manual page, completions, documents and examples, below PREFIX; DESTDIR goes before it
# make release  archives and Debian packages for amd64 and arm64 in .build/release, built twice and compared
# make demo     a histogram of disk requests, on this kernel or in a virtual machine
# make site     the page that runs without installing anything, as static files in .build/site
# make quick    seconds, while one works: what has changed is looked over, and all short tests run
# make test     everything that must hold; in CI nothing may be skipped
# make soak     one slice of what takes hours, from where the last one stopped; PARTS chooses among those of internal/soak.sh
# make bench    measurements

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
PONYVM := go run ./internal/vmtest/cmd/ponyvm
DEMO_KERNEL ?= 6.12
PREFIX ?= /usr/local
VERSION ?= $(shell git describe --tags --always)

.PHONY: build install release packages demo site quick test lint unit kernels soak bench generate clean

# 16 is what arm64 aligns functions to anyway; 32, of amd64, makes the file 0.1 MB larger. Names of
# C++ and Rust are decoded a sixth slower without inlining, which makes it 0.15 MB larger.
build:
	CGO_ENABLED=0 go build -trimpath -gcflags github.com/ianlancetaylor/demangle=-l \
	  -ldflags '-s -w -funcalign=16' -o ponytrace ./cmd/ponytrace

# Root may have no Go: make build && sudo make install.
install:
	@[[ -x ponytrace ]] || $(MAKE) build
	internal/install.sh ponytrace '$(DESTDIR)$(PREFIX)'

release:
	rm -rf .build/release
	internal/release.sh '$(VERSION)' .build/release

demo: build
	@internal/demo.sh $(DEMO_KERNEL)

site:
	@go run ./internal/teach/site/cmd/site .build/site

# Files that differ from the last commit, and the packages that they are in.
quick:
	@files="$$(git diff --name-only --diff-filter=d HEAD -- '*.go'; git ls-files -o --exclude-standard -- '*.go')"; \
	[[ -z "$$files" ]] || { \
	  bad="$$(gofmt -l $$files)"; [[ -z "$$bad" ]] || { echo "not as gofmt writes it: $$bad"; exit 1; }; \
	  go vet -tags guest $$(dirname $$files | sort -u | sed 's|^|./|'); }
	@go test -short ./... | grep -v 'no test files'

test: lint unit packages kernels

lint:
	@echo '== gofmt'; files="$$(gofmt -l $$(git ls-files '*.go'))"; [[ -z "$$files" ]] || { echo "$$files"; exit 1; }
	@echo '== go vet'; go vet ./... && go vet -tags guest ./...
	@echo '== staticcheck'; go run $(STATICCHECK) ./... && go run $(STATICCHECK) -tags guest ./...

# Among the unit tests are those that hold what is generated and what may import what: TestReference, TestArrows.
unit:
	@echo '== unit tests'
	@[[ $$EUID != 0 ]] || internal/browser.sh >/dev/null || [[ "$${CI:-}" != true ]]
	@[[ $$EUID != 0 ]] || internal/compilers.sh >/dev/null || [[ "$${CI:-}" != true ]]
	internal/gotest.sh $$(go list ./... | grep -v /internal/vmtest)

# Of this machine's architecture alone, and with the cache; make release takes minutes more.
packages:
	@echo '== packages'
	@rm -rf .build/packages && internal/release.sh '$(VERSION)' .build/packages "$$(go env GOHOSTARCH)" >/dev/null
	@if [[ $$EUID == 0 ]]; then internal/installed.sh .build/packages; else echo 'Not run, for want of root: installing the package'; \
	  [[ "$${CI:-}" != true ]]; fi

kernels:
	@echo '== tests on real kernels'
	@[[ $$EUID != 0 ]] || { $(PONYVM) setup && $(PONYVM) fetch; } || [[ "$${CI:-}" != true ]]
	internal/gotest.sh $$(go list ./internal/vmtest/... | grep -v /vmtest$$)
	internal/gotest.sh -timeout 80m -parallel 2 ./internal/vmtest

bench: build
	go run ./internal/bench host ./ponytrace
	go test -run '^$$' -bench . -benchmem ./lang/... ./compiler/... ./runtime/...
	@echo 'executed instructions and helper calls of each golden:'
	@grep -roE '^static [0-9]+.*' --include='*.txtar' compiler/testdata
	$(PONYVM) setup
	CGO_ENABLED=0 go build -trimpath -o .build/bench ./internal/bench
	gcc -std=gnu17 -O2 -static -I internal/vmtest/programs/usdt -o .build/calls internal/bench/calls/calls.c
	$(PONYVM) -k $(DEMO_KERNEL) --icount --timeout 40m -f ponytrace -f .build/bench -f .build/calls -- bench events /bin/ponytrace
	$(PONYVM) -k $(DEMO_KERNEL) --icount --timeout 40m -f ponytrace -f .build/bench -- bench attach /bin/ponytrace

soak:
	internal/soak.sh $(PARTS)

# The frozen targets are generated too, from kernels that ponyvm extract reads: go generate ./compiler/target/frozen
generate:
	go test -count=1 ./compiler -run TestReference -update
	go generate ./internal/notice
	go generate ./examples/lessons
	go generate ./internal/teach/topic
	go test -count=1 ./internal/teach/lesson -run TestList -update

clean:
	rm -rf ponytrace .build
