# A thin front door: sets up what is missing, then calls meson and ninja.
BUILD ?= build
PREFIX ?= /usr/local

.PHONY: all setup configure test check-all demo bench install format lint clean

all: configure
	@ninja -C $(BUILD)

setup:
	@scripts/setup.sh

configure: setup
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD) --prefix=$(PREFIX)

test: all
	@scripts/run_tests.sh $(BUILD)

check-all: all
	@scripts/check_all.sh $(BUILD)

demo: all
	@scripts/demo.sh $(BUILD)/programs/decimamba

bench: configure
	@scripts/bench.sh $(BUILD)

install: all
	@meson configure $(BUILD) --prefix=$(PREFIX)
	@meson install -C $(BUILD)

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

lint: configure
	@scripts/lint.sh $(BUILD)

clean:
	@rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan $(BUILD)-clang $(BUILD)-fuzz
