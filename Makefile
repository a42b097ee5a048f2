# Everything here needs Python 3.11 or newer and make, nothing else: `make run` and `make test` set
# up what they use, in .venv*, from the hashed locks in requirements/.

PYTHON ?= python3
BIN := .venv/bin
WITH_LAYERS := PYTHONPATH=layers/wgtwo:layers/eventdrain
PROTOS := $(shell find protos -name '*.proto' | sort)
SERVICES := $(shell grep -l '^service ' $(PROTOS) | sort)

.DEFAULT_GOAL := help
.PHONY: help run serve plan verify replay test check lint types drift proto template lock setup build bench soak mutants clean

help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

run: setup ## Deploy the stack into an embedded AWS here, and watch it drain 5,000 events: make run STREAMS=all
	@$(WITH_LAYERS) $(BIN)/python -m tests.local.run $(if $(STREAMS),--streams $(STREAMS)) $(ARGS)

serve: .venv/.made ## Run the event server by itself: make serve ARGS="--events 100 --rate 5", ARGS=--help for more
	@$(WITH_LAYERS) $(BIN)/python -m tests.local.event_server $(ARGS)

plan: .venv/.made ## Turn a rate into parameters, lag and dollars: make plan EVENTS_PER_DAY=100000 PEAK_PER_SECOND=20
	@$(BIN)/python -m tools.plan $(if $(EVENTS_PER_DAY),--events-per-day $(EVENTS_PER_DAY)) \
	  $(if $(PEAK_PER_SECOND),--peak-per-second $(PEAK_PER_SECOND)) $(ARGS)

verify: .venv/.made ## Check a deployed stack's catalogue: make verify STACK=event-drain, ARGS=--help for more
	@$(WITH_LAYERS) $(BIN)/python -m tools.verify $(if $(STACK),--stack-name $(STACK)) $(ARGS)

replay: .venv/.made ## Send archived events to the queue again: make replay ARGS="--stack-name event-drain --from ... --dry-run"
	@$(WITH_LAYERS) $(BIN)/python -m tools.replay $(ARGS)

test: setup check ## Run lint, types, drift checks and all tests
	$(BIN)/pytest --numprocesses=4 --dist=loadfile

check: setup lint types drift

lint: .venv/.made
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/cfn-lint template.yaml stream.yaml catalogue.yaml compaction.yaml

types: .venv/.made
	$(BIN)/mypy layers/eventdrain functions tests tools

drift: .venv/.made
	@rm -rf build/proto && mkdir -p build/proto
	@$(MAKE) --no-print-directory proto PROTO_OUT=build/proto
	diff --recursive --exclude=__pycache__ build/proto/wgtwo layers/wgtwo/wgtwo
	$(WITH_LAYERS) $(BIN)/python -m tools.stream_blocks --check
	$(WITH_LAYERS) $(BIN)/python -m tools.catalogue --check

PROTO_OUT ?= layers/wgtwo
proto: .venv/.made ## Generate the code of the event API from protos/ into layers/wgtwo
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m grpc_tools.protoc -I protos \
	  --python_out=$(PROTO_OUT) --mypy_out=quiet:$(PROTO_OUT) $(PROTOS)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m grpc_tools.protoc -I protos \
	  --grpc_python_out=$(PROTO_OUT) --mypy_grpc_out=quiet:$(PROTO_OUT) $(SERVICES)

template: .venv/.made ## Write the parts of the templates that name streams, columns and queries
	$(WITH_LAYERS) $(BIN)/python -m tools.stream_blocks
	$(WITH_LAYERS) $(BIN)/python -m tools.catalogue

build: setup ## Build the stack for an AWS account, as `sam build` does
	.venv-sam/bin/sam build

bench: .venv/.made ## Measure speed, scaling and memory; print tables, write build/bench.json and two charts in docs/
	@$(WITH_LAYERS) $(BIN)/python -m tests.bench

soak: setup ## Mix faults at random for as long as it is told: make soak ARGS="--minutes 30"
	@$(WITH_LAYERS) $(BIN)/python -m tests.faults.soak $(ARGS)

mutants: setup ## Break the engine on purpose, in many ways, and see that the tests notice each
	@$(WITH_LAYERS) $(BIN)/python -m tests.faults.mutants $(ARGS)

setup: .venv/.made .venv-sam/.made .venv-aws/.made

# The developer's tools and tests; the SAM CLI; the embedded AWS: three environments, for the pins of
# the latter two exclude each other, and a deployed function must find nothing of the first.
.venv/.made: requirements/uv.txt requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3 ...")'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	$(BIN)/uv pip sync --quiet --require-hashes --python .venv requirements/dev.txt
	@touch $@

.venv-sam/.made: .venv/.made requirements/sam.txt
	$(PYTHON) -m venv --clear .venv-sam
	$(BIN)/uv pip sync --quiet --require-hashes --python .venv-sam requirements/sam.txt
	@touch $@

.venv-aws/.made: .venv/.made requirements/aws.txt
	$(PYTHON) -m venv --clear .venv-aws
	$(BIN)/uv pip sync --quiet --require-hashes --python .venv-aws requirements/aws.txt
	@touch $@

COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate \
  --no-emit-index-url --python-version 3.11 --custom-compile-command 'make lock'
lock: .venv/.made ## Compile the locks anew from requirements/*.in and layers/vendor/requirements.in
	$(COMPILE) layers/vendor/requirements.in -o layers/vendor/requirements.txt
	$(COMPILE) requirements/uv.in -o requirements/uv.txt
	$(COMPILE) -c layers/vendor/requirements.txt requirements/dev.in -o requirements/dev.txt
	$(COMPILE) requirements/sam.in -o requirements/sam.txt
	$(COMPILE) requirements/aws.in -o requirements/aws.txt

clean: ## Remove what was built and installed
	rm -rf .venv .venv-sam .venv-aws .aws-sam build .mypy_cache .ruff_cache .pytest_cache .hypothesis
