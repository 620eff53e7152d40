"""What ckpt-best finds on the bundled run, beside the README's hand-made pipe and the last checkpoint, and its time beside a
shell loop of the single tools over the same candidates.

    python Benchmarks/best.py BIN_FOLDER [--seeds 5] [--threads N] [--no-loop] [--resnet50 [--budget 20m]]

Accuracies are those of the test split, which none of them has seen, with 95 % intervals; gains over the last checkpoint are paired.
The loop runs `ckpt-average | ckpt-bnfix | ckpt-sweep` once for every average and size that the search measured, one after the
other, with as many threads. `--resnet50` measures time and peak memory of a search over twenty checkpoints of a ResNet-50 with
random but related weights and 500 JPEGs instead, and needs torch and torchvision.
"""

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
TRAIN, VAL, TEST = (FIXTURES / "digits" / split for split in ("train", "val", "test"))


def run(command, **options):
    """Output and seconds of a command."""
    start = time.perf_counter()
    result = subprocess.run(command, capture_output=True, text=True, **options)
    if result.returncode != 0:
        sys.exit(f"{command}: {result.stderr}")
    return result.stdout, time.perf_counter() - start


def wilson(share, count, z=1.959964):
    """95 % interval of a share, without continuity correction."""
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return centre - half, centre + half


def percent(share, count):
    low, high = wilson(share, count)
    return f"{100 * share:5.1f} ({100 * low:.1f} to {100 * high:.1f})"


def test_accuracy(binaries, threads, checkpoint):
    """Test accuracy of a checkpoint with its own preprocessing."""
    output, _ = run([binaries / "ckpt-sweep", checkpoint, "--data", TEST, "--as-recorded", "--format", "json", "--quiet",
                     "--threads", str(threads)])
    return json.loads(output)["rows"][0]["top1"]


def average_command(binaries, key, paths):
    """The command of an average by its key in the report."""
    kind, *rest = key.split(":")
    command, members = [str(binaries / "ckpt-average"), "--order", "given", "--quiet"], paths
    if kind == "checkpoint":
        members = [paths[int(rest[0])]]
    elif kind == "mean":
        members = paths[-int(rest[0]):]
    elif kind == "ema":
        command += ["--method", "ema", "--half-life", rest[0]]
    elif kind == "schedule":
        command += ["--method", "schedule", "--schedule", rest[0]]
        members = paths[-int(rest[1]):]
    elif kind == "soup":
        members = [paths[int(place)] for place in rest[0].split(",")]
    return command + members


def loop(binaries, threads, report):
    """Seconds of the single tools over every average and size of a search that was not tuned."""
    total, count = 0.0, 0
    for row in report["rows"]:
        entrant = row["entrant"]
        if "tune" in entrant or not entrant["recalibrated"]:
            continue
        average = " ".join(f"'{word}'" for word in average_command(binaries, entrant["average"], report["checkpoints"]))
        _, seconds = run(["bash", "-c", f"set -o pipefail; {average} --threads {threads} | "
                          f"'{binaries}/ckpt-bnfix' --quiet --threads {threads} --data '{TRAIN}' "
                          f"--num-images {report['statistics_images']} --resize {entrant['resize']} --crop {entrant['crop']} | "
                          f"'{binaries}/ckpt-sweep' --quiet --threads {threads} --data '{VAL}' --as-recorded --format tsv"])
        total += seconds
        count += 1
    return total, count


def fixtures(options):
    binaries, threads = options.binaries.resolve(), options.threads
    print("seed  last checkpoint      hand-made pipe       ckpt-best            gain over the last checkpoint   seconds")
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seeds):
            output, seconds = run([
                binaries / "ckpt-best", "--series", FIXTURES / "run", "--train", TRAIN, "--val", VAL, "--test", TEST,
                "--tune", "fc+bn", "--seed", str(seed), "--format", "json", "--quiet", "--threads", str(threads)])
            report = json.loads(output)
            made = f"{folder}/pipe.safetensors"
            checkpoints = " ".join(f"'{path}'" for path in report["checkpoints"])
            run(["bash", "-c", f"set -o pipefail; '{binaries}/ckpt-average' -q {checkpoints} | "
                 f"'{binaries}/ckpt-bnfix' -q --data '{TRAIN}' --seed {seed} | "
                 f"'{binaries}/ckpt-fixres' -q --data '{TRAIN}' --crop 72 --lr 1e-2 --seed {seed} | "
                 f"'{binaries}/ckpt-sweep' -q --data '{VAL}' --crop 56:104:8 -o '{made}'"])
            by_hand = test_accuracy(binaries, threads, made)
            score = report["scores"][-1]
            images = score["n"]
            low, high = (100 * bound for bound in score["gain_interval"])
            print(f"{seed:4}  {percent(score['last_top1'], images)}  {percent(by_hand, images)}  "
                  f"{percent(score['top1'], images)}  {100 * score['gain']:+5.1f} ({low:+.1f} to {high:+.1f}), "
                  f"{report['answer']:9}  {seconds:6.1f}", flush=True)
    if not options.no_loop:
        output, seconds = run([
            binaries / "ckpt-best", "--series", FIXTURES / "run", "--train", TRAIN, "--val", VAL, "--format", "json", "--quiet",
            "--threads", str(threads)])
        total, count = loop(binaries, threads, json.loads(output))
        print(f"{count} averages and sizes: ckpt-best {seconds:.1f} s, a loop of the single tools {total:.1f} s, "
              f"ratio {total / seconds:.1f}")


def make_resnet50(folder, checkpoints, images):
    """Related checkpoints, as a run's end leaves them, and images of noise in ten classes."""
    import numpy as np
    import torch
    import torchvision
    from PIL import Image
    from safetensors.torch import save_file

    torch.manual_seed(0)
    model = torchvision.models.resnet50(num_classes=10)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    (folder / "run").mkdir()
    for index in range(checkpoints):
        for name, value in weights.items():
            if value.is_floating_point() and "running" not in name:
                value += 0.01 * value.std().nan_to_num(0) * torch.randn_like(value)
        save_file(weights, folder / "run" / f"epoch-{index}.safetensors")
    generator = np.random.default_rng(0)
    for split in ("train", "val"):
        for index in range(images):
            path = folder / split / str(index % 10)
            path.mkdir(parents=True, exist_ok=True)
            small = generator.integers(0, 256, (24, 32, 3), dtype=np.uint8)
            Image.fromarray(small).resize((500, 375), Image.BICUBIC).save(path / f"{index}.jpg", quality=90)


def resnet50(options):
    binaries = options.binaries.resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_resnet50(folder, checkpoints=20, images=500)
        output, seconds = run([
            binaries / "ckpt-best", "--series", folder / "run", "--train", folder / "train", "--val", folder / "val",
            "--budget", options.budget, "--format", "json", "--quiet", "--threads", str(options.threads)])
        report = json.loads(output)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        cut = ", ".join(f"{one['stage']} {one['kept']} of {one['wanted']}" for one in report["cost"]["cut"])
        print(f"ResNet-50, 20 checkpoints, 500 images: {seconds:.0f} s of a budget of {options.budget}, "
              f"{report['cost']['images']} images through networks, peak {peak:.0f} MiB; cut: {cut or 'nothing'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binaries", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--no-loop", action="store_true", help="leave out the shell loop")
    parser.add_argument("--resnet50", action="store_true")
    parser.add_argument("--budget", default="20m")
    options = parser.parse_args()
    if options.resnet50:
        resnet50(options)
    else:
        fixtures(options)


if __name__ == "__main__":
    main()
