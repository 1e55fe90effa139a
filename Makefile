# Each verb works as the first command in a fresh clone: the environment it needs is built in .venv, once per change of
# requirements.lock or pyproject.toml. `make` alone lists the verbs.

.DEFAULT_GOAL := help
.PHONY: help demo up soak test check setup lock clients image wheels kube sbom audit docs docs-serve compat
.PHONY: bench bench-ingest bench-memory bench-outage bench-exchange bench-replicas bench-restart bench-simulation scale

BIN := .venv/bin
STAMP := .venv/.installed

# uv makes the lock and nothing else; it lives apart from the environment that it pins.
UV_VERSION := 0.13.9
UV := .make/uv-$(UV_VERSION)/bin/uv

# What renders and validates the Kubernetes manifests. Later ones of kustomize need a later Go.
KUSTOMIZE := sigs.k8s.io/kustomize/kustomize/v5@v5.8.1
KUBECONFORM := github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0

# The environments of the programs that ours are measured beside.
PEER := .make/bench/.installed
STREAM_PEERS := .make/bench-streams/.installed

# What `make image` builds, and docker-compose.yml runs.
IMAGE ?= $(or $(BINANCE_KAFKA_IMAGE),binance-kafka:local)

# An interpreter whose environment was taken from under it is the system's: pip refuses to install there.
PIP := -m pip --disable-pip-version-check --require-virtualenv install --quiet

# Sets $$python to the first suitable interpreter, or fails and says what is missing.
FIND_PYTHON = for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11) ""; do \
		"$$python" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
			2>/dev/null && break; \
	done; \
	if [ -z "$$python" ]; then \
		echo 'error: no Python 3.11, 3.12 or 3.13 with its venv module was found$(if $(PYTHON), at $(PYTHON)).' >&2; \
		echo 'Install one (Debian, Ubuntu: apt-get install python3-venv) or name it: make setup PYTHON=/path/to/python3' >&2; \
		exit 1; \
	fi

# Verbs that are run at once build .venv one after the other: the lock is held until the shell ends, by whatever way.
LOCK_VENV = mkdir -p .make && exec 9>.make/venv.lock && "$$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
FRESH_VENV = [ "$$(cat $(STAMP) 2>/dev/null)" = '$(CURDIR)' ] && [ -z "$$(find $^ -newer $(STAMP))" ]

# A checkout that was moved or copied has console scripts that point to its old place: it is set up anew.
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(CURDIR))
.PHONY: $(STAMP)
CLEAR := --clear
endif

help:  ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(STAMP)  ## market data through a real Kafka, proven right (SOURCE=PATH... or live, ARGS=...)
	@$(BIN)/binance-sandbox demo $(foreach source,$(SOURCE),--source '$(source)') $(ARGS)

up: $(STAMP)  ## the whole system and its dashboard until Ctrl-C (SOURCE=live, simulated or PATH..., ARGS=...)
	@$(BIN)/binance-sandbox up $(strip $(foreach source,$(SOURCE),--source '$(source)') $(ARGS))

soak: $(STAMP)  ## a simulated day in which everything happens to ingest, proven complete (ARGS=...)
	@$(BIN)/binance-sandbox soak $(ARGS)

test: $(STAMP)  ## unit and integration tests (PYTEST_ARGS=...)
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(STAMP)  ## lint, format, types, import contracts, and proof that each of them bites
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m pytest -q tests/unit/house

docs: $(STAMP)  ## the documentation as a site in site/; a dead link or a page without a place is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs --quiet build --strict --clean
	@echo 'site/index.html is ready'

docs-serve: $(STAMP)  ## the documentation on http://127.0.0.1:8000, built anew at each change (ARGS=...)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve $(ARGS)

bench: $(STAMP)  ## processors beside the ceiling, stock Faust, quixstreams and bytewax, some 15 minutes (ARGS=...)
	@$(MAKE) --no-print-directory $(STREAM_PEERS) || echo 'the peers cannot be built here (see above) and are not measured' >&2
	@$(BIN)/python -m bench.processing $(ARGS)

bench-ingest: $(STAMP)  ## socket to acknowledged record, beside the ceiling and cryptofeed (ARGS=...)
	@$(MAKE) --no-print-directory $(PEER) || echo 'cryptofeed cannot be built here (see above) and is not measured' >&2
	@$(BIN)/python -m bench.ingest $(ARGS)

bench-memory: $(STAMP)  ## resident memory of ingest with 200 symbols and every stream type (ARGS=...)
	@$(BIN)/python -m bench.memory $(ARGS)

bench-outage: $(STAMP)  ## a broker that stands still for three minutes: what is held, and that nothing is lost (ARGS=...)
	@$(BIN)/python -m bench.outage $(ARGS)

bench-exchange: $(STAMP)  ## events per second that the exchange serves on one core (ARGS=--rounds 5)
	@$(BIN)/python -m bench.exchange $(ARGS)

bench-replicas: $(STAMP)  ## CPU of the processors' cores for a log that two replicas wrote (ARGS=--rounds 5)
	@$(BIN)/python -m bench.replicas $(ARGS)

bench-simulation: $(STAMP)  ## events per second of the simulated market (ARGS=--rounds 5)
	@$(BIN)/python -m bench.simulation $(ARGS)

bench-restart: $(STAMP)  ## time until the books of a worker that was killed are live again (ARGS=--log)
	@$(BIN)/python -m bench.restart $(ARGS)

scale: $(STAMP)  ## processors by workers, symbols and depth: CPU, memory, rebalances (ARGS=--quick)
	@$(BIN)/python -m bench.scale $(ARGS)

compat: $(STAMP)  ## our topics read by Spark, Flink, ClickHouse and others, each result proven (ARGS="--only kcat,duckdb")
	@$(BIN)/python -m tests.compat $(ARGS)

setup: $(STAMP)  ## build .venv from requirements.lock (the other verbs do it when needed)
	@echo '.venv is ready'

lock: $(UV)  ## pin the dependencies of pyproject.toml in requirements.lock (UPGRADE=1: their newest releases)
	@$(UV) --quiet pip compile --universal --python-version 3.11 --generate-hashes --all-extras \
		--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade) \
		--output-file requirements.lock pyproject.toml
	@$(UV) --quiet pip compile --universal --python-version 3.11 --generate-hashes --extra tracing \
		--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' --constraint requirements.lock \
		--output-file requirements-services.lock pyproject.toml
	@$(UV) --quiet pip compile --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' --constraint requirements.lock \
		--output-file image/requirements-build.lock image/requirements-build.in
	@$(UV) --quiet pip compile --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade) \
		--output-file tests/clients/requirements.lock tests/clients/requirements.in
	@$(UV) --quiet pip compile --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade) \
		--output-file bench/requirements.lock bench/requirements.in
	@$(UV) --quiet pip compile --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade) \
		--output-file bench/requirements-streams.lock bench/requirements-streams.in
	@$(UV) --quiet pip compile --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade) \
		--output-file supply/requirements.lock supply/requirements.in

	@for name in requirements requirements-spark; do \
		$(UV) --quiet pip compile --universal --python-version 3.11 --generate-hashes \
			--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade) \
			--output-file tests/compat/$$name.lock tests/compat/$$name.in || exit; \
	done

sbom: $(STAMP)  ## the bill of materials of an image, with licences: dist/sbom.cdx.json (CycloneDX 1.6)
	@$(BIN)/python -m supply.sbom --output dist/sbom.cdx.json

audit: $(STAMP) .make/audit/.installed  ## known vulnerabilities of what an image holds (ARGS=..., of pip-audit)
	@$(BIN)/python -m supply.audit $(ARGS)

.make/audit/.installed: supply/requirements.lock
	@$(FIND_PYTHON); "$$python" -m venv --clear .make/audit
	@.make/audit/bin/python $(PIP) --require-hashes --only-binary :all: --requirement $<
	@touch $@

image:  ## the image of all services (IMAGE=NAME, BASE_IMAGE=NAME)
	@docker build --tag '$(IMAGE)' $(if $(BASE_IMAGE),--build-arg 'BASE_IMAGE=$(BASE_IMAGE)') \
		--build-arg "VERSION=$$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)" \
		--build-arg "REVISION=$$(git rev-parse HEAD 2>/dev/null || echo unknown)" \
		--build-arg "SOURCE=$$(git remote get-url origin 2>/dev/null | grep '^https:' || echo unknown)" .

wheels: .make/wheels/.downloaded  ## download what the image installs: its build then needs no package registry

# pip asks the interpreter that it runs with what fits, so that one must be like the image's: the same minor version.
.make/wheels/.downloaded: requirements-services.lock image/requirements-build.lock | $(STAMP)
	@rm -rf $(@D)
	@$(BIN)/python -m pip --disable-pip-version-check download --quiet --require-hashes --no-deps --only-binary :all: \
		--requirement requirements-services.lock --dest $(@D)
	@$(BIN)/python -m pip --disable-pip-version-check download --quiet --require-hashes --no-deps --only-binary :all: \
		--requirement image/requirements-build.lock --dest $(@D)
	@touch $@

clients: .make/clients/.installed  ## install clients that others wrote, which tests run against the exchange

kube: .make/kube/.installed  ## install kustomize and kubeconform, which tests render and validate k8s/ with (needs Go)

.make/kube/.installed: Makefile
	@found=$$(go env GOVERSION 2>/dev/null); case "$${found:-no Go}" in \
	go1.[0-9] | go1.[0-9].* | go1.1[0-9]* | go1.2[0-3]* | 'no Go') \
		echo "error: kustomize needs Go 1.24 or later; here is $${found:-none}." \
			'Unpack one from https://go.dev/dl to /usr/local, and let PATH begin with /usr/local/go/bin' >&2; \
		exit 1;; \
	esac
	@for tool in $(KUSTOMIZE) $(KUBECONFORM); do \
		GOBIN='$(CURDIR)/.make/kube/bin' GOTOOLCHAIN=local GOFLAGS= go install "$$tool" || exit 1; \
	done
	@touch $@

.make/clients/.installed: tests/clients/requirements.lock
	@$(FIND_PYTHON); "$$python" -m venv --clear .make/clients
	@.make/clients/bin/python $(PIP) --require-hashes --only-binary :all: --requirement $<
	@touch $@

$(STAMP): requirements.lock pyproject.toml
	@$(FIND_PYTHON); \
	$(LOCK_VENV) || exit; \
	if $(FRESH_VENV); then exit 0; fi; \
	echo "building .venv with $$("$$python" --version): pinned packages, a download of 100 MB and about a minute"; \
	rm -f $(STAMP) && \
	"$$python" -m venv $(CLEAR) .venv && \
	$(BIN)/python $(PIP) --require-hashes --only-binary :all: --requirement requirements.lock && \
	$(BIN)/python $(PIP) --no-build-isolation --no-deps --editable . || \
	{ echo 'error: .venv could not be built (see above): is a package registry within reach?' >&2; exit 1; }; \
	echo '$(CURDIR)' > $(STAMP)

# cryptofeed comes as source: it needs a C compiler, and build tools, which are in the same lock.
$(PEER): bench/requirements.lock
	@echo 'building .make/bench: cryptofeed and what it needs, about a minute'
	@$(FIND_PYTHON); "$$python" -m venv --clear .make/bench
	@awk '/^(cython|setuptools)==/ { on = 1 } on; !/\\$$/ { on = 0 }' bench/requirements.lock >.make/bench/tools.lock
	@.make/bench/bin/python $(PIP) --require-hashes --requirement .make/bench/tools.lock
	@.make/bench/bin/python $(PIP) --require-hashes --no-build-isolation --requirement bench/requirements.lock
	@touch $(PEER)

$(STREAM_PEERS): bench/requirements-streams.lock
	@echo 'building .make/bench-streams: stock Faust, quixstreams, bytewax'
	@$(FIND_PYTHON); "$$python" -m venv --clear .make/bench-streams
	@.make/bench-streams/bin/python $(PIP) --require-hashes --only-binary :all: --requirement $<
	@touch $@

.make/compat/.installed: tests/compat/requirements.lock
	@echo 'building .make/compat: clients of Kafka, DuckDB, ClickHouse in the process; a download of 400 MB'
	@$(FIND_PYTHON); "$$python" -m venv --clear .make/compat
	@.make/compat/bin/python $(PIP) --require-hashes --only-binary :all: --requirement $<
	@touch $@

# Spark comes as source, which is packed but not compiled: its build tool is in the same lock.
.make/compat-spark/.installed: tests/compat/requirements-spark.lock
	@echo 'building .make/compat-spark: Spark and a Java for it; a download of 500 MB and some minutes'
	@$(FIND_PYTHON); "$$python" -m venv --clear .make/compat-spark
	@awk '/^setuptools==/ { on = 1 } on; !/\\$$/ { on = 0 }' $< >.make/compat-spark/tools.lock
	@.make/compat-spark/bin/python $(PIP) --require-hashes --requirement .make/compat-spark/tools.lock
	@.make/compat-spark/bin/python $(PIP) --require-hashes --no-build-isolation --requirement $<
	@touch $@

$(UV):
	@$(FIND_PYTHON); "$$python" -m venv --clear .make/uv-$(UV_VERSION)
	@.make/uv-$(UV_VERSION)/bin/python $(PIP) uv==$(UV_VERSION)
