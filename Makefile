# The commands of this project. Each installs what it needs, is safe to repeat, and ends in a summary.
#   make run       build, then run examples/hello in an isolated sandbox
#   make test      everything that must hold, within half an hour on two cores;  T=jail: one module
#   make build     release programs in build/release/bin (also build/bin)
#   make bench     ratios to other tools, build/bench/*.json
#   make check-all every preset, clang-tidy on every file, the whole matrix
#   make soak      long fuzzing, 100,000 launches, kill everywhere
#   make format    clang-format on every source file

# One compiler cache for all clones of the tree: paths are hashed relative to the clone.
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1
JOBS ?= $(shell nproc)
T ?=

.PHONY: run test build bench check-all soak format clean
.DEFAULT_GOAL := build

build:
	@tools/setup build
	@tools/build release programs -j$(JOBS)
	@mkdir -p build && ln -sfn release/bin build/bin
	@echo "built: $$(ls build/release/bin | tr '\n' ' ')in build/bin"

run: build
	@tools/run-hello

test:
	@tools/setup build test
	@python3 tools/test.py test $(if $(T),--module $(T))

check-all:
	@tools/setup build test check bench
	@python3 tools/test.py check-all

soak:
	@tools/setup build test check
	@python3 tools/test.py soak

bench:
	@tools/setup build bench
	@python3 tools/test.py bench

format:
	@tools/setup test
	@git ls-files 'src/*.h' 'src/*.cc' 'apps/*.h' 'apps/*.cc' 'tests/*.h' 'tests/*.cc' | xargs clang-format-19 -i

clean:
	rm -rf build
