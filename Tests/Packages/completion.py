#!/usr/bin/env python3
"""Completion in bash, zsh and fish, typed into a terminal.

usage: completion.py PREFIX        PREFIX is a folder that `make install` or a package filled

Every case is typed with a tab at its end and then entered. Commands that stand in for the tools print their arguments,
so what the shell completed is read from what it ran. Shells that are not installed are skipped and named.
"""

import os
import pty
import re
import select
import shutil
import sys
import tempfile
import time

PROMPT = "ready>"
TOOLS = ["ckpt"] + ["ckpt-" + name for name in "average best bnfix convert fixres info sweep".split()]
BASH_COMPLETION = "/usr/share/bash-completion/bash_completion"

# Typed line, arguments that its command receives.
CASES = [
    ("ckpt av", ["average"]),
    ("ckpt he", ["help"]),
    ("ckpt help sw", ["help", "sweep"]),
    ("ckpt average --meth", ["average", "--method"]),
    ("ckpt average --method tanh", ["average", "--method", "tanh-ema"]),
    ("ckpt average epoch-1", ["average", "epoch-17.safetensors"]),
    ("ckpt average --method mean epoch-17.safetensors --ser",
     ["average", "--method", "mean", "epoch-17.safetensors", "--series"]),
    ("ckpt sweep --sel", ["sweep", "--select"]),
    ("ckpt info --format js", ["info", "--format", "json"]),
    ("ckpt best --ser", ["best", "--series"]),
    ("ckpt bnfix --esti", ["bnfix", "--estimator"]),
    ("ckpt fixres 'a b", ["fixres", "a b.safetensors"]),
    ("ckpt convert --decom", ["convert", "--decompress"]),
    ("ckpt bets --meth", ["bets", "--meth"]),
    ("ckpt-average --meth", ["--method"]),
]


class Terminal:
    """A shell in a terminal of its own."""

    def __init__(self, command, environment, folder):
        self.child, self.master = pty.fork()
        if self.child == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, environment)
        self.text = ""

    def read_until(self, pattern, seconds=20):
        """The first match of a pattern in what came since the last one."""
        end = time.monotonic() + seconds
        while not (match := re.search(pattern, self.text)):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.master], [], [], left)[0]:
                raise TimeoutError(f"no {pattern!r} in {self.text!r}")
            self.text += os.read(self.master, 65536).decode(errors="replace")
        self.text = self.text[match.end():]
        return match

    def type(self, keys):
        os.write(self.master, keys.encode())

    def close(self):
        os.close(self.master)
        os.waitpid(self.child, 0)


def shells(prefix):
    """Name, command line, first input and data folders of every shell, or None for its command line."""
    bash = ["bash", "--norc", "--noprofile", "-i"]
    completions = f"{prefix}/share/bash-completion/completions"
    # In two pieces, so that the echo of this line is not taken for the prompt.
    prompt = "PS1='rea''dy>'"
    yield "bash alone", bash, f"source {completions}/ckpt; source {completions}/ckpt-average; {prompt}\n"
    yield ("bash with bash-completion", bash if os.path.exists(BASH_COMPLETION) else None,
           f"source {BASH_COMPLETION}; {prompt}\n")
    yield ("zsh", ["zsh", "-f", "-i"],
           f"fpath=({prefix}/share/zsh/*(N) $fpath); autoload -U compinit; compinit -u -D; {prompt}\n")
    yield "fish", ["fish", "-C", "function fish_prompt; echo -n ready'>'; end"], ""


def main():
    prefix = os.path.abspath(sys.argv[1])
    failures = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for path in ["epoch-17.safetensors", "a b.safetensors"]:
            open(os.path.join(folder, path), "w").close()
        stand_ins = os.path.join(folder, "bin")
        os.mkdir(stand_ins)
        for tool in TOOLS:
            with open(os.path.join(stand_ins, tool), "w") as script:
                script.write("#!/bin/sh\nprintf 'ran:'\nprintf '<%s>' \"$@\"\nprintf ':end\\n'\n")
            os.chmod(script.name, 0o755)
        environment = {
            "HOME": folder, "TERM": "xterm", "LANG": "C.UTF-8", "PATH": stand_ins + ":" + os.environ["PATH"],
            "XDG_DATA_DIRS": f"{prefix}/share:/usr/local/share:/usr/share",
        }
        for name, command, first in shells(prefix):
            if command is None or shutil.which(command[0]) is None:
                print(f"{name}: not installed, skipped")
                continue
            terminal = Terminal(command, environment, folder)
            terminal.type(first)
            passed = 0
            for line, expected in CASES:
                try:
                    terminal.read_until(re.escape(PROMPT))
                    terminal.type(line + "\t\r")
                    found = terminal.read_until(r"ran:(.*):end").group(1)
                except (TimeoutError, OSError) as error:
                    print(f"{name}: {line!r}: {error}")
                    failures += 1
                    break
                if found == "".join(f"<{word}>" for word in expected):
                    passed += 1
                else:
                    print(f"{name}: {line!r}: ran with {found}, expected {expected}")
                    failures += 1
            terminal.close()
            print(f"{name}: {passed} of {len(CASES)} lines completed as expected")
    sys.exit(1 if failures else 0)


main()
