# The environment is a directory in inventory/; ARGS goes to ansible-playbook.
ENV ?= local
ARGS ?=
CLUSTER_TESTS ?= tests/cluster

export PATH := $(CURDIR)/.venv/bin:$(PATH)
PLAY = .venv/bin/ansible-playbook -i inventory/$(ENV) $(ARGS)

# The first that runs and is new enough: pyenv's shims may exist and still fail.
PYTHONS = $(or $(PYTHON),python3 python3.13 python3.12 python3.11)
USABLE = import sys, ensurepip; sys.exit(sys.version_info < (3, 11))

PIP = .venv/bin/python -m pip install --disable-pip-version-check --require-hashes
COMPILE = .venv/bin/uv pip compile --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-emit-index-url --custom-compile-command 'make lock'

# Links to the projects' pages say nothing about what is in the image.
WITHOUT_LINKS = import json, sys; \
	kept = lambda each: {name: each[name] for name in each if name != "externalReferences"}; \
	print(json.dumps(json.load(sys.stdin, object_hook=kept), indent=2))

D2 = @terrastruct/d2@0.1.33

help: ## list the targets
	@awk -F ':.*## ' '/^##@ /{printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "ENV names the environment: local (default), minikube or kubernetes."
	@echo "Settings: PORT=8001 make up, make up ARGS='-e model_threshold=0.3'"

##@ Run

up: .venv/installed ## set up everything in the environment; repeat at any time
	@$(PLAY) site.yml

# In a checkout without a virtual environment nothing was started, and none is built to say so.
ifeq ($(wildcard .venv/installed),)
down status:
	@echo "Nothing is up: make up has not run in this checkout"
else
down: .venv/installed ## stop what make up started; artifacts and logs stay
	@$(PLAY) playbooks/teardown.yml

status: .venv/installed ## show state, URL, model and log of the service
	@ANSIBLE_STDOUT_CALLBACK=messages $(PLAY) playbooks/status.yml
endif

logs: ## follow the service's log
	@test -e var/log/app.log || { echo "There is no log yet: make up" >&2; exit 1; }
	@tail -n 20 -F var/log/app.log

##@ Check

test: lint types unit ## run lint, types and unit

lint: .venv/installed-dev ## check format and style of Python and Ansible
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/ansible-lint

types: .venv/installed-dev ## check types with mypy, strict
	.venv/bin/mypy

unit: .venv/installed-dev ## run the tests with coverage; needs Chromium
	.venv/bin/coverage erase
	.venv/bin/coverage run -m pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder
	.venv/bin/coverage combine --quiet
	.venv/bin/coverage report

test-cluster: .venv/installed-dev ## run the tests on the cluster of KUBECONFIG; needs Docker, kubectl, Prometheus
	.venv/bin/pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder --durations=30 $(CLUSTER_TESTS)

audit: .venv/installed-dev ## look for known vulnerabilities of the pinned packages; needs the internet
	.venv/bin/python scripts/audit.py

abuse: .venv/installed-dev ## abuse a service of our own, and measure what others see; takes 5 minutes
	.venv/bin/python -m scripts.abuse

bench: .venv/installed-dev ## measure this service beside others, PEERS or all; needs wrk, and nothing else running
	.venv/bin/python -m bench $(PEERS)

fuzz: .venv/installed-dev ## fuzz each decoder with 100,000 inputs
	.venv/bin/python -m scripts.fuzz

soak: .venv/installed-dev ## use and disturb the service on the cluster of KUBECONFIG for 30 minutes
	.venv/bin/python -m scripts.soak

##@ Generate

lock: .venv/installed-dev ## pin the packages of requirements*.in, and list the image's in sbom.cdx.json
	$(COMPILE) requirements.in -o requirements.txt
	$(COMPILE) requirements-serve.in -c requirements.txt -o requirements-serve.txt
	$(COMPILE) requirements-dev.in -c requirements.txt -o requirements-dev.txt
	$(COMPILE) requirements-sbom.in -o requirements-sbom.txt
	@for peer in bench/peers/*.py; do $(COMPILE) --quiet "$$peer" -o "$${peer%.py}.txt" || exit; done
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && for part in serve sbom; do \
		.venv/bin/uv venv --quiet "$$folder/$$part" && .venv/bin/uv pip install --quiet --require-hashes \
			--python "$$folder/$$part" -r requirements-$$part.txt || exit; \
	done && PYTHONWARNINGS=ignore "$$folder/sbom/bin/cyclonedx-py" environment "$$folder/serve" \
		--pyproject pyproject.toml --output-reproducible --output-file "$$folder/sbom.json" \
		&& .venv/bin/python -c '$(WITHOUT_LINKS)' <"$$folder/sbom.json" >sbom.cdx.json

screenshots: .venv/installed-dev ## write docs/screenshots from the current model
	.venv/bin/python -m scripts.screenshots

dashboards: .venv/installed-dev ## write Grafana's dashboards and the pictures in docs/monitoring; needs Prometheus
	.venv/bin/python -m scripts.dashboards
	.venv/bin/python -m scripts.dashboard_pictures

notebook: .venv/installed-dev ## execute notebook.ipynb in place
	.venv/bin/python scripts/run_notebook.py

diagram: ## draw docs/architecture.svg; needs Node.js and npm
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && cp scripts/draw_diagram.mjs "$$folder" \
		&& npm install --silent --no-audit --no-fund --prefix "$$folder" $(D2) \
		&& node "$$folder/draw_diagram.mjs" docs/architecture.d2 docs/architecture.svg

vendor: .venv/installed ## download the packages pinned in each vendor/packages.json
	.venv/bin/python scripts/vendor.py

# A step writes its file when it has succeeded, so an interrupted one runs again.
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

# The scripts in a venv contain its path: one that was moved, or lost its Python, is created again.
ifneq ($(shell .venv/bin/python -c 'print(open(".venv/home").read())' 2>/dev/null),$(CURDIR))
.PHONY: .venv/home
endif

.PHONY: help up down status logs test lint types unit test-cluster audit abuse bench fuzz soak lock \
	screenshots dashboards notebook diagram vendor
