# The front door. `make run` and `make test` work on a fresh Debian 12 machine:
# each installs what is missing, builds, and does its work.
SHELL := /bin/bash
ARGS ?=

.DEFAULT_GOAL := build
.PHONY: build run test sanitize bench coverage fuzz install format check-format clang setup clean

setup:
	@tools/setup.sh

build: setup
	@cmake --preset release $(QUIET)
	@cmake --build --preset release

run: QUIET = >/dev/null
run: setup
	@tools/run.sh $(ARGS)

test: build
	@ctest --preset release

sanitize: setup
	@tools/sanitize.sh

bench: setup
	@tools/bench.sh $(ARGS)

coverage: setup
	@tools/coverage.sh

fuzz: setup
	@tools/fuzz.sh $(ARGS)

clang: setup
	@cmake --preset clang && cmake --build --preset clang

install: build
	@cmake --install build/release $(if $(PREFIX),--prefix $(PREFIX))

format:
	@git ls-files '*.cc' '*.h' | xargs clang-format -i

clean:
	@rm -rf build
