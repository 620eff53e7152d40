#!/usr/bin/env python3
"""What the tools do when the machine fails them: killed, disk full, folder read-only, output closed, memory short.

    python3 Tests/Soak/soak.py BIN_FOLDER [--kills 200] [--seed 0] [--only kills,disk,...]

Needs nothing but the standard library; root for the small file systems it mounts. Prints a table in Markdown, the one
in SECURITY.md, and exits with 1 when any outcome is not as promised: an output is the old file or the complete new
one, nothing is left beside it or in TMPDIR, and no failure is exit status 0.
"""

import argparse
import json
import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FIXTURES = Path(__file__).resolve().parent.parent.parent / "fixtures"
OLD = b"the old result\n"
rows, failures = [], []


def row(situation, runs, outcome):
    rows.append((situation, runs, outcome))
    print(f"| {situation} | {runs} | {outcome} |", flush=True)


def expect(holds, what):
    if not holds:
        failures.append(what)
        print(f"FAILED: {what}", file=sys.stderr, flush=True)


def write_checkpoint(path, megabytes, seed):
    """A checkpoint of random weights with the exponents of trained ones, written piece by piece."""
    count = megabytes << 18
    half = count // 2
    header = json.dumps({
        "first": {"dtype": "F32", "shape": [half], "data_offsets": [0, 4 * half]},
        "second": {"dtype": "F32", "shape": [count - half], "data_offsets": [4 * half, 4 * count]},
    }).encode()
    header += b" " * (-len(header) % 8)
    generator = random.Random(seed)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        for _ in range(count >> 16):
            piece = bytearray(1 << 18)
            for plane in range(3):
                piece[plane::4] = generator.randbytes(1 << 16)
            piece[3::4] = b"\x3c\x3d\xbc\x3b" * (1 << 14)
            file.write(piece)


class Bench:
    """The commands that are put under stress, each with an output that is known byte for byte."""

    def __init__(self, binaries, work):
        self.binaries, self.work = binaries, work
        self.series = [work / f"inputs/epoch-{number}.safetensors" for number in range(3)]
        (work / "inputs").mkdir()
        for number, path in enumerate(self.series):
            write_checkpoint(path, 32, number)
        self.temporary = work / "tmp"
        self.temporary.mkdir()
        model, train, val = FIXTURES / "run/epoch-104.safetensors", FIXTURES / "digits/train", FIXTURES / "digits/val"
        self.commands = {
            "ckpt-average": [*self.series],
            "ckpt-convert": [self.series[0], "--compress"],
            "ckpt-bnfix": [model, "--data", train, "--sync", "layer", "--memory", "1M"],
            "ckpt-fixres": [model, "--data", train, "--crop", "72"],
            "ckpt-sweep": [model, "--data", val, "--crop", "56:104:8"],
        }

    def start(self, tool, arguments, **options):
        environment = os.environ | {"TMPDIR": str(options.pop("temporary", self.temporary))}
        options.setdefault("stdout", subprocess.DEVNULL)
        options.setdefault("stderr", subprocess.PIPE)
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen([self.binaries / tool, *arguments], env=environment, **options)

    def run(self, tool, arguments, **options):
        process = self.start(tool, arguments, **options)
        _, errors = process.communicate(timeout=600)
        return process.returncode, (errors or b"").decode(errors="replace")


def kills(bench, count, generator):
    """Ends each tool at random moments; the next run must not notice."""
    runs = [(tool, tool, [*arguments, "-o"]) for tool, arguments in bench.commands.items()]
    # The features of a share are computed in the file itself.
    runs.append(("ckpt-fixres --shard", "ckpt-fixres",
                 [*bench.commands["ckpt-fixres"], "--shard", "0/2", "--features"]))
    for name, tool, arguments in runs:
        folder = bench.work / f"kills-{name.replace(' ', '')}"
        folder.mkdir()
        output = folder / "out.safetensors"
        begin = time.monotonic()
        status, errors = bench.run(tool, [*arguments, output])
        duration = time.monotonic() - begin
        expect(status == 0, f"{tool}: {errors}")
        reference = output.read_bytes()
        old = new = 0
        share = -(-count // len(runs))
        for number in range(share):
            output.write_bytes(OLD)
            process = bench.start(tool, [*arguments, output])
            time.sleep(generator.uniform(0, 1.1 * duration))
            process.send_signal(generator.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
            _, errors = process.communicate(timeout=60)
            found = output.read_bytes()
            old, new = old + (found == OLD), new + (found == reference)
            expect(found in (OLD, reference), f"{name} killed: {len(found)} bytes, neither old nor complete")
            expect(process.returncode <= 0, f"{name} killed: status {process.returncode}: {errors.decode()}")
            expect(os.listdir(folder) == [output.name], f"{name} killed: left {os.listdir(folder)}")
            expect(not os.listdir(bench.temporary), f"{name} killed: left {os.listdir(bench.temporary)} in TMPDIR")
        status, errors = bench.run(tool, [*arguments, output])
        expect(status == 0 and output.read_bytes() == reference, f"{name} after kills: {errors}")
        row(f"`{name}` killed at a random moment (KILL, TERM, INT)", share,
            f"old file {old}, complete new file {new}, anything else {share - old - new}; nothing left behind")


def tree(folder):
    """What a folder holds, by name: the bytes of files, the listings of folders."""
    return {path.name: path.read_bytes() if path.is_file() else sorted(p.name for p in path.iterdir())
            for path in folder.iterdir()}


def shards(bench, count, generator):
    """A sharded set in the place of another one, killed outright: one of the two, and never shards of both."""
    folder = bench.work / "sets"
    folder.mkdir()
    target, old_set = folder / "set", bench.work / "old-set"
    for number in range(2):
        write_checkpoint(bench.work / f"small-{number}.safetensors", 8, number)

    def convert(number, output, size):
        return "ckpt-convert", [bench.work / f"small-{number}.safetensors", "--max-shard-size", size, "-o", output]

    status, errors = bench.run(*convert(0, old_set, "1M"))
    expect(status == 0, f"sharded set: {errors}")
    (old_set / "README").write_text("mine\n")
    (old_set / "logs").mkdir()
    (old_set / "logs/a").write_text("log\n")
    shutil.copytree(old_set, target)
    begin = time.monotonic()
    status, errors = bench.run(*convert(1, target, "2M"))
    duration = time.monotonic() - begin
    expect(status == 0, f"sharded set: {errors}")
    old, new = tree(old_set), tree(target)
    counts = {"old": 0, "new": 0, "other": 0, "left": 0, "moved": 0}
    for number in range(count):
        shutil.rmtree(target)
        shutil.copytree(old_set, target)
        process = bench.start(*convert(1, target, "2M"))
        time.sleep(generator.uniform(0, 1.1 * duration))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        found = tree(target)
        # Between the exchange and its end the user's folders are still in the old one, and the next run brings them back.
        moved = "logs" not in found
        found.setdefault("logs", ["a"])
        kind = "old" if found == old else "new" if found == new else "other"
        counts[kind] += 1
        counts["moved"] += moved
        counts["left"] += len(os.listdir(folder)) > 1
        expect(kind != "other", f"sharded set killed: {sorted(found)} is neither old nor new")
        status, errors = bench.run(*convert(1, target, "2M"))
        expect(status == 0 and tree(target) == new, f"sharded set after a kill: {status} {errors}")
        expect(os.listdir(folder) == ["set"], f"sharded set after a kill: left {os.listdir(folder)}")
    row("sharded set over another one, killed at a random moment (KILL)", count,
        f"old set {counts['old']}, new set {counts['new']}, anything else {counts['other']}; a hidden folder left in "
        f"{counts['left']}, which the next run removed")


def candidates(bench, count, generator):
    """`--eval` in a folder of temporary files where another user has planted links under names that can be guessed."""
    shared = bench.work / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    os.chmod(bench.work, 0o755)
    victim = bench.work / "home"
    victim.mkdir()
    (victim / "profile").write_bytes(OLD)
    for owned in (victim, victim / "profile"):
        os.chown(owned, 3001, 3001)

    def become_user():
        os.setgroups([])
        os.setgid(3001)
        os.setuid(3001)

    for number in range(32768):
        link = shared / f"ckpt-average-{number}.safetensors"
        link.symlink_to(victim / "profile")
        os.lchown(link, 3002, 3002)
    planted = set(os.listdir(shared))
    inputs = [bench.work / f"readable-{number}.safetensors" for number in range(2)]
    for path, source in zip(inputs, bench.series):
        shutil.copy(source, path)
        path.chmod(0o644)
    tools = bench.work / "bin"
    shutil.copytree(bench.binaries, tools, ignore=lambda folder, names: [n for n in names if n != "ckpt-average"])
    output = victim / "out.safetensors"
    arguments = [*inputs, "--method", "greedy-soup", "--mode", "max", "-o", output, "--eval",
                 "stat -c '%u %a' \"$1\" \"$(dirname \"$1\")\" >>\"$HOME/modes\"; sleep 0.03; echo 1"]

    def start():
        return subprocess.Popen(
            [tools / "ckpt-average", *arguments], env=os.environ | {"TMPDIR": str(shared), "HOME": str(victim)},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=become_user)

    begin = time.monotonic()
    process = start()
    _, errors = process.communicate(timeout=60)
    expect(process.returncode == 0, f"--eval: {errors.decode()}")
    duration = time.monotonic() - begin
    left = 0
    for number in range(count):
        before = set(os.listdir(shared))
        process = start()
        time.sleep(generator.uniform(0, 1.1 * duration))
        process.send_signal(generator.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
        process.communicate(timeout=60)
        remains = set(os.listdir(shared)) - before
        left += bool(remains)
        expect(process.returncode in (0, -signal.SIGKILL) or not remains, f"--eval: {process.returncode} left {remains}")
        for name in remains:
            expect((shared / name).stat().st_mode & 0o777 == 0o700, f"--eval: others may enter {name}")
    process = start()
    _, errors = process.communicate(timeout=60)
    expect(process.returncode == 0, f"--eval: {errors.decode()}")
    expect(set(os.listdir(shared)) == planted, f"--eval: left {set(os.listdir(shared)) - planted}")
    expect((victim / "profile").read_bytes() == OLD, "--eval: wrote through a planted link")
    modes = set((victim / "modes").read_text().splitlines())
    expect(modes == {"3001 600", "3001 700"}, f"--eval: owners and modes {modes}")
    row("`ckpt-average --eval` in a shared `TMPDIR` with planted links, killed (KILL, TERM, INT)", count,
        f"no link followed; a private folder left after KILL in {left}, which the next run removed")


class SmallDisk:
    """A file system of a given size for as long as a block runs."""

    def __init__(self, path, kilobytes):
        self.path, self.kilobytes = path, kilobytes

    def __enter__(self):
        self.path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.kilobytes}k", "tmpfs", self.path], check=True)
        return self.path

    def __exit__(self, *_):
        subprocess.run(["umount", self.path], check=True)


def disk(bench):
    """Outputs and scratch files on a disk that is too small."""
    with SmallDisk(bench.work / "small", 256) as folder:
        statuses = []
        for tool, arguments in bench.commands.items():
            output = folder / "out.safetensors"
            output.write_bytes(OLD)
            status, errors = bench.run(tool, [*arguments, "-o", output])
            statuses.append(f"{tool} {status}")
            expect(status in (73, 74), f"{tool} on a full disk: status {status}: {errors}")
            expect(len([l for l in errors.splitlines() if not l.startswith(f"{tool}: ")]) == 0, f"{tool}: {errors}")
            expect(output.read_bytes() == OLD and os.listdir(folder) == [output.name], f"{tool} on a full disk")
        row("output on a full disk", len(statuses), ", ".join(statuses) + "; old file kept, nothing left")

        output = bench.work / "out.safetensors"
        statuses = []
        for tool, arguments, standard_input in [
            ("ckpt-average", ["-", "--digest", "sha256"], bench.series[0]),
            ("ckpt-bnfix", bench.commands["ckpt-bnfix"], None),
            ("ckpt-convert", ["-", "--compress"], bench.series[0]),
        ]:
            output.write_bytes(OLD)
            source = open(standard_input, "rb") if standard_input else None
            reader = subprocess.Popen(["cat"], stdin=source, stdout=subprocess.PIPE) if source else None
            status, errors = bench.run(
                tool, [*arguments, "-o", output], temporary=folder,
                stdin=reader.stdout if reader else subprocess.DEVNULL)
            if reader:
                reader.stdout.close()
                reader.wait()
            statuses.append(f"{tool} {status}")
            expect(status in (73, 74), f"{tool}, full TMPDIR: status {status}: {errors}")
            expect(output.read_bytes() == OLD, f"{tool}, full TMPDIR: output touched")
            expect(os.listdir(folder) == ["out.safetensors"], f"{tool}, full TMPDIR: left {os.listdir(folder)}")
        row("`TMPDIR` on a full disk", len(statuses), ", ".join(statuses) + "; old file kept, nothing left")

    with SmallDisk(bench.work / "fixed", 1024) as folder:
        (folder / "out.safetensors").write_bytes(OLD)
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        statuses = []
        for tool, arguments in bench.commands.items():
            status, errors = bench.run(tool, [*arguments, "-o", folder / "out.safetensors"])
            statuses.append(f"{tool} {status}")
            expect(status == 73, f"{tool}, read-only folder: status {status}: {errors}")
            expect((folder / "out.safetensors").read_bytes() == OLD, f"{tool}, read-only folder")
        row("output in a read-only folder", len(statuses), ", ".join(statuses) + "; old file kept")


def closed(bench):
    """Standard output that takes nothing, and descriptors that are not there."""
    for name, options in [
        ("standard output closed", {"preexec_fn": lambda: os.close(1), "stdout": None}),
        ("standard output is `/dev/full`", {"stdout": open("/dev/full", "wb")}),
    ]:
        statuses = []
        for tool, arguments in bench.commands.items():
            if tool == "ckpt-convert":
                arguments = [arguments[0]]
            status, _ = bench.run(tool, arguments, **options)
            statuses.append(f"{tool} {status}")
            expect(status not in (0, 70) and status > 0, f"{tool}, {name}: status {status}")
        row(name, len(statuses), ", ".join(statuses))
    statuses = []
    for tool, arguments in bench.commands.items():
        if tool == "ckpt-convert":
            arguments = [arguments[0]]
        process = bench.start(tool, arguments, stdout=subprocess.PIPE)
        process.stdout.close()
        process.stdout = None
        process.communicate()
        statuses.append(f"{tool} {process.returncode}")
        expect(process.returncode != 0, f"{tool}, reader gone: status 0")
    row("reader of the pipe gone", len(statuses), ", ".join(statuses) + " (negative: the signal)")
    # Whatever is opened first would get the number of standard error, and the messages.
    statuses = []
    for tool, arguments in bench.commands.items():
        outputs = []
        for number, descriptors in enumerate([(), (2,), (0, 2)]):
            output = bench.work / f"closed-{number}.safetensors"
            status, _ = bench.run(
                tool, [*arguments, "--verbose", "-o", output], stderr=subprocess.DEVNULL,
                preexec_fn=lambda: [os.close(descriptor) for descriptor in descriptors])
            expect(status == 0, f"{tool} without descriptors {descriptors}: status {status}")
            outputs.append(output.read_bytes())
        statuses.append(f"{tool} {status}")
        expect(outputs[1] == outputs[0] and outputs[2] == outputs[0], f"{tool}: messages in the output")
    row("standard error closed, and standard input too", len(statuses), ", ".join(statuses) + "; the output is the same")


def memory(bench):
    """Peak resident memory, and what happens when there is not enough."""
    for tool, arguments in bench.commands.items():
        output = bench.work / "memory.safetensors"
        process = bench.start(tool, [*arguments, "-o", output], stderr=subprocess.DEVNULL)
        # Not what wait4 tells: that would count this interpreter, which the tool was forked from.
        peak = 0
        while process.poll() is None:
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
            except OSError:
                break
            peak = max([peak] + [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")])
            time.sleep(0.01)
        expect(process.wait() == 0, f"{tool}: status {process.returncode}")
        row(f"peak resident memory of `{tool}`", 1, f"{peak >> 10} MiB")
    for megabytes in (24, 64, 256):
        outcomes = []
        for tool, arguments in bench.commands.items():
            output = bench.work / "memory.safetensors"
            output.write_bytes(OLD)
            with MemoryLimit(megabytes) as limit:
                status, errors = bench.run(tool, [*arguments, "-o", output], preexec_fn=limit.join)
            outcomes.append(f"{tool} {'killed' if status == -9 else status}")
            found = output.read_bytes()
            expect((status == 0) == (found != OLD), f"{tool} with {megabytes} MiB: status {status}: {errors}")
            expect(not list(bench.work.glob(".*")), f"{tool} with {megabytes} MiB left {list(bench.work.glob('.*'))}")
        row(f"{megabytes} MiB of memory in all, page cache included", len(outcomes),
            ", ".join(outcomes) + "; old file kept on failure")


class MemoryLimit:
    """A control group whose processes get only so much memory."""

    def __init__(self, megabytes):
        legacy = Path("/sys/fs/cgroup/memory")
        self.folder = (legacy if legacy.exists() else Path("/sys/fs/cgroup")) / f"ckpt-soak-{os.getpid()}"
        self.limit = "memory.limit_in_bytes" if legacy.exists() else "memory.max"
        self.megabytes = megabytes

    def __enter__(self):
        self.folder.mkdir()
        (self.folder / self.limit).write_text(str(self.megabytes << 20))
        return self

    def join(self):
        (self.folder / "cgroup.procs").write_text(str(os.getpid()))

    def __exit__(self, *_):
        self.folder.rmdir()


def many(bench):
    """Ten thousand tiny files, as images and as checkpoints."""
    picture = next((FIXTURES / "digits/val/0").glob("*.jpg")).read_bytes()
    folder = bench.work / "many"
    for label in range(10):
        (folder / str(label)).mkdir(parents=True)
        for number in range(1000):
            (folder / str(label) / f"{number}.jpg").write_bytes(picture)
    model = FIXTURES / "run/epoch-104.safetensors"
    begin = time.monotonic()
    status, errors = bench.run("ckpt-bnfix", [model, "--data", folder, "-o", bench.work / "out.safetensors"])
    expect(status == 0, f"ckpt-bnfix, 10,000 images: {errors}")
    row("10,000 images in a folder, `ckpt-bnfix`", 1, f"status {status}, {time.monotonic() - begin:.1f} s")

    series = bench.work / "tiny"
    series.mkdir()
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  '
    for number in range(10000):
        (series / f"step-{number}.safetensors").write_bytes(
            struct.pack("<Q", len(header)) + header + struct.pack("<f", number))
    begin = time.monotonic()
    output = bench.work / "out.safetensors"
    status, errors = bench.run("ckpt-average", ["--series", series, "--digest", "none", "-o", output])
    value = struct.unpack("<f", output.read_bytes()[-4:])[0] if status == 0 else None
    expect(status == 0 and value == 4999.5, f"ckpt-average, 10,000 checkpoints: {status} {value} {errors}")
    row("10,000 checkpoints of one number, `ckpt-average --series`", 1,
        f"status {status}, mean {value}, {time.monotonic() - begin:.1f} s")

    def few_descriptors():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    output.write_bytes(OLD)
    status, errors = bench.run("ckpt-average", ["--series", series, "-o", output], preexec_fn=few_descriptors)
    expect(status == 66 and "ulimit -n" in errors and output.read_bytes() == OLD, f"64 descriptors: {status} {errors}")
    row("the same with 64 file descriptors", 1, f"status {status}: {errors.strip().replace(str(bench.work), '…')}")


def names(bench):
    """File names that shells and terminals dislike."""
    folder = bench.work / "names"
    folder.mkdir()
    good = ["with space", "new\nline", "tab\t", "-dash", "'quote\"", "$(false)`", "é", "e\u0301", "\x1b[31mred", "日本",
            "n" * 251, "%s%n", "*", "a=b"]
    for name in good:
        path = folder / f"{name}.st"
        shutil.copy(FIXTURES / "run/epoch-104.safetensors", path)
        status, errors = bench.run("ckpt-average", [path, "-o", path])
        expect(status == 0, f"{name!r}: {errors}")
        status, errors = bench.run("ckpt-bnfix", [path, "--data", folder / "missing \x1b[31m", "-o", path])
        expect(status == 66 and "\x1b" not in errors, f"{name!r}: {status} {errors!r}")
    expect(len(os.listdir(folder)) == len(good), f"unusual names: {os.listdir(folder)}")
    row("unusual file names as input and output", len(good), "all work; control characters are escaped in messages")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binaries", type=Path)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="kills,shards,candidates,disk,closed,memory,many,names")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ckpt-soak-") as work:
        bench = Bench(options.binaries.resolve(), Path(work))
        print("| situation | runs | outcome |\n|---|---|---|")
        for part in options.only.split(","):
            if part in ("kills", "shards", "candidates"):
                function = {"kills": kills, "shards": shards, "candidates": candidates}[part]
                function(bench, options.kills, random.Random(options.seed))
            else:
                {"disk": disk, "closed": closed, "memory": memory, "many": many, "names": names}[part](bench)
    print(f"\n{len(rows)} situations, {len(failures)} broken promises")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
