.DEFAULT_GOAL := help
UV := python3 -m uv
RUN := $(UV) run --frozen
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help install demo up test test-long test-random containers check format contracts bench peers scenarios clean

##@ Use
help: ## Say what can be asked for
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/.installed ## Install all it needs into .venv

.venv/.installed: uv.lock pyproject.toml $(wildcard libs/*/pyproject.toml services/*/pyproject.toml cli/pyproject.toml)
	@python3 -m uv --version >/dev/null 2>&1 || python3 -m pip install --quiet uv || python3 -m pip install --quiet --user --break-system-packages uv
	@$(UV) sync --frozen --quiet --compile-bytecode
	@touch $@

demo: install ## Walk one release from end to end (EVENTS=kafka, DATABASE=postgresql, CHAPTER=lists, csds, data-sets, purposes, agreements, bridging, tables, all)
	@$(RUN) dsfc demo $(if $(EVENTS),--events $(EVENTS)) $(if $(DATABASE),--database $(DATABASE)) $(if $(CHAPTER),--chapter $(CHAPTER)) $(ARGS)

up: install ## Start the four services and stay
	@$(RUN) dsfc up $(ARGS)

##@ Work
test: install ## All tests but those that are long by nature
	@$(RUN) pytest -n 3 --dist loadgroup -m "not long and not docker" --durations=10 $(ARGS)

test-long: install ## Tests that are long by nature: populations, attacks, many kills, real load
	@$(RUN) pytest -n 2 --dist loadgroup -m "long and not docker" --durations=10 $(ARGS)

test-random: install ## Properties with other examples than those of every day; not in CI
	@$(RUN) pytest -n 2 --dist loadgroup -m "hypothesis and not docker" --hypothesis-profile=search $(ARGS)

containers: install ## Build the images, start docker-compose.yml, play the journey on it, stop it (needs an engine)
	@$(RUN) pytest tests/containers -m docker --durations=10 $(ARGS)

check: install ## Format, lint, types, imports, contracts
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .
	@$(RUN) mypy libs/*/src services/*/src cli/src
	@$(RUN) lint-imports
	@$(RUN) dsfc contracts --check

format: install ## Format and mend what can be mended
	@$(RUN) ruff check --fix-only .
	@$(RUN) ruff format .

contracts: install ## Generate contracts/ and the tables in docs/
	@$(RUN) dsfc contracts

bench: install ## Ratios against a floor in the same run (ONLY=kernel)
	@$(RUN) python -m tests.benchmarks $(if $(ONLY),--only $(ONLY)) $(ARGS)

peers: install ## Install what the benchmark of tables runs beside ours (ACRO, tau-ARGUS; EUPL); not in CI
	@$(UV) sync --quiet --script tests/benchmarks/peers.py

scenarios: install ## Count the 84 scenarios of the domain
	@$(RUN) python -m tests.scenarios

clean: ## Remove what running leaves behind
	rm -rf var .venv .mypy_cache .ruff_cache .pytest_cache
