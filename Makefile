# Every target makes what it needs first: in a fresh clone `make run` and `make test` just work.
# A variable after the target reaches the program as a setting: make run PORT=8080
.DEFAULT_GOAL := help
.SUFFIXES:
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
# The longest first, so that the short ones fill the end.
SUITES := tests/e2e tests/api tests/integration tests/devstack tests/install tests/unit
SEED ?= $(shell date +%s)

.PHONY: help
help:
	@printf '\nOrder Service\n\n'
	@sed -n 's/^## \(.*\)/\1/p; s/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | \
		awk -F'|' 'NF == 2 { printf "%-24s%s\n", $$1, $$2; next } { printf "\n%s\n", $$0 }'
	@printf '\nSettings go behind the target, or into .env: make run PORT=8080 INVENTORY_CONTRACT=conditional\n\n'

## Use it
.PHONY: run
run: install ## start it all: MongoDB, Kafka, a sample inventory, the API and the worker
	@exec $(BIN)/python -m devstack

.PHONY: install
install: ## make .venv from the pinned requirements (PYTHON=python3.12 chooses which Python)
	@PYTHON='$(PYTHON)' tools/install.sh

## Check it
.PHONY: test
test: install ## every test but the long ones, with coverage; starts its own servers
	@$(BIN)/python -m pytest -n 3 --no-loadscope-reorder --cov --cov-report=term $(SUITES)

.PHONY: test-unit
test-unit: install ## the tests without servers, in seconds
	@$(BIN)/python -m pytest -q tests/unit

.PHONY: test-console
test-console: install ## the console in a real browser (Debian's chromium)
	@$(BIN)/python -m pytest -n 2 tests/console

.PHONY: test-kafka
test-kafka: install ## three Kafka brokers, and what happens when one of them dies
	@$(BIN)/python -m pytest -n 2 -m cluster tests/kafka tests/devstack

.PHONY: test-installs
test-installs: ## install a fresh clone with every Python from 3.11 on that is found
	@tools/test-installs.sh

.PHONY: faults
faults: install ## crash every part again and again, upgrade and go back; count the orders (SEED=7 repeats a run)
	@SEED='$(SEED)' FAULTS=full $(BIN)/python -m pytest tests/faults tests/upgrades

.PHONY: faults-short
faults-short: install ## the same, in minutes
	@SEED='$(SEED)' FAULTS=short $(BIN)/python -m pytest tests/faults tests/upgrades

.PHONY: lint
lint: install ## style, types, layers, the console's scripts, Dockerfile and compose file
	@tools/lint.sh

.PHONY: model
model: ## search the model of the stock protocol with Spin, in minutes (protocol/)
	@protocol/check.sh

.PHONY: operations
operations: install ## check what is in operations/: alerts, manifests and units
	@tools/test-operations.sh

.PHONY: test-asyncapi
test-asyncapi: install ## hold docs/asyncapi.json against the specification, with AsyncAPI's own program
	@tools/test-asyncapi.sh

.PHONY: test-image
test-image: install ## build the container image and place an order through it (Debian, as root)
	@tools/test-image.sh

## Measure it
.PHONY: bench
bench: install ## ours beside Express and FastAPI (WORKS=create,hot ROUNDS=1 SECONDS=5 for a quick look)
	@$(BIN)/python -m bench $(if $(WORKS),--works '$(WORKS)') $(if $(ROUNDS),--rounds '$(ROUNDS)') \
		$(if $(SECONDS),--seconds '$(SECONDS)') $(if $(filter 0,$(LIST)),--no-list)

.PHONY: bench-before
bench-before: install ## this build beside an earlier one, in one run (BEFORE=HEAD~20 WORKS=create ROUNDS=9)
	@$(BIN)/python -m bench.before --before '$(BEFORE)' $(if $(WORKS),--works '$(WORKS)') \
		$(if $(ROUNDS),--rounds '$(ROUNDS)') $(if $(SECONDS),--seconds '$(SECONDS)')

.PHONY: bench-list
bench-list: install ## a page of the list among a thousand, a hundred thousand and a million orders
	@$(BIN)/python -m bench.list

.PHONY: bench-console
bench-console: install ## how soon the console shows a thousand orders, and a million (needs chromium)
	@$(BIN)/python -m bench.console

.PHONY: bench-consumer
bench-consumer: install ## stock events a second of the worker
	@$(BIN)/python -m bench.consumer

.PHONY: bench-calls
bench-calls: install ## what each call to store and inventory costs, alone and shared
	@$(BIN)/python -m bench.calls

.PHONY: walk
walk: install ## through how many files an order, a read, an event and a settlement walk
	@$(BIN)/python tools/walk.py

.PHONY: bench-hot
bench-hot: install ## one hot item: the simulation's forecast beside what is measured
	@$(BIN)/python -m bench.hot_item

## Change it
.PHONY: format
format: install ## let ruff rewrite what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: asyncapi
asyncapi: install ## write docs/asyncapi.json again, after a change of the events
	@$(BIN)/python tools/asyncapi.py

.PHONY: requirements
requirements: ## pin again what setup.cfg asks for (UPGRADE=1 takes the newest it allows)
	@PYTHON='$(PYTHON)' CHECK=no tools/install.sh
	@UPGRADE='$(UPGRADE)' tools/requirements.sh

.PHONY: clean
clean: ## remove .venv and everything made here but .data/, where the orders are
	@rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	@find . -path ./.data -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
