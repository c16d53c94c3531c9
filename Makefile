# Thin lines: the logic is in tools/ and in the programs that they start.

PYTHON ?= python3
PORT ?= 8000
ARGS ?=
# test processes: each starts the servers that its files need, and waits for them a third of its time
JOBS ?= 3
run = .venv/bin/python
# servers that live in environments of their own: .cache/<name>
servers = servers/secantus servers/django-mongodb servers/swift servers/tahoe servers/ipfs-toolkit
npm_servers = pouchdb js-ipfs

.DEFAULT_GOAL := help
.PHONY: help demo test faults guarantees lint docs bench bench-static bench-serving clean

help:
	@echo "make demo   the example site on http://127.0.0.1:$(PORT)/ (PORT=...)"
	@echo "make test   all tests, with the servers that they need (ARGS=... for pytest, JOBS=$(JOBS))"
	@echo "make faults  every fault, race and made-up input, for hours (ARGS=... for pytest, JOBS=$(JOBS))"
	@echo "make guarantees  what the tests show of each backend, for the documentation (ARGS=... for pytest)"
	@echo "make lint   ruff, its formatter, mypy"
	@echo "make docs   the documentation, in docs/_build/html"
	@echo "make bench  every backend beside its client library and django-storages 1.14 (ARGS=...)"
	@echo "make bench-static  collectstatic beside django-storages 1.14 (ARGS=...)"
	@echo "make bench-serving  the serving view beside Django's own, under load (ARGS=...)"
	@echo "make clean  remove everything that these made"

demo:
	@$(PYTHON) tools/environment.py demo
	@$(run) example/manage.py demo --port $(PORT) $(ARGS)

test:
	@$(PYTHON) tools/debian.py
	@$(PYTHON) tools/environment.py dev $(servers)
	@$(PYTHON) tools/npm.py $(npm_servers)
	@$(run) -m pytest --numprocesses $(JOBS) --dist loadfile $(ARGS)

faults:
	@$(PYTHON) tools/debian.py
	@$(PYTHON) tools/environment.py dev $(servers)
	@$(PYTHON) tools/npm.py $(npm_servers)
	@STORAGES_STRESS=full $(run) -m pytest --numprocesses $(JOBS) --dist worksteal tests/faults tests/fuzz tests/stress $(ARGS)

guarantees:
	@$(PYTHON) tools/debian.py
	@$(PYTHON) tools/environment.py dev $(servers)
	@$(PYTHON) tools/npm.py $(npm_servers)
	@$(run) -m pytest -p tests.guarantees --numprocesses $(JOBS) --dist loadfile tests/contract tests/stress tests/faults $(ARGS)

lint:
	@$(PYTHON) tools/environment.py lint
	$(run) -m ruff check .
	$(run) -m ruff format --check .
	$(run) -m mypy

docs:
	@$(PYTHON) tools/environment.py docs
	$(run) -m sphinx -W --keep-going -n -q -b html docs docs/_build/html

bench:
	@$(PYTHON) tools/debian.py
	@$(PYTHON) tools/environment.py bench $(servers)
	@$(PYTHON) tools/npm.py $(npm_servers)
	@$(run) benchmarks/bench.py $(ARGS)

bench-static:
	@$(PYTHON) tools/environment.py dev
	@$(PYTHON) tools/debian.py
	@$(run) benchmarks/collectstatic.py $(ARGS)

bench-serving:
	@$(PYTHON) tools/debian.py
	@$(PYTHON) tools/environment.py dev
	@$(run) benchmarks/serving.py $(ARGS)

clean:
	rm -rf .venv .cache .tox .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage* htmlcov
	rm -rf build dist *.egg-info docs/_build example/var
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
