# Two commands matter: `make tour` and `make test`. `make help` lists the rest.

PYTHON ?= python3
BIN    := .venv/bin
READY  := .venv/.ready
export NO_MKDOCS_2_WARNING := 1

.DEFAULT_GOAL := help
.PHONY: help setup tour test check lab book chapters check-pairs exercises bench bench-gpu lock site

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(READY): requirements.lock pyproject.toml
	@echo "making .venv and installing the pinned packages (a few minutes the first time)"
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"minillama needs Python 3.11 to 3.13, this is {v[0]}.{v[1]}: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

setup: $(READY)  ## make .venv with everything the book and the tests need, and fetch the data they use
	$(BIN)/minillama data fetch all

tour: $(READY)  ## train a small LLaMA on the stories, in a minute or two
	$(BIN)/minillama tour

test: setup  ## everything: lint, types, layers, tests, chapters, exercises, site, browser
	$(BIN)/python tests/run_all.py

check: $(READY)  ## under a minute: lint, types, layers, quick tests
	$(BIN)/python tests/run_all.py --quick

lab: setup  ## open the chapters in JupyterLab
	$(BIN)/jupyter lab chapters

book: setup  ## build the site and serve it at http://127.0.0.1:8000
	$(BIN)/python -m minillama.book.pages
	$(BIN)/mkdocs serve

site: setup  ## build the site into site/, strictly
	$(BIN)/python -m minillama.book.pages
	$(BIN)/mkdocs build --strict

chapters: setup  ## execute the chapters that changed and write their notebooks
	$(BIN)/python -m minillama.book.pairing build

check-pairs: $(READY)  ## compare every chapter's .py with its .ipynb
	$(BIN)/python -m minillama.book.pairing check

exercises: $(READY)  ## list the exercises and your progress
	$(BIN)/minillama exercise list

bench: $(READY)  ## measure the speeds that the docs speak of
	$(BIN)/minillama bench

bench-gpu: $(READY)  ## measure training and every kernel on a GPU; writes docs/data/gpu/<device>.json
	$(BIN)/minillama bench gpu

lock: $(READY)  ## write the installed versions into requirements.lock
	$(BIN)/python -m pip freeze --all --exclude-editable | grep -v '^pip==' | sed "s/+cpu$$//; s/^triton==.*/&; sys_platform == 'linux'/" > .lock.tmp
	(sed -n '/^#/p' requirements.lock; cat .lock.tmp) > requirements.lock.tmp
	mv requirements.lock.tmp requirements.lock && rm .lock.tmp
