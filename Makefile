# Two commands are enough on a fresh machine: `make demo` and `make test`.

PREFIX  ?= /usr/local
DESTDIR ?=
VENV    ?= $(HOME)/.cache/ckpt-tools/venv
BENCH_VENV ?= $(HOME)/.cache/ckpt-tools/bench
SEGMENTATION_VENV ?= $(HOME)/.cache/ckpt-tools/segmentation
TOOLS   := ckpt-average ckpt-bnfix ckpt-fixres ckpt-sweep ckpt-best ckpt-info ckpt-convert
SWIFT   ?= swift
BUILD   := $(SWIFT) build -c release
# Tests see internal declarations, which the released executables do not export: a scratch folder of their own.
TESTING := -c release -Xswiftc -enable-testing --scratch-path .build/testing

APT_PACKAGES := pkg-config libopenblas-dev libssl-dev zlib1g-dev libdeflate-dev libjpeg-dev libpng-dev libwebp-dev
PKG_CONFIG_NAMES := openblas libcrypto zlib libdeflate libjpeg libpng libwebp

BINDIR  := $(DESTDIR)$(PREFIX)/bin
MANDIR  := $(DESTDIR)$(PREFIX)/share/man
BASHDIR := $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSHDIR  := $(DESTDIR)$(PREFIX)/share/zsh/site-functions
FISHDIR := $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
DATADIR := $(DESTDIR)$(PREFIX)/share/ckpt-tools

VERSION := $(shell sed -n 's/.*toolsVersion = "\(.*\)"/\1/p' Sources/CommandLine/Command/Version.swift)
# What `install` copies: the executables of this build.
BIN      = $$($(BUILD) --show-bin-path)

.PHONY: all setup build benchmarks demo test pin test-cluster sanitize lint interop families blocks segmentation same-bytes scan onnx-sample fuzz example docs soak bench table install \
	install-files uninstall static bundle dist wheel deb test-packages clean

all: build

# $(call apt,COMMAND,PACKAGES): installs the packages unless the command is there.
apt = @command -v $(1) >/dev/null || { $(APT_INSTALL) $(2); }
APT_INSTALL := if [ "$$(id -u)" = 0 ]; then sudo=; else sudo=sudo; fi; $$sudo apt-get update -qq && \
	DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends >/dev/null

setup:
	@pkg-config --exists $(PKG_CONFIG_NAMES) 2>/dev/null || { $(APT_INSTALL) $(APT_PACKAGES); }

build: setup
	$(BUILD)

# The benchmarks, which are a package of their own; the interoperability tests compare logits by one of them.
BENCHMARK_BUILD := $(SWIFT) build -c release --package-path Benchmarks --scratch-path .build/benchmarks
BENCHMARK_BIN    = $$($(BENCHMARK_BUILD) --show-bin-path)

benchmarks: setup
	$(BENCHMARK_BUILD)

demo: build
	fixtures/demo.sh "$(BIN)"

# The README's table of accuracies over the size of training and test.
table: build
	fixtures/resolution_table.sh "$(BIN)" README.md

test: setup
	$(SWIFT) build $(TESTING) --build-tests
	$(SWIFT) test $(TESTING) --skip-build

# Writes down what the tools print now, for the commands in Tests/Commands.
pin: setup
	$(SWIFT) build $(TESTING) --build-tests
	CKPT_PIN=1 $(SWIFT) test $(TESTING) --skip-build --filter PinnedOutputTests

# $(call venv,REQUIREMENTS): fills the virtual environment of the target, outside the clone.
define venv
	@python3 -c 'import ensurepip' 2>/dev/null || { $(APT_INSTALL) python3-venv; }
	python3 -m venv $(@D)
	$(@D)/bin/pip install --quiet --requirement $(1)
	touch $@
endef

# Every test under the address and then the thread sanitizer, each in a scratch folder of its own. The leak check cannot
# see what Swift's lazily made globals hold, so it is off.
SANITIZERS ?= address thread
sanitize: setup
	for kind in $(SANITIZERS); do \
	  options="-c release -Xswiftc -enable-testing --scratch-path .build/$$kind --sanitize=$$kind"; \
	  $(SWIFT) build $$options --build-tests && ASAN_OPTIONS=detect_leaks=0 \
	    TSAN_OPTIONS=suppressions=$(CURDIR)/Tests/thread-sanitizer.txt $(SWIFT) test $$options --skip-build || exit 1; \
	done

# Python peers (PyTorch, torchvision, timm, safetensors, NumPy, Pillow), in a virtual environment outside the clone.
$(VENV)/ready: Tests/Interop/requirements.txt
	$(call venv,$<)

interop: build benchmarks $(VENV)/ready
	@bin="$(BIN)"; for peer in averaging merging distributed bnfix segmentation fixres sweep evaluation checkpoint_roundtrip matrix examples; do \
	  echo "== $$peer"; $(VENV)/bin/python Tests/Interop/$$peer.py "$$bin" || exit 1; \
	done
	@echo "== trained_weights"; $(VENV)/bin/python Tests/Interop/trained_weights.py "$(BIN)"
	@echo "== scan"; $(VENV)/bin/python Tests/Interop/scan.py "$(BIN)" --small --no-table
	@echo "== onnx_logits"; $(VENV)/bin/python Tests/Interop/onnx_logits.py "$(BENCHMARK_BIN)"

# BatchNorm statistics of segmentation and detection networks, those of two more libraries included.
$(SEGMENTATION_VENV)/ready: Tests/Interop/requirements.txt Tests/Interop/requirements-segmentation.txt
	$(call venv,Tests/Interop/requirements.txt)
	$(@D)/bin/pip install --quiet --no-deps --requirement Tests/Interop/requirements-segmentation.txt || \
	  { rm -f $@; exit 1; }

segmentation: build $(SEGMENTATION_VENV)/ready
	$(SEGMENTATION_VENV)/bin/python Tests/Interop/segmentation.py "$(BIN)" --all

# BatchNorm statistics of a network of every family, which takes minutes more than the sample of `make interop`.
families: build $(VENV)/ready
	$(VENV)/bin/python Tests/Interop/bnfix.py "$(BIN)" --families

# Runs that train the last blocks, beside PyTorch's, which takes about a quarter of an hour.
blocks: build $(VENV)/ready
	$(VENV)/bin/python Tests/Interop/fixres.py "$(BIN)" --blocks

# Every output byte of two builds, for code that is restructured: OLD is the folder of the other executables.
same-bytes: build
	python3 Tests/Interop/same_bytes.py "$(OLD)" "$(BIN)"

# A random sample of timm's networks through ONNX, into Tests/Interop/onnx_sample.tsv; continues where it was stopped.
onnx-sample: build benchmarks $(VENV)/ready
	$(VENV)/bin/python Tests/Interop/onnx_sample.py "$(BENCHMARK_BIN)" $(SAMPLE)

# Every classifier of timm and torchvision against the tools, into Tests/Interop/scan.tsv; continues where it was stopped.
# SCAN holds options, such as `--family resnet --again`. Takes hours.
scan: build $(VENV)/ready
	$(VENV)/bin/python Tests/Interop/scan.py "$(BIN)" $(SCAN)

# Hostile files against the readers, with the address sanitizer: FUZZ_SECONDS for each target.
FUZZ_SECONDS ?= 8
fuzz: setup
	Tests/Fuzz/run.sh $(FUZZ_SECONDS)

lint:
	$(SWIFT) format lint --strict --recursive Package.swift Sources Tests Benchmarks
	! grep -rn --exclude='*.pb.swift' '^import Foundation$$' Sources
	$(call apt,mandoc,mandoc)
	mandoc -T lint -W warning man/*.[157]

# A package of its own that uses the libraries.
example: setup
	$(SWIFT) build -c release --package-path Tests/Example --scratch-path .build/example
	@set -e; out=$$(mktemp -d); trap 'rm -rf "$$out"' EXIT; \
	"$$($(SWIFT) build -c release --package-path Tests/Example --scratch-path .build/example --show-bin-path)/Recipe" \
	  "$$out/result.safetensors" fixtures/digits/train fixtures/run/*.safetensors

# Documentation of the libraries and the manual pages, in .build/docs; fails on gaps and warnings.
docs: build
	python3 Tests/Documentation/document.py "$(BIN)" .build/docs
	$(call apt,mandoc,mandoc)
	mkdir -p .build/docs/man
	for page in man/*.[157]; do \
	  mandoc -T html -O man=%N.%S.html $$page >.build/docs/man/$${page##*/}.html || exit 1; \
	done

# What becomes of the tools when the machine fails them: killed, disk full, memory short (needs root).
soak: build
	python3 Tests/Soak/soak.py "$(BIN)"

$(BENCH_VENV)/ready: Benchmarks/requirements.txt Tests/Interop/requirements.txt
	$(call venv,$<)

# Speed and memory beside the peers, in one table. Takes more than an hour on two quiet cores.
bench: build benchmarks $(BENCH_VENV)/ready
	$(BENCH_VENV)/bin/python Benchmarks/run.py "$(BIN)" "$(BENCHMARK_BIN)" --out Benchmarks/RESULTS.md

install: build install-files

install-files:
	install -d $(BINDIR) $(MANDIR)/man1 $(MANDIR)/man5 $(MANDIR)/man7 $(BASHDIR) $(ZSHDIR) $(FISHDIR) \
	  $(DATADIR)/schema
	@bin="$(BIN)"; for tool in $(TOOLS); do \
	  echo "install $(BINDIR)/$$tool"; \
	  install -m 755 "$$bin/$$tool" $(BINDIR)/$$tool && \
	  "$$bin/$$tool" --generate-completion-script bash > $(BASHDIR)/$$tool && \
	  "$$bin/$$tool" --generate-completion-script zsh > $(ZSHDIR)/_$$tool && \
	  "$$bin/$$tool" --generate-completion-script fish > $(FISHDIR)/$$tool.fish || exit 1; \
	done
	install -m 755 Sources/Tools/ckpt.sh $(BINDIR)/ckpt
	install -m 644 Sources/Tools/ckpt.bash $(BASHDIR)/ckpt
	install -m 644 Sources/Tools/ckpt.zsh $(ZSHDIR)/_ckpt
	install -m 644 Sources/Tools/ckpt.fish $(FISHDIR)/ckpt.fish
	for page in man/*.[157]; do install -m 644 $$page $(MANDIR)/man$${page##*.}/; done
	install -m 644 man/schema/*.json $(DATADIR)/schema/

uninstall:
	for tool in ckpt $(TOOLS); do \
	  rm -f $(BINDIR)/$$tool $(BASHDIR)/$$tool $(ZSHDIR)/_$$tool $(FISHDIR)/$$tool.fish; \
	done
	for page in man/*.[157]; do rm -f $(MANDIR)/man$${page##*.}/$${page##*/}; done
	rm -rf $(DATADIR)

# Executables that carry the Swift runtime each: they need the system's libraries only. For packagers who want single files.
static: setup
	$(SWIFT) build -c release --static-swift-stdlib --scratch-path .build/dist
	strip $(addprefix .build/dist/release/,$(TOOLS))

ARCHIVE := ckpt-tools-$(VERSION)-$(shell uname -s | tr A-Z a-z)-$(shell uname -m)
PACKAGES := .build/packages
PACKAGED  = .build/$(ARCHIVE).tar.gz .build/ckpt_tools-$(VERSION)-*.whl .build/ckpt-tools_$(VERSION)_*.deb
# Debian's releases that the packages of this machine are tried on; a .deb fits the release that built it.
SUITES   ?= $(shell . /etc/os-release 2>/dev/null && [ "$$ID" = debian ] && echo $$VERSION_CODENAME)

# The executables and every library that not all systems have, in a folder that may stand anywhere.
bundle: build
	$(call apt,patchelf,patchelf)
	rm -rf $(PACKAGES)/$(ARCHIVE)
	$(MAKE) install-files BIN="$(BIN)" DESTDIR=$(PACKAGES)/$(ARCHIVE) PREFIX=
	packaging/bundle.sh $(PACKAGES)/$(ARCHIVE) all
	cp README.md LICENSE CHANGELOG.md SECURITY.md $(PACKAGES)/$(ARCHIVE)/

dist: bundle
	tar -C $(PACKAGES) -czf .build/$(ARCHIVE).tar.gz --owner=0 --group=0 --sort=name $(ARCHIVE)
	@ls -l .build/$(ARCHIVE).tar.gz $(PACKAGES)/$(ARCHIVE)/bin $(PACKAGES)/$(ARCHIVE)/lib/ckpt-tools

wheel: bundle
	python3 packaging/wheel.py $(PACKAGES)/$(ARCHIVE) $(VERSION) .build

deb: build
	$(call apt,patchelf,patchelf)
	$(call apt,dpkg-shlibdeps,dpkg-dev)
	packaging/deb.sh "$(BIN)" $(VERSION) .build

# Installs the packages here and in minimal Debian systems, uses them, and types into shells.
test-packages: dist wheel deb
	$(call apt,debootstrap,debootstrap)
	$(call apt,zsh,zsh)
	$(call apt,fish,fish)
	Tests/Packages/completion.py $(PACKAGES)/$(ARCHIVE)
	Tests/Packages/install.py $(PACKAGED)
	for suite in $(SUITES); do Tests/Packages/debian.sh $$suite $(PACKAGED) || exit 1; done

clean:
	rm -rf .build

test-cluster: build
	$(call apt,slurmctld,slurm-wlm munge)
	Tests/Cluster/run.sh "$(BIN)"
