# Each target installs what it needs, in a virtual environment under .venv/ for each Python version.
PYTHON ?= $(shell for python in python3.11 python3; do $$python -c '' 2>/dev/null && echo $$python && break; done)
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
VENV := .venv/$(VERSION)
BIN := $(VENV)/bin
UV := .venv/uv/bin/uv
# Both fall back on venv and pip, if uv cannot be installed or does not find what pip finds.
make_venv = $(UV) venv --quiet --seed --clear --python $(1) $(2) || $(1) -m venv $(2)
install = $(UV) pip install --quiet --python $(1)/bin/python $(2) || $(1)/bin/python -m pip install --quiet --disable-pip-version-check $(2)
export UV_HTTP_TIMEOUT ?= 180
export UV_PYTHON_DOWNLOADS ?= never
# The tests start hundreds of processes, and without bytecode each would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE
INTEROP_ENVIRONMENTS := $(patsubst %,.venv/interop-%/.ready,boto3 aiobotocore awscli servers)

PYTHON_3_12 := $(shell for python in python3.12 $(HOME)/.pyenv/versions/3.12.*/bin/python; do $$python -c '' 2>/dev/null && echo $$python && break; done)
INTEROP_DUPLEX := $(if $(PYTHON_3_12),.venv/interop-duplex/.ready)
SMITHY := $(if $(PYTHON_3_12),.venv/smithy-bench/.peers)
GO_CODE := /usr/share/gocode
GO_SDK := $(if $(shell go version 2>/dev/null),$(if $(wildcard $(GO_CODE)/src/github.com/aws/aws-sdk-go-v2/service/sagemakerruntime),build/go_sdk))

.DEFAULT_GOAL := help
.PHONY: $(shell grep -oE '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | cut -d: -f1)

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS="$$(printf '\t')" read -r name text; do printf '  make %-20s%s\n' "$$name" "$$text"; done
	@echo '  PYTHON=python3.12 chooses another Python'

demo: $(VENV)/.package ## Serve a real classifier on this machine, and send it 150 calls through the whole stack
	@$(BIN)/python examples/iris_demo.py

stream-demo: $(VENV)/.package ## Stream a story from a small language model on this machine, as it is written
	@$(BIN)/python examples/stream_demo.py

bulk-demo: $(VENV)/.package ## Score 20,000 rows on this machine, kill the run halfway, and resume it
	@$(BIN)/python examples/bulk_demo.py

duplex-demo: $(VENV)/.duplex ## Let a model on this machine transcribe Morse code while it is being keyed; ARGS is the text to key
	@$(BIN)/python examples/duplex_demo.py $(ARGS)

test: $(VENV)/.test ## Run all tests with coverage, or those that ARGS names without it
	$(BIN)/python -m pytest $(if $(ARGS),$(ARGS),--numprocesses auto --cov --cov-report term-missing:skip-covered)

test-quick: $(VENV)/.test ## Run all tests but the slow ones
	$(BIN)/python -m pytest --numprocesses auto -m 'not slow' $(ARGS)

test-floor: $(VENV)-floor/.test ## The same on the oldest dependencies that pyproject.toml allows
	$(VENV)-floor/bin/python -m pytest --numprocesses auto -m 'not slow' $(ARGS)

interop: .venv/interop/.server $(INTEROP_ENVIRONMENTS) $(INTEROP_DUPLEX) $(VENV)/.test ## Test client and local endpoint against other people's servers and clients
	INTEROP_PYTHON=.venv/interop/bin/python INTEROP_ENVIRONMENTS=.venv $(BIN)/python -m pytest tests/interop $(ARGS)

browser: $(VENV)-browser/.test build/docs/index.html ## Test the pages that the package makes in a headless Chromium, if it is installed
	$(VENV)-browser/bin/python -m pytest tests/browser $(ARGS)

screenshots: $(VENV)-browser/.test ## Take the screenshots of the documentation, in the same browser
	@$(VENV)-browser/bin/python docs/report_picture.py
	@$(VENV)-browser/bin/python docs/page_picture.py

engines: $(VENV)-engines/.test ## Test bulk runs on a Ray and a Dask cluster on this machine, whose processes are killed: 3 minutes
	PYTHONPATH=tests $(VENV)-engines/bin/python -m pytest -W default --disable-warnings --show-capture no -o faulthandler_timeout=280 tests/engines $(ARGS)

bench-engines: $(VENV)-engines/.test ## Compare two workers of a Ray and a Dask cluster with one, if preparing a call takes CPU time: 3 minutes
	@PYTHONPATH=tests $(VENV)-engines/bin/python tests/engines/throughput.py $(ARGS)

interop-mlflow: .venv/interop-mlflow/.ready $(VENV)/.test ## Test codecs and bulk runs against MLflow's scoring server: 1 minute
	INTEROP_MLFLOW=.venv/interop-mlflow/bin/python $(BIN)/python -m pytest tests/interop/test_mlflow.py $(ARGS)

transport-endurance: $(VENV)-bench/.peers ## Make 20,000 calls over a bad network on each event loop: 5 minutes; ARGS is a seed and a number of calls
	@PYTHONPATH=tests $(VENV)-bench/bin/python tests/transport/chaos.py $(ARGS)

bulk-endurance: $(VENV)/.package $(VENV)-engines/.test ## Kill 40 bulk runs of 60,000 records at random moments, and workers of 20 runs on clusters: 30 minutes; ARGS is the numbers of runs and records, and a seed
	@$(BIN)/python tests/bulk/endurance.py $(ARGS)
	@for engine in dask ray; do PYTHONPATH=tests $(VENV)-engines/bin/python tests/engines/killed.py $$engine $(ARGS) || exit 1; done

lint: $(VENV)/.checks ## Check the style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/ruff format --check --line-length 88 *.md

types: $(VENV)/.checks ## Check the types with mypy and pyright, both strict
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

bench: $(VENV)-bench/.peers $(SMITHY) $(GO_SDK) ## Compare calls, streams, bodies and starts with those of bare aiohttp and other clients: 15 minutes
	@GO_SDK=$(GO_SDK) SMITHY_PYTHON=$(SMITHY:.peers=bin/python) $(VENV)-bench/bin/python benchmarks/run.py $(ARGS)

bench-beside: $(VENV)/.package ## Compare calls of this checkout with those of REVISION=...: 6 minutes
	@$(BIN)/python benchmarks/beside_revision.py $(REVISION)

profile: $(VENV)-bench/.peers ## Show where the time of a call goes
	@$(VENV)-bench/bin/python benchmarks/profile_call.py

bench-local: $(VENV)/.package ## Compare the CPU time of a call in the local endpoint with that in a bare aiohttp server
	@$(BIN)/python benchmarks/local_cost.py

bench-duplex: $(VENV)/.package $(INTEROP_DUPLEX) ## Compare the CPU time of a part of a duplex call with that of the same bytes on bare h2
	@$(BIN)/python benchmarks/duplex_cost.py $(if $(INTEROP_DUPLEX),--peer $(INTEROP_DUPLEX:.ready=bin/python)) $(ARGS)

bench-limit: $(VENV)/.package ## Compare the throughput that a KneeLimit finds with the capacity of a local endpoint: 3 minutes
	@$(BIN)/python benchmarks/knee_run.py $(ARGS)

bench-parquet: $(VENV)/.test ## Compare the memory of a bulk run over 2 GB of Parquet with that over 200 MB: 1 minute
	@$(BIN)/python benchmarks/parquet_memory.py

docs: $(VENV)/.docs ## Build the documentation, and check and run the code in it
	$(BIN)/sphinx-build --quiet --fresh-env --fail-on-warning --keep-going docs build/docs
	$(BIN)/python -m pytest --quiet tests/test_doc_*.py
	@echo 'The documentation is in build/docs/index.html.'

build/docs/index.html: $(VENV)/.docs $(shell find docs src -name '[a-z]*.*' -not -name '*.pyc')
	$(BIN)/sphinx-build --quiet docs build/docs
	@touch $@

pages: $(VENV)/.test ## Draw the pictures, and copy examples and figures into the pages that show them
	@$(BIN)/python docs/pictures.py
	@$(BIN)/python docs/embed.py
	@$(BIN)/python benchmarks/page.py

clean: ## Remove everything that make has created
	rm -rf .venv .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# uv takes a fraction of the time of venv and pip, and does not try hundreds of boto3's releases to find the one that fits an
# old botocore.
$(UV):
	$(PYTHON) -m venv .venv/uv
	.venv/uv/bin/python -m pip install --quiet --disable-pip-version-check uv || ln --symbolic --force /bin/false $(UV)

$(VENV)/.python: | $(UV)
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; try make PYTHON=python3.11")'
	$(call make_venv,$(PYTHON),$(VENV))
	@touch $@

$(VENV)/.package: pyproject.toml | $(VENV)/.python
	$(call install,$(VENV),--editable .)
	@touch $@

$(VENV)/.duplex: $(VENV)/.package
	$(call install,$(VENV),--editable '.[local-duplex]')
	@touch $@

$(VENV)/.test: requirements/test.txt $(VENV)/.package
	$(call install,$(VENV),--requirement requirements/test.txt)
	@touch $@

$(VENV)/.checks: requirements/checks.txt $(VENV)/.test
	$(call install,$(VENV),--requirement requirements/checks.txt)
	@touch $@

$(VENV)/.docs: requirements/docs.txt $(VENV)/.checks
	$(call install,$(VENV),--requirement requirements/docs.txt)
	@touch $@

$(VENV)-floor/.test: requirements/floor.txt requirements/test.txt pyproject.toml | $(UV)
	$(call make_venv,$(PYTHON),$(VENV)-floor)
	$(call install,$(VENV)-floor,--constraint requirements/floor.txt --requirement requirements/test.txt --editable .)
	@touch $@

$(VENV)-browser/.test: requirements/browser.txt pyproject.toml | $(UV)
	$(call make_venv,$(PYTHON),$(VENV)-browser)
	$(call install,$(VENV)-browser,--requirement requirements/browser.txt --editable .)
	@touch $@

# Ray is 240 MB, and Ray and Dask each have their own dependencies.
$(VENV)-engines/.test: requirements/engines.txt pyproject.toml | $(UV)
	$(call make_venv,$(PYTHON),$(VENV)-engines)
	$(call install,$(VENV)-engines,--requirement requirements/engines.txt --editable .)
	@touch $@

$(VENV)-bench/.peers: requirements/bench.txt pyproject.toml | $(UV)
	$(call make_venv,$(PYTHON),$(VENV)-bench)
	$(call install,$(VENV)-bench,--requirement requirements/bench.txt --editable .)
	@touch $@

# Other people's clients and servers, each in its own environment: they pin conflicting dependencies.
.venv/interop-%/.ready: tests/interop/requirements-%.txt | $(UV)
	$(call make_venv,$(PYTHON),.venv/interop-$*)
	$(call install,.venv/interop-$*,--requirement $<)
	@touch $@

# AWS's client for the duplex operation needs Python 3.12; without it, its tests are skipped.
.venv/interop-duplex/.ready: tests/interop/requirements-duplex.txt | $(UV)
	$(call make_venv,$(PYTHON_3_12),.venv/interop-duplex)
	$(call install,.venv/interop-duplex,--requirement $<)
	@touch $@

# AWS's smithy client needs Python 3.12; without it, the client is left out of the benchmarks.
.venv/smithy-bench/.peers: requirements/smithy.txt | $(UV)
	$(call make_venv,$(PYTHON_3_12),.venv/smithy-bench)
	$(call install,.venv/smithy-bench,--requirement requirements/smithy.txt)
	@touch $@

# The Go SDK comes with Debian's golang-go and golang-github-aws-aws-sdk-go-v2-dev; without them, it is left out.
build/go_sdk: benchmarks/go_sdk.go
	GO111MODULE=off GOPATH=$(GO_CODE) GOCACHE=$(CURDIR)/build/go-cache go build -o $@ $<

# LocalStack pins an old botocore, so the newest model is put beside it.
.venv/interop/.server: tests/interop/requirements.txt | $(UV)
	$(call make_venv,$(PYTHON),.venv/interop)
	$(call install,.venv/interop,--requirement tests/interop/requirements.txt)
	$(call install,.venv/interop,--upgrade --no-deps --target .venv/interop/model botocore)
	@touch $@
