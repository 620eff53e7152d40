#!/usr/bin/env python3
"""Two builds of the tools beside each other: time, processor time, memory and size.

    python3 Benchmarks/side_by_side.py OLD_BIN NEW_BIN [--rounds 5] [--threads 2] [--only REGEX]

For restructured code. The main operations run in turns, old and new in one round and the other way round in the next, and
the best of the rounds counts for each side; ratios are new over old, so that less than 1 is faster or smaller. Wall time and
processor time are those of whole processes, peak memory is the largest of the rounds. The files are made here, ten
checkpoints of about 100 MB in F32 (ResNet-50) and ten in BF16 (ResNet-101), 2 GB in all, with random weights, and lie in
memory if /dev/shm has room, so that no disk is measured. Only the standard library is needed. A run takes about three
minutes on two quiet cores. Work of others disturbs it: look at processor time, and call nothing a difference that a second
run does not show.
"""

import argparse
import array
import json
import math
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
TOOLS = ("ckpt-average", "ckpt-bnfix", "ckpt-fixres", "ckpt-sweep", "ckpt-info", "ckpt-convert")
# Start-up is short: one measurement is the mean of this many processes.
STARTS = 10


def resnet(blocks, classes):
    """Names, shapes and, of tensors with weights, numbers of inputs, of a torchvision ResNet of bottleneck blocks."""
    def norm(name, channels):
        for part in ("weight", "bias", "running_mean", "running_var"):
            yield f"{name}.{part}", [channels], None
        yield f"{name}.num_batches_tracked", [], None

    def convolution(name, outputs, inputs, side):
        yield f"{name}.weight", [outputs, inputs, side, side], inputs * side * side

    yield from convolution("conv1", 64, 3, 7)
    yield from norm("bn1", 64)
    inputs = 64
    for stage, count in enumerate(blocks):
        width = 64 << stage
        for block in range(count):
            name = f"layer{stage + 1}.{block}"
            for number, (channels, before, side) in enumerate(
                ((width, inputs, 1), (width, width, 3), (4 * width, width, 1)), 1
            ):
                yield from convolution(f"{name}.conv{number}", channels, before, side)
                yield from norm(f"{name}.bn{number}", channels)
            if block == 0:
                yield from convolution(f"{name}.downsample.0", 4 * width, inputs, 1)
                yield from norm(f"{name}.downsample.1", 4 * width)
            inputs = 4 * width
    yield "fc.weight", [classes, inputs], inputs
    yield "fc.bias", [classes], None


def bfloat16(data):
    """The upper halves of little-endian floats."""
    halves = bytearray(len(data) // 2)
    halves[0::2], halves[1::2] = data[2::4], data[3::4]
    return bytes(halves)


def write_network(path, blocks, classes, dtype, shift, normals):
    """Writes safetensors: weights of He's variance from `normals`, which are turned by `shift`, plain BatchNorms."""
    scaled, header, data, offset = {}, {}, [], 0
    for name, shape, fan_in in resnet(blocks, classes):
        count = math.prod(shape)
        if name.endswith("num_batches_tracked"):
            kind, values = "I64", (1000).to_bytes(8, "little")
        else:
            deviation = math.sqrt(2 / fan_in) if fan_in else 0.05
            if deviation not in scaled:
                scaled[deviation] = array.array("f", (deviation * v for v in normals[shift:] + normals[:shift]))
            pool = scaled[deviation].tobytes()
            values = (pool * (4 * count // len(pool) + 1))[: 4 * count]
            if not fan_in and name.endswith(("weight", "running_var")):
                values = array.array("f", (1 + v for v in array.array("f", values))).tobytes()
            kind, values = dtype, bfloat16(values) if dtype == "BF16" else values
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [offset, offset + len(values)]}
        data.append(values)
        offset += len(values)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(data))


def make_files(folder, binaries):
    generator = random.Random(0)
    normals = [generator.gauss(0, 1) for _ in range(1 << 18)]
    for index in range(10):
        write_network(folder / f"f32-{index}.safetensors", (3, 4, 6, 3), 1000, "F32", 1000 * index, normals)
        write_network(folder / f"bf16-{index}.safetensors", (3, 4, 23, 3), 1000, "BF16", 1000 * index, normals)
    subprocess.run(
        [binaries / "ckpt-convert", folder / "f32-0.safetensors", "--compress", "-q", "-o", folder / "compressed.st"],
        check=True)


def operations(folder, threads):
    """(name, tool, arguments, processes in one measurement)."""
    series = {kind: sorted(folder.glob(f"{kind}-*.safetensors")) for kind in ("f32", "bf16")}
    large, fixture = folder / "f32-0.safetensors", FIXTURES / "run/epoch-104.safetensors"
    data, sizes = FIXTURES / "digits/val", ("--resize", "183", "--crop", "160")
    common = ("--threads", threads, "-q")
    out = (*common, "-o", folder / "out.st")
    yield "mean of ten F32 files of 100 MB", "ckpt-average", (*series["f32"], *out), 1
    yield "mean of ten BF16 files of 90 MB", "ckpt-average", (*series["bf16"], *out), 1
    yield "median of ten F32 files of 100 MB", "ckpt-average", (*series["f32"], "--method", "median", *out), 1
    yield "ResNet-50 recalibrated, 16 images", "ckpt-bnfix", (
        large, "--data", data, "--num-images", 16, "--batch-size", 16, *sizes, *out), 1
    yield "ResNet-18 of width 9 recalibrated", "ckpt-bnfix", (fixture, "--data", data, *out), 1
    yield "sweep of 4 sizes, 450 images", "ckpt-sweep", (
        fixture, "--data", data, "--resize", "54,64", "--crop", "48,56", "--format", "json", *common), 1
    yield "tuning of 10 epochs, 450 images", "ckpt-fixres", (
        fixture, "--data", data, "--crop", 72, "--epochs", 10, *out), 1
    yield "compress 100 MB", "ckpt-convert", (large, "--compress", *out), 1
    yield "decompress 100 MB", "ckpt-convert", (folder / "compressed.st", "--decompress", *out), 1
    yield "F32 to BF16, 100 MB", "ckpt-convert", (large, "--dtype", "bf16", *out), 1
    yield "list ResNet-50", "ckpt-info", ("list", large, *common), STARTS
    for tool in TOOLS:
        yield f"{tool} --version", tool, ("--version",), STARTS


def measure(command, repetitions):
    """Mean wall time and processor time in seconds, and the largest peak memory in MiB, of whole processes."""
    wall = processor = memory = 0
    for _ in range(repetitions):
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        wall += time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"exit status {process.returncode}: {' '.join(command)}")
        processor += usage.ru_utime + usage.ru_stime
        memory = max(memory, usage.ru_maxrss / 1024)
    return wall / repetitions, processor / repetitions, memory


def compare(tool, arguments, repetitions, options):
    """For both sides the best wall time, the best processor time and the largest memory of the rounds."""
    best = {side: (math.inf, math.inf, 0) for side in ("old", "new")}
    for turn in range(options.rounds):
        for side in ("old", "new") if turn % 2 == 0 else ("new", "old"):
            command = [str(getattr(options, side) / tool), *map(str, arguments)]
            wall, processor, memory = measure(command, repetitions)
            before = best[side]
            best[side] = min(before[0], wall), min(before[1], processor), max(before[2], memory)
    return best["old"], best["new"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", default="", help="only operations whose name matches this expression")
    parser.add_argument("--make-files", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.old, options.new = options.old.resolve(), options.new.resolve()
    if options.make_files:
        return make_files(options.make_files, options.old)
    # They pin OpenBLAS to one kernel type.
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        os.environ.pop(name, None)

    shared = Path("/dev/shm")
    place = shared if os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > 4 << 30 else None
    with tempfile.TemporaryDirectory(dir=place) as folder:
        folder = Path(folder)
        # In a process of its own: peak memory of a child begins with that of its parent.
        subprocess.run([sys.executable, __file__, options.old, options.new, "--make-files", folder], check=True)
        print(f"{options.threads} threads, best of {options.rounds} rounds; ratios are new over old\n")
        columns = ("old ms", "new ms", "wall", "processor", "old MiB", "new MiB", "memory")
        print(f"{'':36}" + "".join(f"{column:>10}" for column in columns))
        ratios = []
        for name, tool, arguments, repetitions in operations(folder, options.threads):
            if not re.search(options.only, name):
                continue
            old, new = compare(tool, arguments, repetitions, options)
            wall, processor, memory = (b / a for a, b in zip(old, new))
            ratios.append((wall, processor, memory))
            print(
                f"{name:36}{old[0] * 1e3:10.1f}{new[0] * 1e3:10.1f}{wall:10.3f}{processor:10.3f}"
                f"{old[2]:10.1f}{new[2]:10.1f}{memory:10.3f}", flush=True)
        if ratios:
            wall, processor, memory = (math.exp(sum(map(math.log, r)) / len(r)) for r in zip(*ratios))
            print(f"{'geometric mean':36}{'':20}{wall:10.3f}{processor:10.3f}{'':20}{memory:10.3f}")
    print(f"\n{'executable':36}{'old kB':>10}{'new kB':>10}{'size':>10}")
    for tool in TOOLS:
        old, new = ((side / tool).stat().st_size for side in (options.old, options.new))
        print(f"{tool:36}{old / 1e3:10.0f}{new / 1e3:10.0f}{new / old:10.3f}")


if __name__ == "__main__":
    main()
