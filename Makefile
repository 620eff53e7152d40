# Two commands are enough on a fresh machine: `make demo` and `make test`.

PREFIX  ?= /usr/local
DESTDIR ?=
VENV    ?= $(HOME)/.cache/ckpt-tools/venv
TOOLS   := ckpt-average ckpt-bnfix ckpt-fixres ckpt-sweep ckpt-info ckpt-convert
SWIFT   ?= swift
BUILD   := $(SWIFT) build -c release
# Tests see internal declarations, which the released executables do not export: a scratch folder of their own.
TESTING := -c release -Xswiftc -enable-testing --scratch-path .build/testing

APT_PACKAGES := pkg-config libopenblas-dev zlib1g-dev libjpeg-dev libpng-dev libwebp-dev
PKG_CONFIG_NAMES := openblas zlib libjpeg libpng libwebp

BINDIR  := $(DESTDIR)$(PREFIX)/bin
MANDIR  := $(DESTDIR)$(PREFIX)/share/man
BASHDIR := $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSHDIR  := $(DESTDIR)$(PREFIX)/share/zsh/site-functions
FISHDIR := $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d

.PHONY: all setup build demo test test-cluster lint interop install uninstall clean

all: build

setup:
	@if ! pkg-config --exists $(PKG_CONFIG_NAMES) 2>/dev/null; then \
	  if [ "$$(id -u)" = 0 ]; then sudo=; else sudo=sudo; fi; \
	  $$sudo apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $(APT_PACKAGES) >/dev/null; \
	fi

build: setup
	$(BUILD)

demo: build
	fixtures/demo.sh "$$($(BUILD) --show-bin-path)"

test: setup
	$(SWIFT) build $(TESTING) --build-tests
	$(SWIFT) test $(TESTING) --skip-build

# Python peers (PyTorch, torchvision, timm, safetensors, NumPy, Pillow), in a virtual environment outside the clone.
$(VENV)/ready: Tests/Interop/requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --requirement Tests/Interop/requirements.txt
	touch $@

interop: build $(VENV)/ready
	@bin="$$($(BUILD) --show-bin-path)"; for peer in averaging bnfix fixres sweep checkpoint_roundtrip onnx_logits; do \
	  echo "== $$peer"; $(VENV)/bin/python Tests/Interop/$$peer.py "$$bin" || exit 1; \
	done

lint:
	$(SWIFT) format lint --strict --recursive Package.swift Sources Tests
	if command -v mandoc >/dev/null; then mandoc -T lint -W warning man/*.[157]; fi

install: build
	install -d $(BINDIR) $(MANDIR)/man1 $(MANDIR)/man5 $(MANDIR)/man7 $(BASHDIR) $(ZSHDIR) $(FISHDIR)
	@bin="$$($(BUILD) --show-bin-path)"; for tool in $(TOOLS); do \
	  echo "install $(BINDIR)/$$tool"; \
	  install -m 755 "$$bin/$$tool" $(BINDIR)/$$tool && \
	  "$$bin/$$tool" --generate-completion-script bash > $(BASHDIR)/$$tool && \
	  "$$bin/$$tool" --generate-completion-script zsh > $(ZSHDIR)/_$$tool && \
	  "$$bin/$$tool" --generate-completion-script fish > $(FISHDIR)/$$tool.fish || exit 1; \
	done
	for page in man/*.[157]; do install -m 644 $$page $(MANDIR)/man$${page##*.}/; done

uninstall:
	for tool in $(TOOLS); do \
	  rm -f $(BINDIR)/$$tool $(BASHDIR)/$$tool $(ZSHDIR)/_$$tool $(FISHDIR)/$$tool.fish; \
	done
	for page in man/*.[157]; do rm -f $(MANDIR)/man$${page##*.}/$${page##*/}; done

clean:
	rm -rf .build

test-cluster: build
	@if ! command -v slurmctld munged >/dev/null; then \
	  if [ "$$(id -u)" = 0 ]; then sudo=; else sudo=sudo; fi; \
	  $$sudo apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends slurm-wlm munge >/dev/null; \
	fi
	Tests/Cluster/run.sh "$$($(BUILD) --show-bin-path)"
