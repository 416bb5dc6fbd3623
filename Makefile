# The front door. `make run` and `make test` work on a fresh Debian 12 machine:
# each installs what is missing, builds, and does its work.
SHELL := /bin/bash
ARGS ?=
CLUSTER_PACKAGES := libopenmpi-dev openmpi-bin libnuma-dev

.DEFAULT_GOAL := build
.PHONY: setup setup-cluster build run test sanitize fuzz coverage bench clang install package format clean

setup:
	@tools/setup.sh

# Just the program: build/release/pilotfish.
build:
	@tools/setup.sh --program
	@tools/build.sh

# Several processes that share a model (mpirun), and sockets of a machine. What
# is installed is found by the next build.
setup-cluster:
	@tools/setup.sh --program $(CLUSTER_PACKAGES)

run:
	@tools/setup.sh --program
	@tools/run.sh $(ARGS)

test: setup
	@cmake --preset release
	@cmake --build --preset release
	@ctest --preset release

sanitize: setup
	@tools/sanitize.sh

fuzz: setup
	@tools/fuzz.sh $(ARGS)

coverage: setup
	@tools/coverage.sh

bench: setup
	@tools/bench.sh $(ARGS)

clang: setup
	@tools/setup.sh clang
	@cmake --preset clang
	@cmake --build --preset clang
	@ctest --preset clang

# PREFIX=/somewhere; the default is CMake's, /usr/local.
install: setup
	@cmake --preset release
	@cmake --build --preset release
	@cmake --install build/release $(if $(PREFIX),--prefix $(PREFIX))

# build/release/package/pilotfish_VERSION_ARCHITECTURE.deb
package:
	@tools/setup.sh --program dpkg-dev file
	@tools/build.sh
	@cmake --build --preset release --target pilotfish shell_files
	@cpack --config build/release/CPackConfig.cmake

format:
	@git ls-files '*.cc' '*.h' | xargs clang-format -i

clean:
	@rm -rf build
