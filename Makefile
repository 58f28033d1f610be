# SPDX-License-Identifier: MIT OR GPL-2.0-only
#
# Every target says what it does while it does it, and asks nothing. Those that
# need tools or kernels fetch them from Debian first (carrier/packages).

BUILD ?= build
PYTHON := /usr/bin/python3
PREFIX ?= /usr/local
DESTDIR ?=

.PHONY: help
help:
	@echo "make demo        boot a Debian kernel on the host, show its integration services"
	@echo "make demo-debian boot a whole Debian from a disk of ours, back it up, boot the backup"
	@echo "make check       build and run every test: ends in N passed, N failed, N skipped"
	@echo "make check-full  the same with lint and five minutes for each fuzz target"
	@echo "make check-debug the modules' tests on a kernel with KASAN, lockdep and kmemleak, built first"
	@echo "make bench       measure, and print ratios"
	@echo "make lint        format, style, static analysis, man pages"
	@echo "make build       build into $(BUILD)/"
	@echo "make install     install under DESTDIR=$(DESTDIR) PREFIX=$(PREFIX)"
	@echo "make clean       remove what was built; the cache of packages stays"

.PHONY: tools
tools:
	@carrier/packages tools

.PHONY: kernels
kernels: tools
	@carrier/packages kernels

$(BUILD)/build.ninja: | tools
	@echo "make: setting up $(BUILD)"
	@CC=gcc meson setup --prefix=$(PREFIX) $(BUILD) >$(BUILD).log 2>&1 || \
		{ tail -n 20 $(BUILD).log; exit 1; }
	@rm -f $(BUILD).log

.PHONY: build
build: tools $(BUILD)/build.ninja
	@echo "make: building into $(BUILD)"
	@ninja -C $(BUILD) --quiet

.PHONY: demo
demo: build kernels
	@$(PYTHON) carrier/guest-image 6.1 >/dev/null
	@echo "make: starting the carrier, a throw-away VM with a KVM that knows Hyper-V"
	@carrier/carrier run --follow $$PPID -- env LIS_BINARY=$(abspath $(BUILD))/host/cli/lis $(PYTHON) tests/vm/demo.py

.PHONY: demo-debian
demo-debian: build kernels
	@$(PYTHON) carrier/debian-image 6.1 >/dev/null
	@echo "make: starting the carrier, a throw-away VM with a KVM that knows Hyper-V"
	@carrier/carrier run --follow $$PPID -- env LIS_BINARY=$(abspath $(BUILD))/host/cli/lis $(PYTHON) tests/vm/demo_debian.py

.PHONY: check
check: kernels
	@$(PYTHON) tests/check.py

.PHONY: check-full
check-full: kernels
	@carrier/packages more
	@carrier/debian-image 6.1 >/dev/null
	@carrier/debian-image 6.1 --managers >/dev/null
	@carrier/debian-image 6.1 --modules >/dev/null
	@$(PYTHON) tests/check.py --full

.PHONY: check-debug
check-debug: build kernels
	@carrier/debug-kernel
	@$(PYTHON) tests/check.py --full --debug --only vm

.PHONY: bench
bench: kernels
	@carrier/packages bench
	@$(PYTHON) bench/run.py

.PHONY: lint
lint: tools
	@$(PYTHON) tests/check.py --only lint

.PHONY: install
install: build
	@echo "make: installing under $(DESTDIR)$(PREFIX)"
	@meson configure $(BUILD) --prefix=$(PREFIX)
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD) --quiet

.PHONY: clean
clean:
	@echo "make: removing build folders"
	@rm -rf build build-* $(BUILD)
