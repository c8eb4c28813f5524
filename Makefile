# On a bare machine: apt-get install make; then `make demo` or `make test` do the rest.
PY = python3
BIN = .venv/bin

.PHONY: help setup demo test check lock reference release install

help:
	@echo 'make demo    ship a dozen boxes on a simulated station, in about a minute'
	@echo 'make test    everything that CI checks: style, types, imports, tests'
	@echo 'make setup   install what these two need (they call it)'
	@echo 'make check   style, types and imports alone'
	@echo 'make install as root: put this checkout on this machine as a station (systemd/README.md)'
	@echo 'make release KEY=FILE: build and sign a release for machines like this one'
	@echo 'make reference: write the lists of codes and commands anew'
	@echo 'make lock    for maintainers: resolve the dependencies anew'

setup:
	@PY=$(PY) ./setup.sh

demo: setup
	@$(BIN)/packbench demo

test: check
	$(BIN)/pytest -n 2 --dist loadfile

check: setup
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache

# A lock without addresses: pip finds the files by its own settings and accepts them by their hashes.
LOCK = $(BIN)/uv pip compile --universal --python-version 3.11 --upgrade --generate-hashes --no-header --no-annotate --quiet
lock: setup
	$(BIN)/python -m pip install --quiet uv==0.13.9
	$(LOCK) pyproject.toml --extra demo --group dev -o requirements.lock
	$(LOCK) pyproject.toml --constraint requirements.lock -o runtime.lock
	$(LOCK) --group build --constraint requirements.lock -o build.lock

reference: setup
	@$(BIN)/python -m tests.reference

release: setup
	@systemd/make-release $(KEY)

# A first station without a fleet: signed with a key of its own, kept beside the checkout.
OWN_KEY = dist/own-release.key
install: setup
	@mkdir -p dist && { [ -f $(OWN_KEY) ] || (umask 077; openssl genpkey -algorithm ed25519 -out $(OWN_KEY)); }
	@openssl pkey -in $(OWN_KEY) -pubout -out dist/release.pub
	@systemd/make-release $(OWN_KEY) | { read -r release; systemd/install.sh "$$release" dist/release.pub; }
