# A thin front door: sets up what is missing, then calls meson and ninja.
BUILD ?= build
# Where to install: /usr/local, or what the build folder was set up for, unless it is given. DESTDIR is
# put before it.
PREFIX ?=
# For meson; the build folder remembers them: make OPTIONS='-Dbuildtype=debug -Ddefault_library=static'
OPTIONS ?=

options = $(if $(PREFIX),"-Dprefix=$(PREFIX)") $(OPTIONS)

.PHONY: all configure tests test check-all demo gallery bench install uninstall format lint clean

all: configure
	@ninja -C "$(BUILD)" product

configure:
	@scripts/setup.sh
	@scripts/configure.sh "$(BUILD)" $(options)

tests:
	@scripts/setup.sh tests
	@scripts/configure.sh "$(BUILD)" $(options) -Dtests=true -Dfuzzers=true
	@ninja -C "$(BUILD)"

test: tests
	@scripts/run_tests.sh "$(BUILD)"

check-all: tests
	@scripts/check_all.sh "$(BUILD)"

demo: all
	@scripts/demo.sh "$(BUILD)/programs/decimamba"

gallery: all
	@scripts/make_gallery.sh "$(BUILD)/programs/decimamba"

bench: configure
	@scripts/bench.sh "$(BUILD)"

install: all
	@meson install -C "$(BUILD)" --no-rebuild

uninstall:
	@scripts/uninstall.sh "$(BUILD)"

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

lint:
	@scripts/setup.sh tests
	@scripts/lint.sh "$(BUILD)"

clean:
	@rm -rf "$(BUILD)" "$(BUILD)-asan" "$(BUILD)-tsan" "$(BUILD)-clang" "$(BUILD)-fuzz" "$(BUILD)-systems"
