PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

DEMO_TOKENIZERS := identity cosmos-cv-4x8x8-mini cosmos-dv-4x8x8-mini cosmos-ci-8x8-mini cosmos-di-8x8-mini \
  klt-4x8x8 klt-8x8 haar-4x8x8 haar-8x8 h264-crf23 h265-crf28 av1-crf35 jpeg-q75
# Of each clip: enough to tell rows apart in some minutes.
DEMO_FRAMES := 33
DEMO_STORAGES := yuv444p yuv420p h264

.PHONY: install demo test check benchmark clean

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
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist loadfile

benchmark: install
	for script in benchmarks/bench_*.py; do $(BIN)/python $$script || exit 1; done

clean:
	rm -rf $(VENV) reports/demo build dist
