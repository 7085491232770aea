# `make` runs the paper's study, `make test` the tests; both set everything up first.
PYTHON ?= python3
STUDY  ?= config/paper.yaml
VENV   := .venv
BIN    := $(VENV)/bin
SOURCES_IN_C := $(wildcard src/hessweep/compiled/*.[ch])
PROSE := README.md CONTRIBUTING.md CHANGELOG.md results/README.md $(wildcard docs/*.md)
SMK     = $(BIN)/snakemake --workflow-profile workflow/profiles/default --config 'study=$(subst ','\'',$(STUDY))'

.DELETE_ON_ERROR:
.PHONY: study setup test test-faults test-cluster test-install lint format bench docs lock clean help

study: $(VENV)/.run ## Run STUDY (the paper's, unless you name another)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(SMK)

setup: $(VENV)/.dev ## Set up .venv for development

test: $(VENV)/.dev ## Run the tests
	$(BIN)/pytest -m "not faults and not cluster and not install"

test-faults: $(VENV)/.dev ## Run the tests that kill, damage, fuzz and fill disks: minutes, as root
	$(BIN)/pytest --timeout 1800 -m "faults or fuzz" --hypothesis-profile thousands \
	  --dist worksteal --durations 10 tests/faults

test-install: $(VENV)/.dev ## Build wheel and sdist, install them into a new environment, run a study
	$(BIN)/pytest --timeout 1800 -n 0 -m install tests/install

test-cluster: $(VENV)/.dev ## Run the tests that start a SLURM and cut a network: minutes, as root
	$(BIN)/pytest --timeout 1800 -n 0 -m cluster --durations 10 tests/cluster

lint: $(VENV)/.dev ## Run every linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/codespell $(PROSE) src workflow packaging
	$(BIN)/proselint check --config docs/mkdocs/proselint.json $(PROSE)

format: $(VENV)/.dev ## Format everything
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

bench: $(VENV)/.dev ## Measure the speed anew: benchmarks/out/, docs/benchmarks.md
	$(BIN)/python benchmarks/run.py --document

lock: ## Pin the requirements anew (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --group build pyproject.toml -o requirements/run.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --group build --group dev -c requirements/run.txt \
	  pyproject.toml -o requirements/dev.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate requirements/servers.in -o requirements/servers.txt

docs: $(VENV)/.dev ## Build the site of the documentation: build/docs/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict -f docs/mkdocs/mkdocs.yml

clean: ## Remove the environment; results stay
	rm -rf $(VENV)

help: ## Show this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "hessweep needs Python 3.11 or later: make PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)

INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check

$(VENV)/.run: requirements/run.txt pyproject.toml $(SOURCES_IN_C) | $(BIN)/python
	$(INSTALL) --require-hashes -r requirements/run.txt
	$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt requirements/servers.txt pyproject.toml $(SOURCES_IN_C) | $(BIN)/python
	$(INSTALL) --require-hashes -r requirements/dev.txt
	$(INSTALL) --no-deps --no-build-isolation --editable .
	$(BIN)/python -m venv $(VENV)/servers
	$(VENV)/servers/bin/python -m pip install --quiet --disable-pip-version-check \
	  --require-hashes -r requirements/servers.txt
	@touch $(VENV)/.run $@
