# Everything that people and machines do with this tree. `make demo` and `make test` need nothing but Go and git.

GO      ?= go
export CGO_ENABLED = 0

TARGETS  = linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
FUZZTIME ?= 20s

.PHONY: build man demo test check bench bench-scale prove fuzz docs install clean format vet cross race

build: ## bin/evault, reproducible
	$(GO) build -trimpath -buildvcs=auto -ldflags '-s -w' -o bin/evault .

man: ## bin/man: a page for each verb
	$(GO) run ./commands/gendocs man bin/man "$$(git log -1 --format=%cs 2>/dev/null || date +%F)"

install: build man
	install -d $(or $(PREFIX),/usr/local)/bin $(or $(PREFIX),/usr/local)/share/man/man1
	install -m 0755 bin/evault $(or $(PREFIX),/usr/local)/bin/evault
	install -m 0644 bin/man/*.1 $(or $(PREFIX),/usr/local)/share/man/man1

demo: build ## a folder is pushed to a keyless host, lost, and cloned back by another device
	tests/demo.sh bin/evault

test: ## all quick tests
	tests/need.sh
	$(GO) test -timeout 15m ./...

format:
	@out=$$(gofmt -l .); if [ -n "$$out" ]; then echo "not formatted by gofmt:"; echo "$$out"; exit 1; fi

vet:
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

cross:
	@for t in $(TARGETS); do \
		echo "build $$t"; \
		GOOS=$${t%/*} GOARCH=$${t#*/} $(GO) build -o /dev/null . || exit 1; \
	done
	@for os in darwin windows; do echo "vet $$os"; GOOS=$$os $(GO) vet ./... || exit 1; done

# What tries every crash, fault or byte in turn does so in one goroutine: the detector would only make it ten times slower. The
# suite of all stores runs over every other transport; over ssh it would wait for a hundred logins more.
ONE_BY_ONE = Crash|Fault|Every|Earlier|Truncat|Model|Schedule|Proof|Instant|Vectors|Git|OverSSH

race: ## the packages in which goroutines share memory
	CGO_ENABLED=1 $(GO) test -race -short -skip '$(ONE_BY_ONE)' -timeout 15m ./internal/... ./keys ./objects ./pack ./refs ./worktree ./remote/... ./repo ./commands

check: format vet cross race test ## what .ci/run calls

bench: build ## side by side with the installed peers
	$(GO) run ./tests/bench -evault bin/evault

bench-scale: build ## a million files, ten million objects, ten thousand packs and records
	$(GO) run ./tests/bench -evault bin/evault -scale

prove: ## the large column of the proof: hours
	tests/need.sh
	EVAULT_PROVE=1 $(GO) test -count=1 -timeout 24h -v ./... | grep -v '^=== '
	$(MAKE) fuzz FUZZTIME=10m

fuzz: ## every fuzz target for FUZZTIME
	tests/fuzz.sh $(FUZZTIME)

docs: ## docs/commands.md from the code
	$(GO) run ./commands/gendocs

clean:
	rm -rf bin
