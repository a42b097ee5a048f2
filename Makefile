# Everything here needs Python 3.11 or newer and GNU make 3.81 or newer, nothing else (`make model` also needs Spin):
# `make run` and `make test` set up what they use, in .venv*, from the hashed locks in requirements/.

PYTHON ?= python3
BIN := .venv/bin
WITH_LAYERS := PYTHONPATH=layers/wgtwo:layers/eventdrain
PROTOS := $(shell find protos -name '*.proto' | sort)
SERVICES := $(shell grep -l '^service ' $(PROTOS) | sort)

# Otherwise each process of a test run compiles what it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run up status down serve deploy credentials doctor plan verify tail replay erase delete test tests test-all check lint policies secrets types drift audit deployed sbom licences proto template lock setup build bench soak mutants simulate model release-archive clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

SIMULATOR := SIMULATOR_NAME=make $(BIN)/python -m simulator
run: setup ## Deploy the stack into an embedded AWS, and watch it drain 5,000 events: make run STREAMS=all
	@$(SIMULATOR) run $(if $(STREAMS),--streams $(STREAMS)) $(ARGS)

up: setup ## Start a stack that stays, with made-up events: make up RATE=5 STREAMS=all
	@$(SIMULATOR) up $(if $(RATE),--rate $(RATE)) $(if $(STREAMS),--streams $(STREAMS)) $(ARGS)

status: .venv/.made ## Show what make up has started, what was drained and what waits: make status WATCH=1
	@$(if $(filter-out 0 1,$(WATCH)),$(error WATCH is '$(WATCH)': set it to 1 to watch, or leave it out))
	@$(SIMULATOR) status $(if $(filter 1,$(WATCH)),--watch) $(ARGS)

down: .venv/.made ## End what make up has started, and remove all of it
	@$(SIMULATOR) down $(ARGS)

serve: .venv/.made ## Run only the event server: make serve ARGS="--events 100 --rate 5", ARGS=--help for more
	@$(WITH_LAYERS) $(BIN)/python -m simulator.event_server $(ARGS)

# Short forms of `python -m drainctl`, which scripts should call: make turns every failure into exit status 2.
DRAINCTL := DRAINCTL_NAME=make $(BIN)/python -m drainctl
deploy: .venv/.made .venv-sam/.made ## Build the stack and deploy it into your AWS account: five questions, whose answers deploy.toml keeps
	@$(DRAINCTL) deploy $(if $(STACK),--stack-name $(STACK)) $(ARGS)

credentials: .venv/.made ## Put the event API's credentials into a stack: make credentials STACK=event-drain
	@$(DRAINCTL) credentials $(if $(STACK),--stack-name $(STACK)) $(ARGS)

doctor: .venv/.made ## Check a deployed stack without changing it: make doctor STACK=event-drain, ARGS=--help for more
	@$(DRAINCTL) doctor $(if $(STACK),--stack-name $(STACK)) $(ARGS)

plan: .venv/.made ## Choose parameters for an event rate, with lag and cost: make plan EVENTS_PER_DAY=100000 PEAK_PER_SECOND=20
	@$(DRAINCTL) plan $(if $(EVENTS_PER_DAY),--events-per-day $(EVENTS_PER_DAY)) \
	  $(if $(PEAK_PER_SECOND),--peak-per-second $(PEAK_PER_SECOND)) $(ARGS)

verify: .venv/.made ## Check a deployed stack's tables and views: make verify STACK=event-drain, ARGS=--help for more
	@$(DRAINCTL) verify $(if $(STACK),--stack-name $(STACK)) $(ARGS)

tail: .venv/.made ## Print a deployed stack's events as they arrive, and its runs: make tail STACK=event-drain ARGS="--since 10m"
	@$(DRAINCTL) tail $(if $(STACK),--stack-name $(STACK)) $(ARGS)

replay: .venv/.made ## Send archived events to the queue again: make replay STACK=event-drain ARGS="--from ... --dry-run"
	@$(DRAINCTL) replay $(if $(STACK),--stack-name $(STACK)) $(ARGS)

erase: .venv/.made ## Count the events of a subscriber, and with DELETE=1 delete them: make erase STACK=event-drain SUBSCRIPTION=...
	@$(if $(filter-out 0 1,$(DELETE)),$(error DELETE is '$(DELETE)': set it to 1 to delete, or leave it out to count))
	@$(DRAINCTL) erase $(if $(STACK),--stack-name $(STACK)) \
	  $(if $(value SUBSCRIPTION),--subscription '$(subst ','\'',$(value SUBSCRIPTION))') \
	  $(if $(filter 1,$(DELETE)),--delete) $(ARGS)

delete: .venv/.made ## Delete a stack, and list what stays: make delete STACK=event-drain
	@$(DRAINCTL) delete $(if $(STACK),--stack-name $(STACK)) $(ARGS)

# Before 4.0, as on macOS, make mixes the outputs of parallel jobs, so there jobs run one after the other. A check's
# output is collected until it ends; pytest prints continuously.
SIDE_BY_SIDE := $(if $(filter output-sync,$(.FEATURES)),--jobs=2)
COLLECTED := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)
PYTEST := $(BIN)/pytest --numprocesses=5 --dist=loadfile --no-loadscope-reorder
test: setup .venv/.made-dev .venv-checkov/.made ## Run make check and all tests except the long ones of `make test-all`
	@$(MAKE) --no-print-directory $(SIDE_BY_SIDE) tests check

tests:
	$(PYTEST) -m "not release"

test-all: setup .venv/.made-dev .venv-readers/.made ## Run the long tests that `make test` leaves out, before a release
	$(PYTEST) -m release

# This audits only deployed packages; `make audit` includes the tools.
check: setup .venv/.made-dev ## Run lint, types, static checks of templates, secret scan, drift checks, audit
	@$(MAKE) --no-print-directory $(COLLECTED) lint policies secrets types drift
	@$(MAKE) --no-print-directory audit LOCKS=layers/vendor/requirements.txt

# Skip a check that can't run. If CI is set, that fails, unless ALLOW_SKIPPED names the check (audit, secrets).
skip = { echo "$(1): SKIPPED: $(2)."; case "$$CI" in ''|0|false) exit 0;; esac; \
  case ",$$ALLOW_SKIPPED," in *,$(1),*) exit 0;; esac; \
  echo "$(1): In CI a skipped check fails. To fix this, provide what is missing, or set ALLOW_SKIPPED=$(1)."; exit 1; }

TEMPLATES = template.yaml $(filter-out %.asl.yaml,$(wildcard stacks/*.yaml)) $(wildcard examples/*/template.yaml)
lint: .venv/.made-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/cfn-lint --append-rules cfn_lint_serverless.rules --include-checks I -- $(TEMPLATES)

policies: .venv-checkov/.made # configured in .checkov.yml
	.venv-checkov/bin/checkov --file $(TEMPLATES)

# Every file that git tracks or would track, except locks, which are full of digests. Excluded as harmless: what begins
# with made-up, the emulator's key, names of permissions, ARN prefixes. `# pragma: allowlist secret` excludes one line.
secrets: .venv/.made-dev
	@git ls-files > /dev/null || $(call skip,secrets,git can't list the project's files); \
	git ls-files -z --cached --others --exclude-standard ':(exclude)*requirements*.txt' ':(exclude)*package-lock.json' \
	  | xargs -0 $(BIN)/detect-secrets-hook --no-verify --exclude-secrets '^made-up|^test$$' \
	    --exclude-secrets '^(secretsmanager:)?((Get|Put)SecretValue$$|DescribeSecret)|^arn(:[a-z-]+)?$$'

types: .venv/.made-dev
	$(BIN)/mypy layers/eventdrain functions drainctl devtools simulator benchmarks tests examples/archive examples/python-lambda

drift: .venv/.made-dev
	@rm -rf build/proto && mkdir -p build/proto
	@$(MAKE) --no-print-directory proto PROTO_OUT=build/proto
	diff --recursive --exclude=__pycache__ build/proto/wgtwo layers/wgtwo/wgtwo
	$(WITH_LAYERS) $(BIN)/python -m devtools.stream_blocks --check
	$(WITH_LAYERS) $(BIN)/python -m devtools.catalogue --check
	$(WITH_LAYERS) $(BIN)/python -m devtools.reader_schemas --check
	$(WITH_LAYERS) $(BIN)/python -m devtools.json_schemas --check
	$(WITH_LAYERS) $(BIN)/python -m devtools.dashboard --check

LOCKS = layers/vendor/requirements.txt $(wildcard requirements/*.txt examples/*/requirements.txt)
ADVISORIES = https://pypi.org/pypi/pip/24.0/json
audit: .venv/.made-dev ## Check the locked packages for known vulnerabilities; needs a network
	@$(BIN)/python -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=15)' $(ADVISORIES) \
	  2> /dev/null || $(call skip,audit,$(ADVISORIES) has no answer); \
	for lock in $(LOCKS); do echo "audit: $$lock"; \
	  $(BIN)/pip-audit --strict --disable-pip --require-hashes --progress-spinner off --requirement $$lock || exit 1; done

# An environment with the vendor layer's packages, for the tools that read one.
ARCHITECTURE = arm64
DEPLOYED = build/deployed
deployed: .venv/.made-dev
	@$(BIN)/uv venv --quiet --clear --no-project --python $(BIN)/python $(DEPLOYED)
	@$(BIN)/uv pip sync --quiet --python $(DEPLOYED) --require-hashes --only-binary :all: \
	  --python-platform $(ARCHITECTURE:arm64=aarch64)-manylinux2014 \
	  --python-version $(shell sed -n 's/^PYTHON_VERSION := //p' layers/vendor/Makefile) layers/vendor/requirements.txt

SBOM = build/sbom.cdx.json
sbom: deployed ## Write the bill of materials of the vendor layer, build/sbom.cdx.json: make sbom ARCHITECTURE=x86_64
	@$(BIN)/python -W ignore -m cyclonedx_py environment --pyproject pyproject.toml --output-reproducible \
	  --output-file $(SBOM) $(DEPLOYED)

LICENCES = docs/licences.md
licences: deployed ## Check the licences of the vendor layer's packages, and rewrite the table of docs/licences.md
	@sed '/^|/,$$d' docs/licences.md > $(DEPLOYED)/licences.md
	@$(BIN)/pip-licenses --python $(DEPLOYED)/bin/python >> $(DEPLOYED)/licences.md
	@cp $(DEPLOYED)/licences.md $(LICENCES)

PROTO_OUT ?= layers/wgtwo
proto: .venv/.made-dev ## Generate the code of the event API from protos/ into layers/wgtwo
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m grpc_tools.protoc -I protos \
	  --python_out=$(PROTO_OUT) --mypy_out=quiet:$(PROTO_OUT) $(PROTOS)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m grpc_tools.protoc -I protos \
	  --grpc_python_out=$(PROTO_OUT) --mypy_grpc_out=quiet:$(PROTO_OUT) $(SERVICES)

template: .venv/.made-dev ## Write what is generated: the templates' streams, tables, queries and dashboard; schemas/
	$(WITH_LAYERS) $(BIN)/python -m devtools.stream_blocks
	$(WITH_LAYERS) $(BIN)/python -m devtools.catalogue
	$(WITH_LAYERS) $(BIN)/python -m devtools.reader_schemas
	$(WITH_LAYERS) $(BIN)/python -m devtools.json_schemas
	$(WITH_LAYERS) $(BIN)/python -m devtools.dashboard

build: setup ## Build the stack for an AWS account, as `sam build` does
	.venv-sam/bin/sam build

bench: .venv/.made-dev ## Measure speed, scaling and memory, into build/: make bench ARGS="cpu --quick", ARGS="--charts docs" to publish, AGAINST=folder
	@$(WITH_LAYERS) $(BIN)/python -m benchmarks $(if $(AGAINST),--against '$(AGAINST)') $(ARGS)

soak: setup .venv/.made-dev ## Inject random faults for a given time: make soak ARGS="--minutes 30"
	@$(WITH_LAYERS) $(BIN)/python -m tests.faults.soak $(ARGS)

mutants: setup .venv/.made-dev ## Break the engine in many ways, and check that the tests detect each
	@$(WITH_LAYERS) $(BIN)/python -m tests.faults.mutants $(ARGS)

simulate: .venv/.made-dev ## Run whole runs through random faults in virtual time: make simulate ARGS="--schedules 1000000"
	@$(WITH_LAYERS) $(BIN)/python -m tests.simulation $(ARGS)

model: ## Explore all interleavings of commits and acks in a model; needs Spin and a C compiler
	@sh tests/model/check.sh

release-archive: .venv/.made-dev ## Archive a release for the upgrade test: make release-archive COMMIT=v1.2.3
	@$(BIN)/python -m devtools.release_archive $(COMMIT)

setup: .venv/.made .venv-sam/.made .venv-aws/.made

# Another Python than .venv has, if it is named: everything is made anew.
ifeq ($(origin PYTHON),command line)
ifneq ($(shell "$(PYTHON)" -V 2>&1),$(shell $(BIN)/python -V 2>&1))
.PHONY: .venv/.made
endif
endif

# What runs, which the checks and tests add theirs to; the SAM CLI; the embedded AWS; Checkov: four
# environments, for the pins of the latter three exclude each other, and a deployed function must find
# nothing of the first. The readers of the archive, a gigabyte that only `make test-all` needs, are a fifth.
# Say what is being installed, and how large it was: there is nothing else to see for a while.
install = printf 'Installing %s into $(@D) ...\n' '$(1)'
made = touch $@ && du -sm $(@D) | awk '{ print "  " $$1 " MB" }'
.venv/.made: requirements/uv.txt requirements/run.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { printf '%s\n' >&2 \
	  "$(PYTHON) is missing, or older than Python 3.11. To fix this, run make PYTHON=/path/to/python3 ..."; exit 1; }
	@$(call install,the libraries of the stack and its commands)
	@"$(PYTHON)" -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(BIN)/uv pip sync --quiet --require-hashes --python .venv requirements/run.txt
	@$(made)

.venv/.made-dev: .venv/.made requirements/dev.txt
	@$(call install,the checks and tests)
	@$(BIN)/uv pip sync --quiet --require-hashes --python .venv requirements/dev.txt
	@$(made)

.venv-sam/.made: WHAT = the SAM CLI
.venv-aws/.made: WHAT = the embedded AWS
.venv-checkov/.made: WHAT = Checkov
.venv-readers/.made: WHAT = the readers of the archive
.venv-%/.made: requirements/%.txt .venv/.made
	@$(call install,$(WHAT))
	@$(BIN)/uv venv --quiet --clear --no-project --python $(BIN)/python $(@D)
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(@D) $<
	@$(made)

COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate \
  --no-emit-index-url --python-version 3.11 --custom-compile-command 'make lock'
lock: .venv/.made-dev ## Compile the locks from requirements/*.in and layers/vendor/requirements.in
	$(COMPILE) layers/vendor/requirements.in -o layers/vendor/requirements.txt
	$(COMPILE) requirements/uv.in -o requirements/uv.txt
	$(COMPILE) -c layers/vendor/requirements.txt requirements/run.in -o requirements/run.txt
	$(COMPILE) -c requirements/run.txt requirements/dev.in -o requirements/dev.txt
	$(COMPILE) requirements/sam.in -o requirements/sam.txt
	$(COMPILE) requirements/aws.in -o requirements/aws.txt
	$(COMPILE) requirements/checkov.in -o requirements/checkov.txt
	$(COMPILE) requirements/readers.in -o requirements/readers.txt
	$(COMPILE) -c requirements/dev.txt examples/archive/requirements.in -o examples/archive/requirements.txt
	$(COMPILE) -c layers/vendor/requirements.txt examples/python-lambda/requirements.in -o examples/python-lambda/requirements.txt

clean: ## Remove what was built and installed
	@if [ -d build/local ] && [ -x $(BIN)/python ]; then $(SIMULATOR) down; fi
	rm -rf .venv .venv-sam .venv-aws .venv-checkov .venv-readers .aws-sam $(addprefix examples/*/,.aws-sam build node_modules) build .mypy_cache .ruff_cache .pytest_cache .hypothesis
