PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

DEMO_TOKENIZERS := identity cosmos-cv-4x8x8-mini cosmos-dv-4x8x8-mini cosmos-ci-8x8-mini cosmos-di-8x8-mini \
  klt-4x8x8 klt-8x8 haar-4x8x8 haar-8x8 h264-crf23 h265-crf28 av1-crf35 jpeg-q75
# Of each clip: enough to tell rows apart in some minutes.
DEMO_FRAMES := 33
DEMO_STORAGES := yuv444p yuv420p h264

# The oldest torch that is supported, in an environment of its own, and the tests that lean on torch most.
OLDEST ?= .venv-oldest
OLDEST_TORCH := "torch==2.6.*" "torchvision==0.21.*"
OLDEST_TESTS := tests/networks \
  $(addprefix tests/tokenizers/test_cosmos_,arithmetic.py fsq.py streaming.py wavelet.py) \
  $(addprefix tests/metrics/test_,feature_meters.py ms_ssim.py perceptual.py pixel_torch.py sets.py warping.py) \
  $(addprefix tests/evaluation/test_,frames_on_device.py haar_and_codecs.py streams.py)

# Bytecode is kept whatever the environment says: else each process that a test starts compiles all of torch again.
TESTED := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1

.PHONY: install demo test test-docs test-oldest check docs benchmark clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "uv>=0.5"
	$(BIN)/uv pip install --python $(BIN)/python --editable . --group dev
	touch $@

demo: install
	for tokenizer in $(DEMO_TOKENIZERS); do \
	  $(BIN)/tokenbench eval --tokenizer $$tokenizer --frames $(DEMO_FRAMES) --out runs/demo/$$tokenizer || exit 1; \
	done
	for storage in $(DEMO_STORAGES); do \
	  $(BIN)/tokenbench eval --tokenizer identity --frames $(DEMO_FRAMES) --storage $$storage --out runs/demo/identity-$$storage || exit 1; \
	done
	$(BIN)/tokenbench report runs/demo/* --out reports/demo

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# A worker a core, each with one thread; the tests of a file stay together, for they share what is costly to make.
test: check
	$(TESTED) $(BIN)/pytest -n auto --dist loadfile -m "not docs"

# What the documentation says, done: its commands, the steps of CONTRIBUTING.md, and the site.
test-docs: install
	$(TESTED) $(BIN)/pytest -n auto -m docs

test-oldest: install
	$(BIN)/uv venv --quiet --allow-existing --python 3.11 $(OLDEST)
	$(BIN)/uv pip install --quiet --python $(OLDEST)/bin/python --editable . --group dev $(OLDEST_TORCH)
	$(TESTED) $(OLDEST)/bin/pytest -n auto --dist loadfile -m "not docs and not slow" $(OLDEST_TESTS)

docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

benchmark: install
	for script in benchmarks/bench_*.py; do $(BIN)/python $$script || exit 1; done

clean:
	rm -rf $(VENV) $(OLDEST) reports/demo build dist site
