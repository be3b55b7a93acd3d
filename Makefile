# Everything here works on a machine with only Python 3.11+ (with venv and pip) and make.
PYTHON  ?= python3
PROFILE ?= standard
BIN     := .venv/bin
READY   := .venv/.ready

.PHONY: report test quick lab golden lock check clean

report: $(READY)            ## one HTML report from an empty machine; PROFILE=smoke|standard|full
	@$(BIN)/carenotes report --profile $(PROFILE)

test: $(READY)              ## every test, the notebooks under strict nbval included
	@$(BIN)/python -m pytest -n 3 --dist loadscope --no-loadscope-reorder --nbval tests notebooks

quick: $(READY)             ## the tests that take a moment each: in one or two minutes
	@$(BIN)/python -m pytest -n 3 --dist loadscope --no-loadscope-reorder -m "not slow" tests

lab: $(READY)               ## JupyterLab in notebooks/
	@cd notebooks && ../$(BIN)/jupyter lab

golden: $(READY)            ## make the committed outputs of the notebooks anew
	@$(BIN)/python -m carenotes.report.golden notebooks
	@$(BIN)/python -m carenotes.report.readme README.md reports/reference/results.sqlite

check: $(READY)             ## ruff and the strict type checker
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

lock:                       ## requirements.lock anew, for Python 3.11 and newer, without any address in it
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-annotate --no-header --extra dev -o requirements.lock pyproject.toml

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "carenotes needs Python 3.11 or newer; '$(PYTHON)' is older: make PYTHON=python3.12 ..." >&2; exit 2; }
	@echo "setting up .venv from requirements.lock (about a minute, once) ..." >&2
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

clean:                      ## remove the environment and the runs
	@rm -rf .venv reports/runs
