#!/usr/bin/env python3
"""Runs the commands of same_bytes.list with two sets of executables and compares everything that they write.

    python3 Tests/Interop/same_bytes.py OLD_BIN NEW_BIN [--only REGEX] [--jobs N]

For restructured code: standard output, exit status and every file must keep their bytes, at 1, 2 and 3 threads. Only the
standard library is needed. Inputs are the repository's fixtures, small random networks of every family, and what OLD_BIN
makes of them; every command runs in an empty folder with links to these inputs, so that outputs name the same paths.

The list is text. A line that begins in the first column begins an entry, indented lines continue it:

    prepare FILE: COMMAND          an input, made once by OLD_BIN; COMMAND writes FILE
    mask WHAT in NAME, …: REASON   what may differ in these entries; `everywhere` in place of `in NAME, …`
    NAME: COMMAND                  a command to compare, a line for sh

`--threads N` is added behind the name of every tool. `{network}` in an entry makes one of it for each small random network
of fixtures/goldens/NetworkGraphs, and `if bf16` before the command leaves the entry out where the processor has no bfloat16
arithmetic. A command that fails on the old side is a failure of the list: one that is meant to exit with a status tests
for it. What can be masked is in MASKS.
"""

import argparse
import array
import concurrent.futures
import json
import math
import os
import random
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
FIXTURES = REPOSITORY / "fixtures"
NETWORKS = FIXTURES / "goldens/NetworkGraphs"
THREADS = (1, 2, 3)

# Text inside outputs, also where JSON stands as a string within JSON, and tensors of that name; `stderr` is the whole stream.
MASKS = {
    "stderr": None,
    "version": re.compile(rb'\\?"version\\?": ?\\?"[^"\\]*\\?"'),
    "history": re.compile(rb'"ckpt\.history": ?"(?:[^"\\]|\\.)*"'),
    "buffers": re.compile(rb", \d+ .?B of buffers"),
    "seconds": re.compile(rb'"seconds": ?(?:\{[^}]*\}|[0-9.eE+-]+)'),
    "rate": re.compile(rb'"(images_per_second|latency_ms|latency_p95_ms)": ?[0-9.eE+-]+|"latency": ?\{[^}]*\}'),
    "front": re.compile(rb'"pareto": ?(true|false)|"pareto_front": ?\{[^}]*\}'),
}


class ListError(Exception):
    pass


def parse(path):
    """Inputs [(file, command)], masks {entry name: {mask}} with None for all, and entries [(name, command)]."""
    lines = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line[0].isspace():
            if not lines:
                raise ListError(f"{path}:{number}: nothing to continue")
            lines[-1][1] += " " + line.strip()
        else:
            lines.append([number, line])
    inputs, masks, entries = [], {}, []
    for number, line in lines:
        head, colon, rest = line.partition(": ")
        if not colon:
            raise ListError(f"{path}:{number}: no ': ' after the name")
        if head.startswith("prepare "):
            inputs.append((head.removeprefix("prepare "), rest))
        elif head.startswith("mask "):
            what, _, where = head.removeprefix("mask ").partition(" ")
            if what not in MASKS or not (where == "everywhere" or where.startswith("in ")):
                raise ListError(f"{path}:{number}: 'mask {' | '.join(MASKS)} in NAME, … | everywhere: REASON' is expected")
            for name in [None] if where == "everywhere" else where.removeprefix("in ").split(", "):
                masks.setdefault(name, set()).add(what)
        elif "{network}" in head:
            names = sorted(file.stem for file in NETWORKS.glob("*.json"))
            entries += [(head.replace("{network}", n), rest.replace("{network}", n)) for n in names]
        else:
            entries.append((head, rest))
    names = [name for name, _ in entries]
    if repeated := {name for name in names if names.count(name) > 1}:
        raise ListError(f"{path}: more than one entry is called {', '.join(sorted(repeated))}")
    if unknown := set(masks) - set(names) - {None}:
        raise ListError(f"{path}: masks for entries that are not there: {', '.join(sorted(unknown))}")
    return inputs, masks, entries


def write_network(source, target):
    """A network of the shapes in a golden file as safetensors, its weights drawn from fixed seeds."""
    golden = json.loads(source.read_text())
    header, data = {}, []
    if golden["architecture"]:
        header["__metadata__"] = {"ckpt.arch": golden["architecture"]}
    offset = 0
    for seed, (name, shape) in enumerate(golden["tensors"]):
        generator = random.Random(seed)
        if name.endswith("running_var"):
            low, high = 0.5, 2
        elif name.endswith(("running_mean", ".bias")):
            low, high = -0.3, 0.3
        elif len(shape) == 1:
            low, high = 0.5, 1
        else:
            high = math.sqrt(6 / math.prod(shape[1:]))
            low = -high
        values = array.array("f", (low + (high - low) * generator.random() for _ in range(math.prod(shape))))
        if sys.byteorder == "big":
            values.byteswap()
        data.append(values.tobytes())
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + len(data[-1])]}
        offset += len(data[-1])
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    target.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(data))


def with_threads(command, threads):
    return re.sub(r"(?<![\w./{-])(ckpt-[a-z]+)(?= )", rf"\1 --threads {threads}", command)


def run(command, folder, binaries):
    """Exit status, standard output and standard error of a line for sh."""
    environment = os.environ | {"PATH": f"{binaries}:{os.environ['PATH']}", "LC_ALL": "C"}
    return subprocess.run(
        ["/bin/sh", "-c", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True)


def link_inputs(folder, made):
    for name in ("run", "run-64", "digits", "onnx", "goldens"):
        (folder / name).symlink_to(FIXTURES / name)
    (folder / "made").symlink_to(made)


class Outcome:
    """What a command left: its status, its streams and the files in its folder, which is removed."""

    def __init__(self, command, binaries, made, scratch):
        folder = Path(tempfile.mkdtemp(dir=scratch))
        try:
            link_inputs(folder, made)
            process = run(command, folder, binaries)
            self.status, self.messages = process.returncode, process.stderr.decode(errors="replace")
            self.parts = {"stdout": process.stdout, "stderr": process.stderr}
            for path in sorted(folder.rglob("*")):
                if stat.S_ISREG(path.lstat().st_mode):
                    self.parts[str(path.relative_to(folder))] = path.read_bytes()
        finally:
            shutil.rmtree(folder)


def sections(data):
    """(name, bytes) of the parts of a safetensors file, or of anything else as a whole."""
    length = int.from_bytes(data[:8], "little")
    if len(data) > 8 and data[8:9] == b"{" and length <= len(data) - 8:
        try:
            header = json.loads(data[8 : 8 + length])
            found = [("header", data[8 : 8 + length].rstrip(b" "))]
            for name, tensor in header.items():
                if name != "__metadata__":
                    begin, end = tensor["data_offsets"]
                    found.append((f"tensor {name}", data[8 + length + begin : 8 + length + end]))
            return found
        except (ValueError, KeyError, TypeError):
            pass
    return [("", data)]


def masked(data, masks):
    """The bytes with masked text taken out; of a safetensors file only the header is text, and its length follows it."""
    parts = [part for part in sections(data) if part[0].removeprefix("tensor ") not in masks]
    for mask in masks:
        if MASKS[mask]:
            parts[0] = (parts[0][0], MASKS[mask].sub(b"", parts[0][1]))
    return parts


def parting(old, new):
    """The first index at which two sequences differ."""
    return next((i for i, (a, b) in enumerate(zip(old, new)) if a != b), min(len(old), len(new)))


def first_difference(old, new):
    """Where two byte strings part, by member if they are JSON."""
    def members(old, new, path):
        if isinstance(old, dict) and isinstance(new, dict):
            for key in [*old, *(key for key in new if key not in old)]:
                if old.get(key) != new.get(key):
                    return members(old.get(key), new.get(key), f"{path}.{key}" if path else key)
        if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
            for index, (a, b) in enumerate(zip(old, new)):
                if a != b:
                    return members(a, b, f"{path}[{index}]")
        a, b = json.dumps(old), json.dumps(new)
        begin = max(0, parting(a, b) - 20)
        return f"{path}: {a[begin : begin + 60]} became {b[begin : begin + 60]}"

    try:
        return members(json.loads(old), json.loads(new), "")
    except ValueError:
        sizes = f", {len(old)} bytes became {len(new)}" if len(old) != len(new) else ""
        return f"byte {parting(old, new)}{sizes}"


def differences(old, new, masks):
    """One text for each part that differs."""
    found = []
    if old.status != new.status:
        found.append(f"exit status {old.status} became {new.status}: {new.messages.strip()[-200:]}")
    for name in [*old.parts, *(name for name in new.parts if name not in old.parts)]:
        if name in masks:
            continue
        if name not in new.parts or name not in old.parts:
            found.append(f"{name} is {'missing' if name in old.parts else 'new'}")
            continue
        if old.parts[name] == new.parts[name]:
            continue
        before, after = masked(old.parts[name], masks), masked(new.parts[name], masks)
        if [section for section, _ in before] != [section for section, _ in after]:
            before, after = before[:1], after[:1]
        changed = [(part, a, b) for (part, a), (_, b) in zip(before, after) if a != b]
        for part, a, b in changed[:1]:
            more = f", and {len(changed) - 1} more parts" if len(changed) > 1 else ""
            found.append(" ".join(filter(None, [name, part, first_difference(a, b)])) + more)
    return found


def compare(command, options, made, scratch, masks):
    """None if all is the same, else what differs."""
    reference, found = None, {}
    for threads in THREADS:
        line = with_threads(command, threads)
        old = Outcome(line, options.old, made, scratch)
        if old.status != 0:
            return f"the old side exits with {old.status}: {old.messages.strip()[-300:]}"
        new = Outcome(line, options.new, made, scratch)
        reference = reference or old
        for text in differences(old, new, masks):
            found.setdefault(text, []).append(str(threads))
        for text in differences(reference, old, masks):
            found.setdefault(f"old side, against 1 thread: {text}", []).append(str(threads))
    return "; ".join(f"{text}, at {'/'.join(threads)} threads" for text, threads in found.items()) or None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--only", default="", help="only entries whose name matches this expression")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="entries at a time")
    options = parser.parse_args()
    options.old, options.new = options.old.resolve(), options.new.resolve()
    inputs, masks, entries = parse(Path(__file__).with_suffix(".list"))

    # In memory where there is room: every output is flushed to the disk otherwise.
    shared = Path("/dev/shm")
    place = shared if os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > 2 << 30 else None
    with tempfile.TemporaryDirectory(dir=place) as scratch:
        scratch = Path(scratch)
        made = scratch / "made"
        made.mkdir()
        for source in NETWORKS.glob("*.json"):
            write_network(source, made / f"{source.stem}.safetensors")
        home = scratch / "prepare"
        home.mkdir()
        link_inputs(home, made)
        for name, command in inputs:
            process = run(command, home, options.old)
            if process.returncode != 0 or not (home / name).exists():
                sys.exit(f"prepare {name}: {process.stderr.decode().strip()}")
        bf16 = b"bf16" in run("ckpt-sweep --version", home, options.old).stdout

        passed = failed = 0
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            running = []
            for name, command in entries:
                if not re.search(options.only, name):
                    continue
                if command.startswith("if bf16 "):
                    if not bf16:
                        print(f"{name}: left out, this processor has no bfloat16 arithmetic")
                        continue
                    command = command.removeprefix("if bf16 ")
                hidden = masks.get(None, set()) | masks.get(name, set())
                running.append((name, pool.submit(compare, command, options, made, scratch, hidden)))
            for name, future in running:
                difference = future.result()
                passed, failed = passed + (difference is None), failed + (difference is not None)
                print(f"{name}: {'same' if difference is None else f'differs ({difference})'}", flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    try:
        main()
    except ListError as error:
        sys.exit(str(error))
