#!/usr/bin/env python3
"""Time and memory of ckpt-average beside what users run today, in one process order.

    python Benchmarks/average.py path/to/ckpt-average [--timm path/to/avg_checkpoints.py] [--folder DIR]

Needs a virtual environment with torch, safetensors and timm, and a C compiler for the plain read. The data, ten
checkpoints of about 100 MB in F32 (ResNet-50), BF16 and F16 (ResNet-101), are made in a temporary folder and stay in
the page cache. fsync is left out on all sides. Times are the best of several rounds in which all competitors take
turns; peak memory is that of the whole process.
"""

import argparse
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time

from summary import record

READ = r"""
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
enum { chunk = 1 << 18 };  // The fastest of 16 KiB to 1 MiB.
static char **paths; static int count; static atomic_long next;
static int *fds; static long *sizes;
static void *work(void *unused) {
  char *buffer = aligned_alloc(64, chunk);
  for (;;) {
    long task = atomic_fetch_add(&next, 1), at = 0;
    int f = 0;
    while (f < count && task >= at + (sizes[f] + chunk - 1) / chunk) at += (sizes[f++] + chunk - 1) / chunk;
    if (f == count) return unused;
    if (pread(fds[f], buffer, chunk, (task - at) * chunk) <= 0) exit(1);
  }
}
int main(int argc, char **argv) {
  int threads = atoi(argv[1]); paths = argv + 2; count = argc - 2;
  fds = malloc(count * sizeof *fds); sizes = malloc(count * sizeof *sizes);
  struct timespec a, b; clock_gettime(CLOCK_MONOTONIC, &a);
  for (int i = 0; i < count; i++) { struct stat s; fds[i] = open(paths[i], O_RDONLY); fstat(fds[i], &s); sizes[i] = s.st_size; }
  pthread_t t[64];
  for (int i = 1; i < threads; i++) pthread_create(&t[i], 0, work, 0);
  work(0);
  for (int i = 1; i < threads; i++) pthread_join(t[i], 0);
  clock_gettime(CLOCK_MONOTONIC, &b);
  printf("%.6f\n", b.tv_sec - a.tv_sec + (b.tv_nsec - a.tv_nsec) * 1e-9);
}
"""
NO_FSYNC = "int fsync(int f) { return 0; } int fdatasync(int f) { return 0; }"

# What users write today: one model in memory beside the sum, which keeps the inputs' type.
TORCH = """
import sys, time, torch
from safetensors.torch import load_file, save_file
start = time.perf_counter()
paths = sys.argv[2:]
total = load_file(paths[0])
for path in paths[1:]:
    for name, value in load_file(path).items():
        if value.is_floating_point(): total[name] += value
        else: total[name] = value
for value in total.values():
    if value.is_floating_point(): value /= len(paths)
save_file(total, sys.argv[1])
print(time.perf_counter() - start)
"""

# The steps of timm's avg_checkpoints.py with its own loader: float64 sums, clamped to float32, saved by torch, hashed.
TIMM = """
import hashlib, sys, time, torch
from timm.models import load_state_dict
start = time.perf_counter()
sums = {}
for path in sys.argv[2:]:
    for name, value in load_state_dict(path, use_ema=True).items():
        if name in sums: sums[name] += value.to(torch.float64)
        else: sums[name] = value.clone().to(torch.float64)
limits = torch.finfo(torch.float32)
result = {n: v.div_(len(sys.argv) - 2).clamp(limits.min, limits.max).to(torch.float32) for n, v in sums.items()}
torch.save(result, sys.argv[1])
hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest()
print(time.perf_counter() - start)
"""


def make_data(folder):
    import torch
    import torchvision
    from safetensors.torch import save_file

    torch.manual_seed(0)
    large, small = torchvision.models.resnet101().state_dict(), torchvision.models.resnet50().state_dict()
    series = {}
    for kind, dtype, model in (
        ("F32", torch.float32, small), ("BF16", torch.bfloat16, large), ("F16", torch.float16, large),
    ):
        series[kind] = []
        for i in range(10):
            path = f"{folder}/{kind}-{i}.safetensors"
            state = {n: v + 0.01 * torch.randn_like(v) if v.is_floating_point() else v for n, v in model.items()}
            save_file({n: v.to(dtype) if v.is_floating_point() else v for n, v in state.items()}, path)
            series[kind].append(path)
    return series


def run(command, environment):
    """Wall time, time inside that the process printed, and peak memory."""
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    if status != 0:
        sys.exit(f"{command[0]} failed")
    try:
        inside = float(text.split()[-1])
    except (IndexError, ValueError):
        inside = None
    return wall, inside, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tool")
    parser.add_argument("--timm", help="timm's own avg_checkpoints.py")
    parser.add_argument("--folder", default=None)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    python, threads = sys.executable, str(options.threads)

    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        # In a process of its own: a child's peak memory begins with that of its parent.
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            series = pool.apply(make_data, (folder,))
        for name, text in (("read.c", READ), ("nofsync.c", NO_FSYNC), ("torch.py_", TORCH), ("timm.py_", TIMM)):
            with open(f"{folder}/{name}", "w") as file:
                file.write(text)
        compiler = os.environ.get("CC", "cc")
        subprocess.run([compiler, "-O2", "-pthread", f"{folder}/read.c", "-o", f"{folder}/read"], check=True)
        subprocess.run([compiler, "-shared", "-fPIC", f"{folder}/nofsync.c", "-o", f"{folder}/nofsync.so"], check=True)
        environment = os.environ | {"LD_PRELOAD": f"{folder}/nofsync.so"}
        for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
            environment.pop(name, None)

        for kind, paths in series.items():
            out = f"{folder}/out"
            tool = [options.tool, *paths, "--threads", threads]
            commands = {
                "plain read": [f"{folder}/read", threads, *paths],
                "tool, no output, no digest": [*tool, "--digest", "none", "-o", "/dev/null"],
                "tool, headers only": [*tool, "--dry-run"],
                "tool": [*tool, "-o", out],
                "torch": [python, f"{folder}/torch.py_", out, *paths],
                "timm": [python, f"{folder}/timm.py_", out + ".pth", *paths],
            }
            if options.timm:
                commands["timm's script"] = [
                    python, options.timm, "--input", folder, "--filter", f"{kind}-*.safetensors", "--no-sort",
                    "--output", out + ".timm",
                ]
            best = {}
            for _ in range(options.rounds):
                for name, command in commands.items():
                    for path in (out, out + ".pth", out + ".timm"):
                        if os.path.exists(path):
                            os.unlink(path)
                    found = run(command, environment)
                    old = best.get(name, (9e9, 9e9, 0))
                    best[name] = (
                        min(old[0], found[0]), min(old[1], found[1] or 9e9), max(old[2], found[2]),
                    )
            print(f"\n{kind}: ten checkpoints, {os.path.getsize(paths[0]) / 1e6:.0f} MB each, {threads} threads")
            for name, (wall, inside, memory) in best.items():
                text = f"{inside * 1e3:8.1f} ms inside" if inside < 9e9 else " " * 18
                print(f"  {name:28}{wall * 1e3:8.1f} ms{text}{memory:8.0f} MiB peak")
            wall = {name: value[0] for name, value in best.items()}
            start = wall["tool, headers only"]
            plain = best["plain read"][1]
            ratios = {
                "read ratio": (wall["tool, no output, no digest"] - start) / plain,
                "whole process, against torch": wall["torch"] / wall["tool"],
                "whole process, against timm": wall.get("timm's script", wall["timm"]) / wall["tool"],
                "inside, against torch": best["torch"][1] / (wall["tool"] - start),
                "inside, against timm": best["timm"][1] / (wall["tool"] - start),
            }
            task = f"mean of ten {os.path.getsize(paths[0]) / 1e6:.0f} MB checkpoints, {kind}"
            own = best["tool"]
            for peer, label in (("torch", "PyTorch + safetensors script"), ("timm", "timm's avg_checkpoints")):
                theirs = best[peer]
                record(task, label, wall["tool"] * 1e3, theirs[0] * 1e3, "ms", own[2], theirs[2])
                record(f"{task}, without start-up", label, (wall["tool"] - start) * 1e3, theirs[1] * 1e3, "ms")
            for name, ratio in ratios.items():
                print(f"  {name:36}{ratio:6.2f}")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
