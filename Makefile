# The environment is a directory in inventory/; ARGS goes to ansible-playbook.
ENV ?= local
ARGS ?=
# Canaries, whose latency is measured, come last: by then the machine has less to do.
CLUSTER_TESTS ?= $(sort $(wildcard tests/cluster/test_*.py)) tests/cluster/canary

export PATH := $(CURDIR)/.venv/bin:$(PATH)
PLAY = .venv/bin/ansible-playbook -i inventory/$(ENV) $(ARGS)

# What runs and is new enough is taken: pyenv's shims, for one, may exist and yet fail.
PYTHONS = $(or $(PYTHON),python3 python3.13 python3.12 python3.11)
USABLE = import sys, ensurepip; sys.exit(sys.version_info < (3, 11))

PIP = .venv/bin/python -m pip install --disable-pip-version-check --require-hashes
COMPILE = .venv/bin/uv pip compile --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-emit-index-url --custom-compile-command 'make lock'

D2 = @terrastruct/d2@0.1.33

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "ENV=local is the default; settings: PORT=8001 make up, make up ARGS='-e model_threshold=0.3'"

up: .venv/installed ## everything the environment has; run it again at any time
	@$(PLAY) site.yml

down: .venv/installed ## stop what make up started; artifacts and logs stay
	@$(PLAY) playbooks/teardown.yml

status: .venv/installed ## state, URL, model and log of the service
	@$(PLAY) playbooks/status.yml

logs: ## follow the service's log
	@test -e var/log/app.log || { echo "There is no log yet: make up" >&2; exit 1; }
	@tail -n 20 -F var/log/app.log

test: lint types unit ## everything that has to pass

lint: .venv/installed-dev ## format and style of Python and Ansible
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/ansible-lint

types: .venv/installed-dev ## mypy, strict
	.venv/bin/mypy

unit: .venv/installed-dev ## the tests, with their coverage
	.venv/bin/coverage erase
	.venv/bin/coverage run -m pytest --numprocesses=auto --dist=worksteal
	.venv/bin/coverage combine --quiet
	.venv/bin/coverage report

test-cluster: .venv/installed-dev ## the tests that need a Kubernetes cluster, the one of KUBECONFIG
	.venv/bin/pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder --durations=40 \
		$(CLUSTER_TESTS)

lock: .venv/installed-dev ## pin what the requirements*.in name
	$(COMPILE) requirements.in -o requirements.txt
	$(COMPILE) requirements-serve.in -c requirements.txt -o requirements-serve.txt
	$(COMPILE) requirements-dev.in -c requirements.txt -o requirements-dev.txt

screenshots: .venv/installed-dev ## write docs/screenshots, of the model in use
	.venv/bin/python -m scripts.screenshots

dashboards: .venv/installed-dev ## write Grafana's dashboards and draw docs/monitoring, of the model in use; takes Prometheus
	.venv/bin/python -m scripts.dashboards
	.venv/bin/python -m scripts.dashboard_pictures

notebook: .venv/installed-dev ## execute notebook.ipynb in place
	.venv/bin/python scripts/run_notebook.py

diagram: ## draw docs/architecture.svg from its source; needs Node.js, and npm to fetch D2
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && cp scripts/draw_diagram.mjs "$$folder" \
		&& npm install --silent --no-audit --no-fund --prefix "$$folder" $(D2) \
		&& node "$$folder/draw_diagram.mjs" docs/architecture.d2 docs/architecture.svg

vendor: .venv/installed ## fetch what each vendor/packages.json pins: the API pages, axe-core for the tests
	.venv/bin/python scripts/vendor.py

# These files are written when a step has succeeded, so whatever was interrupted is done again.
.venv/installed: .venv/home requirements.txt
	$(PIP) -r requirements.txt
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt
	$(PIP) -r requirements-dev.txt
	@touch $@

.venv/home:
	@for python in $(PYTHONS); do \
		if $$python -c '$(USABLE)' 2>/dev/null; then \
			echo "Creating .venv with $$($$python --version)"; \
			$$python -m venv --clear .venv && echo "$(CURDIR)" > $@; exit; \
		fi; \
	done; \
	echo "No Python of at least 3.11 with its venv module was found ($(PYTHONS)):" \
		"install one, or name it: make up PYTHON=/path/to/python3" >&2; exit 1

# The scripts in a venv hold its path: one that was moved, or whose Python is gone, is made anew.
ifneq ($(shell .venv/bin/python -c 'print(open(".venv/home").read())' 2>/dev/null),$(CURDIR))
.PHONY: .venv/home
endif

.PHONY: help up down status logs test lint types unit test-cluster lock screenshots dashboards \
	notebook diagram vendor
