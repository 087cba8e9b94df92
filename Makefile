# Everything that a newcomer, a developer and CI need; each target sets up by itself.
.PHONY: demo test check bench bench-eyes-on bench-sight bench-federation chaos chaos-short setup rehearse follow-guides screenshots see-picture dist clean help
.DEFAULT_GOAL := help

PY := .venv/bin/python

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/' | expand -t 22

setup: ## Python environment and console, once; quick afterwards
	@sh tools/setup.sh

demo: setup ## The whole embedded city, with the console's address
	@exec .venv/bin/safetynet demo $(ARGS)

test: setup ## All tests
	@sh tools/test.sh $(ARGS)

check: setup ## Style, types, layers, console types
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@$(PY) -m pytest -q tests/arch
	@$(PY) tools/build_console.py --check

bench: setup ## The benches, with figures and peers of the same run
	@for b in bench/*/run.py; do echo "== $$b"; $(PY) -m $$(echo $${b%.py} | tr / .) || exit 1; done

bench-sight: ## Choosing views over 170,000 cameras, beside PostGIS, Redis and SciPy
	@sh tools/setup.sh bench
	@$(PY) -m bench.sight.run $(ARGS)

bench-federation: setup ## Journals and reports over 25 districts, beside JetStream's sourcing
	@$(PY) -m bench.federation.run $(ARGS)

chaos: setup ## 25 districts and a hub under load while things break; three seeds
	@for seed in 1 2 3; do $(PY) -m chaos.run --seed $$seed $(ARGS) || exit 1; done

chaos-short: setup ## The same in two minutes with four districts, each kind of fault once
	@$(PY) -m chaos.run --districts 4 --scenes 2 --viewers 2 --seconds 75 --rate 8 --every 3.5 $(ARGS)

bench-eyes-on: setup ## Who chooses the cameras that see it: ours, today's ways, the best possible
	@$(PY) bench/eyes_on/run.py $(ARGS)

rehearse: setup ## Stage incidents in the living city and judge the pictures
	@.venv/bin/safetynet rehearse --incidents 40 --seed 7 $(ARGS)

follow-guides: setup ## Build a hub of three and join three districts as the guides say, and time it; needs PostgreSQL
	@$(PY) -m tests.deploy.following

screenshots: setup ## Pictures of the console with a live incident, for the README
	@$(PY) tools/screenshots.py $(ARGS)

see-picture: setup ## The README's picture of a place and its views
	@.venv/bin/safetynet see 126.9407 37.5723 --error 30 --why --png docs/img/see.png $(ARGS)

dist: setup ## A wheel and a source package that hold the built console
	@$(PY) -m hatchling build

clean: ## Remove what set-up and runs made
	rm -rf .venv .setup var dist build console/node_modules src/safetynet/web/static
