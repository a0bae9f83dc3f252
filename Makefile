# Everything that a developer does, by name. `make help` lists it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help install example format lint types test docs check bench clean

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

install: $(VENV)/.installed ## a virtual environment with tflir (editable) and what development needs

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable ".[dev]"
	touch $@

example: install ## compile the example and compare it with the original
	$(BIN)/tflir compile examples/digits_cnn/model.tflite -o digits.tflite --optimize DEFAULT --verify --force
	$(BIN)/python examples/accuracy.py examples/digits_cnn/model.tflite digits.tflite

format: install ## format the code and mend what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: install ## format and lint, without changing anything
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: install ## type check, strict on the package
	rm -rf build/types
	$(BIN)/pip install --quiet --no-deps --target build/types .
	$(BIN)/pyright --pythonpath $(BIN)/python

test: install ## unit and FileCheck tests
	$(BIN)/pytest -n auto --dist loadfile

docs: install ## the documentation as a site, in build/site; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

check: lint types test docs ## everything that must pass before a change lands

bench: install ## speed and memory, beside other tools
	$(BIN)/python benchmarks/run.py

clean: ## remove what was made
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis digits.tflite
