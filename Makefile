# `make demo` and `make test` need Python 3.11 or 3.12 and nothing else: each makes its own environment first, once.
# Python 3.12 gets the versions of the Verawood release of Open edX, Python 3.11 those of Ulmo.

.DEFAULT_GOAL := help
.PHONY: help demo demo-serve test test-slow test-services test-mysql test-browser crash poison chaos two-versions quality audit bench reference docs dist upgrade \
        requirements ci-requirements pictures extract_translations compile_translations pull_translations clean

VENV ?= .venv
PYTHON ?= $(shell .ci/find-python)
RELEASE := $(shell $(PYTHON) -c 'import sys; print({11: "ulmo", 12: "verawood"}[sys.version_info[1]])' 2>/dev/null || echo none)
RUN := $(VENV)/bin/python
BIN := $(VENV)/bin
ARGS ?=
# The tests use every core; PROCESSES=0 runs them in one process, as a debugger needs it.
PROCESSES ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1) + 1)))
PYTEST = $(RUN) -m pytest -n $(PROCESSES) --dist loadgroup

INSTALLED = $(VENV)/$(RELEASE)

help: ## Show this list
	@grep -hE '^[a-zA-Z_-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-22s %s\n", $$1, $$2}'

# --- See it, test it -------------------------------------------------------------------------------------------------

demo: $(INSTALLED)-test.stamp ## Simulate a class and show what arrives at a pretend Percipio
	@$(RUN) demo/run.py $(ARGS)

demo-serve: $(INSTALLED)-test.stamp ## The same, and leave open: a class page with buttons, the LMS admin, the sandbox's page
	@$(RUN) demo/run.py --serve $(ARGS)

test: $(INSTALLED)-test.stamp ## Run the tests that need no server
	@echo "The tests take four to five minutes on two cores. They need no server; what is left out is said at the end."
	@$(PYTEST) -q $(ARGS)

test-slow: $(INSTALLED)-test.stamp ## Run those of them that take longer: a quarter of a minute or more each, and the other cases of long tables
	@$(PYTEST) -q -m "slow and not services and not browser and not exhaustive" $(ARGS)

test-services: $(INSTALLED)-ci.stamp ## Run the tests that need MariaDB, Redis and RabbitMQ, and those of the rows on MariaDB
	@PERCIPIO_TEST_DATABASE_URL=$${PERCIPIO_TEST_DATABASE_URL:-mysql://root@127.0.0.1:3306/percipio} \
		$(PYTEST) -m "services or not services" tests/services tests/integration tests/e2e tests/standins $(ARGS)

test-mysql: $(INSTALLED)-ci.stamp ## Run those of the rows on a MySQL server (PERCIPIO_TEST_DATABASE_URL; .ci/mysql gets one)
	@PERCIPIO_TEST_DATABASE_URL=$${PERCIPIO_TEST_DATABASE_URL:-mysql://root@127.0.0.1:3397/percipio} \
		$(PYTEST) -m "services or not services" tests/e2e \
		$(filter-out tests/integration/test_reads.py,$(wildcard tests/integration/test_*.py)) $(ARGS)

test-browser: $(INSTALLED)-test.stamp ## Run the tests of the admin's pages in a headless Chromium (accessibility: with Node alone)
	@! command -v npm >/dev/null || npm ci --prefix .ci/axe --no-audit --no-fund --ignore-scripts --silent
	@$(RUN) -m pytest -m browser tests/browser $(ARGS)

crash: $(INSTALLED)-ci.stamp ## End a pass at each of its steps, on SQLite and MariaDB, and see that the next one finishes it
	@$(PYTEST) -m exhaustive tests/crash $(ARGS)
	@PERCIPIO_TEST_DATABASE_URL=$${PERCIPIO_TEST_DATABASE_URL:-mysql://root@127.0.0.1:3306/percipio} \
		$(PYTEST) -m exhaustive tests/crash $(ARGS)

poison: $(INSTALLED)-ci.stamp ## Poison a tenth of the items at every boundary, on SQLite and MariaDB, and see that all others arrive
	@$(RUN) -m pytest -m exhaustive tests/poison $(ARGS)
	@PERCIPIO_TEST_DATABASE_URL=$${PERCIPIO_TEST_DATABASE_URL:-mysql://root@127.0.0.1:3306/percipio} \
		$(PYTEST) -m "exhaustive or not exhaustive" tests/poison $(ARGS)

chaos: $(INSTALLED)-ci.stamp ## Let a class learn while everything goes wrong, and compare (ARGS="--full": 2000 courses)
	@$(RUN) -m benchmarks.chaos $(ARGS)

two-versions: $(INSTALLED)-ci.stamp ## Let a class learn while the LMS goes to another version and back, and compare
	@$(RUN) -m benchmarks.upgrade $(ARGS)

bench: $(INSTALLED)-ci.stamp ## Measure, and print the table
	@$(RUN) -m benchmarks $(ARGS)

# --- Keep it good ----------------------------------------------------------------------------------------------------

quality: $(INSTALLED)-quality.stamp ## Lint, types, import contracts, dead code, migrations, personal-data annotations, security
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(RUN) -m django makemigrations percipio_openedx --check --dry-run --settings=tests.settings
	DJANGO_SETTINGS_MODULE=tests.settings PYTHONPATH=. $(BIN)/code_annotations django_find_annotations \
		--config_file .pii_annotations.yml --lint --report --coverage --app_name percipio_openedx
	$(BIN)/vulture
	$(BIN)/bandit -q -c pyproject.toml -r percipio_openedx
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.codecov .github/codecov.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	$(BIN)/check-jsonschema --builtin-schema vendor.readthedocs .readthedocs.yaml

audit: $(INSTALLED)-quality.stamp ## Ask for known vulnerabilities of the runtime's pinned versions, of both releases
	@requirements/audit.sh $(BIN)/pip-audit $(ARGS)

reference: $(INSTALLED)-test.stamp ## Write the tables of settings and commands into the documentation
	$(RUN) docs/_reference/pages.py

pictures: $(INSTALLED)-test.stamp ## Take the documentation's pictures of the demo's pages, with Chromium, into docs/images
	@$(RUN) -m demo.pictures $(ARGS)

dist: $(INSTALLED)-dist.stamp ## Build, check and try the three distributions, into dist/
	$(RUN) .ci/dist.py $(ARGS)

docs: $(INSTALLED)-doc.stamp ## Build the documentation into docs/_build/html
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

upgrade: ## Compile the requirements of both releases anew (needs Python 3.11 and 3.12)
	requirements/compile.sh verawood "$$(.ci/find-python 3.12)"
	requirements/compile.sh ulmo "$$(.ci/find-python 3.11)"

requirements: $(INSTALLED)-dev.stamp ## Install everything a developer needs

ci-requirements: $(INSTALLED)-ci.stamp ## Install what the tests with servers need

# --- Translations (GNU gettext is needed) ----------------------------------------------------------------------------

extract_translations: $(INSTALLED)-test.stamp ## Collect the texts to translate
	cd percipio_openedx && $(abspath $(RUN)) -m django makemessages --locale en --all --no-wrap --no-location

compile_translations: $(INSTALLED)-test.stamp ## Compile the translations
	cd percipio_openedx && $(abspath $(RUN)) -m django compilemessages

pull_translations: ## Fetch the translations with openedx-atlas, where it is installed
	cd percipio_openedx && atlas pull $(ATLAS_OPTIONS) translations/percipio_openedx/percipio_openedx/conf/locale:conf/locale

# --- Environments ----------------------------------------------------------------------------------------------------

$(VENV)/ulmo.stamp $(VENV)/verawood.stamp: .ci/find-python
	@echo "Making an environment in $(VENV) with $(PYTHON), for the $(RELEASE) release (once)"
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(INSTALLED)-%.stamp: requirements/$(RELEASE)/%.txt $(INSTALLED).stamp setup.py requirements/base.in contrib/percipio-sandbox/pyproject.toml
	@echo "Installing the $$(grep -c == $<) packages of $< (once; a minute or some, without a word until it is done)"
	@$(RUN) -m pip install -q --disable-pip-version-check -r $<
	@echo "Installing percipio_openedx and its sandbox from this folder"
	@$(RUN) -m pip install -q --disable-pip-version-check --no-deps -e . -e contrib/percipio-sandbox
	@touch $@

requirements/none/%.txt: ;

$(VENV)/none.stamp:
	@echo "Python 3.11 or 3.12 with its venv module is needed; name it with PYTHON=/path/to/python." >&2; exit 1

.PRECIOUS: $(INSTALLED)-%.stamp

clean: ## Remove the environments and everything that was built
	rm -rf $(VENV) .tox build dist *.egg-info docs/_build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache \
		.ci/axe/node_modules .ci/judge/node_modules .ci/tutor-venv demo/var demo/received*.jsonl pii_report
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
