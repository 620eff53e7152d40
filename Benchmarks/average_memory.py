#!/usr/bin/env python3
"""Peak memory of ckpt-average for few large and many small checkpoints of the same size in all.

    python3 Benchmarks/average_memory.py path/to/ckpt-average [--folder DIR] [--gigabytes 4] [--limit 64]

For 1, 10 and 40 checkpoints, as files and through FIFOs: the resident memory at its peak, pages of mapped files
included, and whether the run succeeds in a control group that grants so many MiB for everything, page cache included.
Needs the standard library only, and root for the control group; without it that column is empty. Exits with 1 when
a peak or a run under the limit is not as it should be.
"""

import argparse
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

# A process of its own, small and without files of ours: a child's peak begins with its parent's.
RUN = """
import os, sys
group = sys.argv[1]
if group: open(group + "/cgroup.procs", "w").write(str(os.getpid()))
process = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(process, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss // 1024)
"""


def make_checkpoint(path, size, seed):
    """F32 weights of about 1 in tensors of 64 MiB, and a tensor that no other checkpoint has the same of."""
    header, offset = {}, 0
    for number in range(max(1, size >> 26)):
        count = min(size - offset, 1 << 26) & ~3
        header[f"layer{number:03}.weight"] = {
            "dtype": "F32", "shape": [count // 4], "data_offsets": [offset, offset + count]}
        offset += count
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    block = bytearray(random.Random(seed).randbytes(1 << 20))
    block[3::4] = b"\x3f" * (1 << 18)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        while offset > 0:
            file.write(block[:offset])
            offset -= len(block)


class Group:
    """A control group with a limit, or nothing where there can be none."""

    def __init__(self, mebibytes):
        old = Path("/sys/fs/cgroup/memory")
        self.folder = (old if old.exists() else Path("/sys/fs/cgroup")) / f"ckpt-average-memory-{os.getpid()}"
        try:
            self.folder.mkdir()
            limit = self.folder / ("memory.limit_in_bytes" if old.exists() else "memory.max")
            limit.write_text(str(mebibytes << 20))
        except OSError:
            self.folder = None

    def __enter__(self):
        return str(self.folder) if self.folder else None

    def __exit__(self, *unused):
        if self.folder:
            self.folder.rmdir()


def run(command, group=None):
    result = subprocess.run(
        [sys.executable, "-S", "-c", RUN, group or "", *command], stdout=subprocess.PIPE, text=True, check=True)
    status, peak = map(int, result.stdout.split())
    return status, peak


def run_through_fifos(command, paths, folder, group=None):
    """The same with every checkpoint sent by a process of its own."""
    fifos, senders = [], []
    for number, path in enumerate(paths):
        fifo = f"{folder}/fifo-{number}"
        os.mkfifo(fifo)
        fifos.append(fifo)
        senders.append(subprocess.Popen(["sh", "-c", f"cat '{path}' > '{fifo}'"]))
    try:
        return run([command[0], *fifos, "--order", "given", *command[1:]], group)
    finally:
        for sender in senders:
            sender.kill()
            sender.wait()
        for fifo in fifos:
            os.unlink(fifo)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tool")
    parser.add_argument("--folder", default=None)
    parser.add_argument("--gigabytes", type=float, default=4)
    parser.add_argument("--limit", type=int, default=64)
    options = parser.parse_args()
    tool = os.path.abspath(options.tool)
    total = int(options.gigabytes * 1e9)
    failed = False
    print("| checkpoints | in all | method | through | peak MiB | under the limit |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder, Group(options.limit) as group:
        for count in (1, 10, 40):
            paths = [f"{folder}/epoch-{number}.safetensors" for number in range(count)]
            for number, path in enumerate(paths):
                make_checkpoint(path, total // count, number)
            output = ["-q", "-o", f"{folder}/out"]
            for method in ("mean", "ema", "median"):
                command = [tool, "--method", method, *output]
                for way, start in (
                    ("files", lambda group: run([tool, *paths, *command[1:]], group)),
                    ("FIFOs", lambda group: run_through_fifos(command, paths, folder, group)),
                ):
                    status, peak = start(None)
                    limited = start(group)[0] == 0 if group else None
                    verdict = {None: "-", True: "yes", False: "no"}[limited]
                    print(
                        f"| {count} | {total / 1e9:.1f} GB | {method} | {way} | {peak} | {verdict} |", flush=True)
                    failed |= status != 0 or peak > options.limit or limited is False
            for path in paths:
                os.unlink(path)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
