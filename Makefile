PYTHON = .venv/bin/python
STAMP = .venv/.installed
T ?= tests

help: ## what can be done here
	@awk -F':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP) ## make the local environment .venv from requirements.lock

$(STAMP): requirements.lock pyproject.toml .ci/install
	@sh .ci/install

# An environment knows where it stands: after a move it is made again.
ifneq "$(shell cat $(STAMP) 2>/dev/null)" "$(CURDIR)"
.PHONY: $(STAMP)
endif

run: $(STAMP) ## start the service with a demo world (MANDATE_* are passed on; Ctrl-C stops it)
	@exec .venv/bin/mandate run

demo: $(STAMP) ## play the ten scenarios against the running service
	@exec .venv/bin/mandate demo

test: $(STAMP) ## run the tests; T=tests/test_grant.py selects
	@$(PYTHON) -m pytest -q -n 2 $(T)

check: lint types test ## the gate: lint, types, tests

lint: $(STAMP) ## look for mistakes and untidy code
	@$(PYTHON) -m ruff check . && $(PYTHON) -m ruff format --check .

types: $(STAMP) ## check the types
	@$(PYTHON) -m mypy

fix: $(STAMP) ## tidy what can be tidied by itself
	@$(PYTHON) -m ruff check --fix-only . && $(PYTHON) -m ruff format .

fsck: $(STAMP) ## verify the whole log and rebuild the present from it
	@exec .venv/bin/mandate fsck

golden: $(STAMP) ## make the golden files again and show the difference
	@$(PYTHON) -m tests.golden && $(PYTHON) -m tests.golden_openapi && git diff --stat -- tests/golden openapi.json

conformance: $(STAMP) ## run published test vectors; VECTORS=folder
	@$(PYTHON) -m tests.conformance $(or $(VECTORS),tests/vectors)

bench: $(STAMP) ## measure, and print the published figures
	@$(PYTHON) -m bench

# The fuzzer is no part of the environment: it lies beside it, and only this command sees it.
torture: $(STAMP) ## kill the service under load, look for anything lost; then fuzz the parsers (FUZZ_SECONDS each)
	@$(PYTHON) -m bench.torture
	@CONTAINMENT_SEQUENCES=100000 $(PYTHON) -m pytest -q -n 2 tests/test_containment.py tests/test_small_world.py tests/test_mutants.py
	@QUORUM_SEQUENCES=100000 $(PYTHON) -m pytest -q tests/test_quorum.py
	@cmp -s bench/torture.lock .venv/torture/lock || { rm -rf .venv/torture && \
	  $(PYTHON) -m pip --disable-pip-version-check --no-input install -qq --only-binary=:all: --require-hashes \
	    --target .venv/torture -r bench/torture.lock && cp bench/torture.lock .venv/torture/lock; } || { \
	  echo 'atheris cannot be installed here (it has wheels for Linux x86_64, Python 3.11 to 3.13): nothing was fuzzed' >&2; \
	  exit 1; }
	@PYTHONPATH=.venv/torture $(PYTHON) -m bench.fuzz

.PHONY: help install run demo test check lint types fix fsck golden conformance bench torture
