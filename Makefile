# `make run` and `make test` do everything on a fresh machine with Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: check run setup dev sdks voxtral-setup web test test-voxtral test-long fuzz bench bench-setup sbom audit format docs lock clean

PYTHON_CODE := src tests bench tools hatch_build.py

check: dev ## format, lint, types, import contract (the default)
	$(BIN)/ruff format --check $(PYTHON_CODE)
	$(BIN)/ruff check $(PYTHON_CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports

run: setup ## set up and serve on 127.0.0.1:8000 with the embedded model
	$(BIN)/auricle serve

setup: $(VENV)/.installed ## the virtual environment, the command `auricle` and the weights
	$(BIN)/auricle models pull

NATIVE := hatch_build.py $(wildcard src/auricle/engines/whisper/native/*.[ch])

$(VENV)/.installed: requirements.lock pyproject.toml $(NATIVE)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Auricle needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -r requirements.lock
	$(PIP) install --no-deps -e .
	touch $@

dev: $(VENV)/.installed-dev

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	$(PIP) install -r requirements-dev.lock
	touch $@

CONTRACT := tests/contract
NODE_SDK := $(CONTRACT)/node/node_modules/.package-lock.json
WEB_MODULES := web/node_modules/.package-lock.json

TRANSFORMERS := .venvs/transformers
TORCH := torch==2.13.0
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

sdks: .venvs/mistralai-1/.installed .venvs/mistralai-2/.installed $(TRANSFORMERS)/.installed $(NODE_SDK) $(WEB_MODULES) ## what tests need beyond Python's packages

.venvs/mistralai-%/.installed: $(CONTRACT)/requirements-mistralai-%.txt
	$(PYTHON) -m venv .venvs/mistralai-$*
	.venvs/mistralai-$*/bin/python -m pip --disable-pip-version-check -q install -r $<
	touch $@

$(NODE_SDK): $(CONTRACT)/node/package-lock.json
	@if command -v npm > /dev/null; then npm --prefix $(CONTRACT)/node ci; \
	else echo "npm is missing: the tests of the TypeScript SDK will be skipped"; fi

$(WEB_MODULES): web/package-lock.json
	@if command -v npm > /dev/null; then npm --prefix web ci; \
	else echo "npm is missing: the tests of the playground's source will be skipped"; fi

# The extra `voxtral` on top of $(VENV), which stays without it. torch comes from the index of its builds for
# processors: PyPI's builds for Linux bring CUDA, several GB.
$(TRANSFORMERS)/.installed: tests/voxtral/requirements-transformers.txt $(VENV)/.installed-dev
	$(PYTHON) -m venv $(TRANSFORMERS)
	$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
		> "$$($(TRANSFORMERS)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/auricle_venv.pth"
	@if $(TRANSFORMERS)/bin/python -m pip --disable-pip-version-check -q install --retries 2 --no-deps --index-url $(TORCH_INDEX) $(TORCH); \
	then $(TRANSFORMERS)/bin/python -m pip --disable-pip-version-check -q install --no-deps -r $< && touch $@; \
	else echo "$(TORCH) is not to be had from $(TORCH_INDEX): the tests of the engine transformers will be skipped"; fi

.venvs/vllm/.installed: tests/voxtral/requirements.txt
	$(PYTHON) -m venv .venvs/vllm
	.venvs/vllm/bin/python -m pip --disable-pip-version-check -q install -r $<
	@# Built for another torch, and not needed: vLLM runs without them.
	.venvs/vllm/bin/python -m pip --disable-pip-version-check -q uninstall -y torchaudio torchvision torchcodec
	touch $@

voxtral-setup: .venvs/vllm/.installed ## vLLM for the processor (3.6 GB)

web: $(WEB_MODULES) ## build the playground into src/auricle/server/playground (needs npm)
	npm --prefix web run build

TEST_PROCESSES ?= 2

test: setup dev sdks ## everything but the long campaigns; missing tools skip their tests by name
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile -m "not long and not fuzz and not voxtral"

test-voxtral: setup dev sdks voxtral-setup ## in front of real vLLM servers on the processor
	AURICLE_REQUIRE_TOOLS=1 $(BIN)/python -m pytest -m voxtral --timeout 600 tests/voxtral

test-long: setup dev sdks voxtral-setup ## soaks and crash campaigns, and `make test-voxtral`
	$(BIN)/python -m pytest -m "long or voxtral" --timeout 7200

FUZZ_S ?= 3600

fuzz: setup dev ## mutated media, bodies and requests for FUZZ_S seconds
	AURICLE_TEST_FUZZ_S=$(FUZZ_S) $(BIN)/python -m pytest -m fuzz -s tests/fuzz

bench-setup: setup dev
	$(PIP) install -r requirements-bench.lock

bench: bench-setup ## quality and speed against faster-whisper, and how fast the page loads, into bench/results/
	$(BIN)/python bench/quality.py
	$(BIN)/python bench/speed.py
	$(BIN)/python bench/page_load.py

.venvs/supply/.installed: requirements-supply.lock
	$(PYTHON) -m venv .venvs/supply
	.venvs/supply/bin/python -m pip --disable-pip-version-check -q install -r $<
	touch $@

sbom: .venvs/supply/.installed ## what a server is made of, as CycloneDX: dist/auricle.cdx.json
	mkdir -p dist
	PYTHONWARNINGS=ignore .venvs/supply/bin/cyclonedx-py requirements requirements.lock \
		--pyproject pyproject.toml --mc-type application --output-reproducible -o dist/auricle.cdx.json

audit: .venvs/supply/.installed ## known vulnerabilities in what requirements.lock installs
	.venvs/supply/bin/pip-audit -r requirements.lock --disable-pip --require-hashes --strict --progress-spinner off \
		|| { echo "make audit: not passed: a package is vulnerable, or could not be looked up (see above)"; exit 1; }

format:
	$(BIN)/ruff format $(PYTHON_CODE)
	$(BIN)/ruff check --fix $(PYTHON_CODE)
	@if test -d web/node_modules; then npm --prefix web run format; fi

docs: dev ## regenerate docs/settings.md
	$(BIN)/python -m auricle.cli settings --markdown > docs/settings.md

lock: ## refresh the lock files (needs uv)
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header pyproject.toml --group dev -o requirements-dev.lock
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header pyproject.toml --group dev --group bench -o requirements-bench.lock
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --group supply -o requirements-supply.lock
	for major in 1 2; do (cd $(CONTRACT) && uv pip compile -q --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header requirements-mistralai-$$major.in -o requirements-mistralai-$$major.txt); done
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -c requirements.lock \
		tests/voxtral/requirements-transformers.in -o tests/voxtral/requirements-transformers.txt
	npm --prefix $(CONTRACT)/node install --package-lock-only
	npm --prefix web install --package-lock-only

clean:
	rm -rf $(VENV) .venvs $(CONTRACT)/node/node_modules web/node_modules
