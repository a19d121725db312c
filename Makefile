PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

DEMO_TOKENIZERS := identity haar-4x8x8 haar-8x8 h264-crf23 h265-crf28 av1-crf35 jpeg-q75
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
	  $(BIN)/tokenbench eval --tokenizer $$tokenizer --out runs/demo/$$tokenizer || exit 1; \
	done
	for storage in $(DEMO_STORAGES); do \
	  $(BIN)/tokenbench eval --tokenizer identity --storage $$storage --out runs/demo/identity-$$storage || exit 1; \
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
