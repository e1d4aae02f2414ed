# make demo and make test need Python 3.11+ and make, and nothing prepared: scripts/setup makes .venv from the lock.
# PYTHON=python3.12 names another interpreter.

bin := .venv/bin

.PHONY: help demo test check run lock build clean

help:
	@echo "make demo               200 orders of three simulated marketplaces into two shops, faults and a kill included"
	@echo "make test               all tests"
	@echo "make check              ruff, mypy --strict and the import rules"
	@echo "make run CONFIG=FILE    the daemon with your settings"
	@echo "make build              wheel and source archive in dist/"
	@echo "make lock               write requirements/*.txt anew from pyproject.toml (needs uv)"
	@echo "make clean              remove what these commands made"

demo:
	@scripts/setup run
	@$(bin)/orderferry demo

test:
	@scripts/setup dev
	@$(bin)/pytest -n auto --dist worksteal

check:
	@scripts/setup dev
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy
	$(bin)/lint-imports

run:
	@test -n "$(CONFIG)" || { echo "say which settings: make run CONFIG=config.toml" >&2; exit 2; }
	@scripts/setup run
	@exec $(bin)/orderferry run --config "$(CONFIG)"

build:
	@scripts/setup dev
	@rm -rf dist
	@$(bin)/python -m build --no-isolation

lock:
	@scripts/lock

clean:
	rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find orderferry daemon plugins tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
