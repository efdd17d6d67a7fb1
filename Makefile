# Every target starts from nothing: it makes .venv if it is not there, and reuses it if it is.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test setup lint bench bench-clip bench-lr bench-repair bench-rivals bench-underfit bench-watch test-scripts zoo picture clean
.DEFAULT_GOAL := demo

demo: $(READY)  ## the main job
	$(BIN)/trainlab gradients --act sigmoid --layers 30

test: lint  ## lint, types, import contracts, tests
	$(BIN)/python -m pytest -q -n auto

setup: $(READY)  ## install, and stop there

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)  ## measure start-up and speed, as ratios
	$(BIN)/python -m compileall -q trainlab
	$(BIN)/python tests/benchmarks/startup.py
	$(BIN)/python tests/benchmarks/engine.py
	$(BIN)/python tests/benchmarks/memory.py
	$(BIN)/python tests/benchmarks/overfit.py

bench-watch: $(READY)  ## what watching a script costs
	$(BIN)/python tests/benchmarks/watch.py

bench-clip: $(READY)  ## whether the clipping that clip recommends trains what dies without it, over 100, 300 and 1,000 steps
	$(BIN)/python tests/benchmarks/clip.py

bench-lr: $(READY)  ## how well the recommendation of lr-sweep holds up, over 14 configs
	$(BIN)/python tests/benchmarks/lr_sweep.py

test-scripts: $(READY)  ## scripts that others have written, fetched or installed at pinned versions, in an environment of their own
	test -x .venv-scripts/bin/python || $(BIN)/python -m venv .venv-scripts
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > `.venv-scripts/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))'`/base.pth
	.venv-scripts/bin/python -m pip install --quiet --constraint constraints.txt --requirement tests/third_party/requirements.txt
	PYTHONPATH=$(CURDIR) .venv-scripts/bin/python -m pytest -q tests/third_party tests/integrations

bench-rivals: $(READY)  ## other tools on the same networks, in an environment of their own
	test -x .venv-rivals/bin/python || $(BIN)/python -m venv .venv-rivals
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > `.venv-rivals/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))'`/base.pth
	.venv-rivals/bin/python -m pip install --quiet --constraint constraints.txt --requirement tests/benchmarks/requirements-rivals.txt
	OMP_NUM_THREADS=1 PYTHONPATH=$(CURDIR):tests/benchmarks .venv-rivals/bin/python -W ignore tests/benchmarks/rivals.py

bench-underfit: $(READY)  ## how many causes that are built into networks underfit names first
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.underfit --write --verbose

bench-repair: $(READY)  ## how many faulty networks end healthy after check
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.repair --write --verbose

zoo: $(READY)  ## how far the verdicts can be believed: train healthy and faulty networks, and judge them
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.zoo --write --verbose

picture: $(READY)  ## the picture in README, a command as a terminal shows it
	$(BIN)/python tests/draw_terminal.py

clean:
	rm -rf .venv .venv-scripts .venv-rivals .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

# torch first and alone: asked for beside other packages, pip may bring the build with gigabytes of CUDA libraries.
# Compiled at once, so that the first command starts as fast as the second, also where Python may not write bytecode.
$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[plot,dev]'
	$(BIN)/python -m compileall -q trainlab
	touch $(READY)
