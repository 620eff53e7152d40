#!/usr/bin/env python3
"""Installs packages, each into an empty place, and uses the tools there.

usage: install.py PACKAGE...

A wheel goes into a virtual environment (by uv if it is on the path, else by pip), a .tar.gz and a .deb into a folder; a
folder is a prefix where a package manager has installed the tools already. Every tool must start, an average must have the
means that Python computes, and the tools that run networks must run one. The libraries of Swift must come from the package;
so must all others but those of every system, except for the .deb, which has dependencies.
"""

import json
import math
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

TOOLS = ["ckpt-average", "ckpt-best", "ckpt-bnfix", "ckpt-convert", "ckpt-fixres", "ckpt-info", "ckpt-sweep"]
SYSTEM = re.compile(r"(linux-vdso|ld-linux.*|lib(c|m|dl|pthread|rt|stdc\+\+|gcc_s|z))\.so")
SWIFT = re.compile(r"lib(swift|Foundation|dispatch|Blocks)")
FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "fixtures")


class Installation:
    """A prefix with the tools of one package."""

    def __init__(self, package, folder):
        self.package = package
        self.prefix = os.path.join(folder, "prefix")
        self.has_dependencies = False
        self.remove = lambda: None
        if package.endswith(".whl"):
            self.install_wheel(folder)
        elif package.endswith(".tar.gz"):
            os.mkdir(self.prefix)
            subprocess.run(["tar", "-xzf", package, "-C", self.prefix, "--strip-components", "1"], check=True)
        else:
            self.has_dependencies = True
            if package.endswith(".deb"):
                subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
                self.prefix = os.path.join(folder, "usr")
            else:
                self.prefix = package

    def install_wheel(self, folder):
        uv = shutil.which("uv")
        if uv:
            subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, self.prefix], check=True)
            pip = [uv, "pip", "--quiet", "--offline"]
        else:
            subprocess.run([sys.executable, "-m", "venv", self.prefix], check=True)
            pip = [f"{self.prefix}/bin/python", "-m", "pip", "--quiet", "--disable-pip-version-check"]
        variables = {"PATH": "/usr/bin:/bin", "VIRTUAL_ENV": self.prefix, "HOME": folder}
        before = set(self.files())
        subprocess.run([*pip, "install", "--no-index", "--no-deps", self.package], check=True, env=variables)

        def remove():
            subprocess.run([*pip, "uninstall", *([] if uv else ["--yes"]), "ckpt-tools"], check=True, env=variables)
            left = set(self.files()) - before
            assert not left, f"files left: {left}"

        self.remove = remove

    def files(self):
        for place, _, names in os.walk(self.prefix):
            yield from (os.path.join(place, name) for name in names if not name.endswith((".pyc", ".lock")))

    def check_library(self, tool, name, path):
        inside = os.path.realpath(path).startswith(os.path.realpath(self.prefix) + os.sep)
        foreign = SWIFT.match(name) if self.has_dependencies else not SYSTEM.match(name)
        assert "not found" not in path and (inside or not foreign), f"{tool}: {name} comes from {path}"


def floats(path):
    """The F32 tensors of a safetensors file by name."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    return {
        name: struct.unpack(f"<{(end - begin) // 4}f", data[begin:end])
        for name, entry in header.items() if entry.get("dtype") == "F32"
        for begin, end in [entry["data_offsets"]]
    }


def check_means(series, mean):
    """Compares parameters with means of the series, rounded once; returns how many."""
    inputs = [floats(path) for path in series]
    count = 0
    for name, values in floats(mean).items():
        if name.endswith(("running_mean", "running_var")):
            continue
        for index, value in enumerate(values):
            exact = math.fsum(tensors[name][index] for tensors in inputs) / len(inputs)
            assert abs(value - exact) <= 2**-24 * abs(exact) * 1.001 + 1e-45, (name, index, value, exact)
            count += 1
    return count


def use(package):
    with tempfile.TemporaryDirectory() as folder:
        installation = Installation(os.path.abspath(package), folder)
        prefix = installation.prefix
        # Nothing of the machine's own set-up reaches the tools.
        variables = {"PATH": f"{prefix}/bin:/usr/bin:/bin", "HOME": folder}

        def run(*words):
            done = subprocess.run(words, env=variables, cwd=folder, capture_output=True, text=True, timeout=600)
            assert done.returncode == 0, f"{' '.join(words)}: status {done.returncode}: {done.stderr}"
            return done.stdout

        for tool in TOOLS:
            assert run(tool, "--version").startswith(f"{tool} "), tool
            assert f"USAGE: {tool}" in run("ckpt", "help", tool.removeprefix("ckpt-")), tool
            libraries = re.findall(r"^\t(\S+) => (.*?)(?: \(0x|$)", run("ldd", f"{prefix}/bin/{tool}"), re.M)
            assert len(libraries) > 5
            for name, path in libraries:
                installation.check_library(tool, name, path)
            page = f"{prefix}/share/man/man1/{tool}.1"
            assert os.path.exists(page) or os.path.exists(page + ".gz"), tool

        run_folder = f"{FIXTURES}/run"
        series = [f"{run_folder}/{name}" for name in sorted(os.listdir(run_folder)) if name.startswith("epoch-")]
        run("ckpt-average", *series, "-o", "mean.safetensors")
        count = check_means(series, f"{folder}/mean.safetensors")
        assert count > 1000

        run("ckpt-bnfix", "mean.safetensors", "--data", f"{FIXTURES}/digits/train", "-o", "fixed.safetensors")
        sweep = ["ckpt-sweep", "fixed.safetensors", "--data", f"{FIXTURES}/digits/val", "--crop", "48"]
        [row] = json.loads(run(*sweep, "--format", "json"))["rows"]
        assert row["top1"] > 0.6, row
        installation.remove()
        print(f"{package}: {len(TOOLS)} tools, {count} means, top-1 {row['top1']:.4f}")


for argument in sys.argv[1:]:
    use(argument)
