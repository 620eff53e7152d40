"""Times training of layer4 and the classifier of ResNet-50 at 224 pixels: ckpt-fixres against three PyTorch loops.

    python Benchmarks/fixres_blocks.py BIN_FOLDER [--threads N] [--images N] [--epochs N] [--rounds N]

200 images, 3 epochs of batches of 64, SGD, BatchNorm of layer4 with batch statistics. Peers, each in a process of its own:
a loop that computes the maps before layer4 once and trains on them (channels_last, with an allocator that keeps freed
memory), one that runs the frozen part in every step (channels_last), and the same in the default memory format. They get
decoded images in memory; ckpt-fixres reads and decodes files. All follow the same order of images, so the final losses
must agree. The contestants alternate; the best of each counts. Time of the maps, time per epoch and peak memory.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from engine import tuned_environment
from summary import record

# By its path: the comparison with PyTorch in Tests/Interop has the same name.
specification = importlib.util.spec_from_file_location("fixres_head", Path(__file__).with_name("fixres.py"))
head = importlib.util.module_from_spec(specification)
specification.loader.exec_module(head)

BATCH, SIZE, RATE = head.BATCH, head.SIZE, 1e-2


def measured(command, environment=None):
    """Runs a command; returns its standard output, wall time in seconds and peak memory in MiB."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})}
    )
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command[0]} failed with status {status}")
    return output, time.perf_counter() - begin, usage.ru_maxrss / 1024


def peer(name, folder, threads, epochs):
    """One PyTorch loop; prints seconds of maps and training, and the last loss."""
    torch.set_num_threads(threads)
    paths, labels = head.fixturelib.list_images(".", root=folder / "data")
    layout = torch.contiguous_format if name == "default" else torch.channels_last
    images = head.fixturelib.load_batch(paths, 256, SIZE).contiguous(memory_format=layout)
    model = head.make_model(min(1000, len(labels))).to(memory_format=layout).eval()
    model.requires_grad_(False)
    tuned = [*model.layer4.named_parameters("layer4"), *model.fc.named_parameters("fc")]
    model.layer4.train()
    for _, parameter in tuned:
        parameter.requires_grad_(True)
    groups = [
        {"params": [parameter for _, parameter in tuned if (parameter.dim() > 1) == is_matrix], "weight_decay": decay}
        for is_matrix, decay in ((True, 1e-4), (False, 0.0))
    ]
    optimizer = torch.optim.SGD(groups, lr=RATE, momentum=0.9)

    def trunk(x):
        x = model.maxpool(model.relu(model.bn1(model.conv1(x))))
        return model.layer3(model.layer2(model.layer1(x)))

    begin, maps = time.perf_counter(), None
    if name == "cached":
        with torch.no_grad():
            maps = torch.cat([trunk(chunk) for chunk in images.split(BATCH)])
    features = time.perf_counter() - begin

    def batch_loss(rows, _):
        with torch.no_grad():
            x = maps[rows] if maps is not None else trunk(images[rows])
        return F.cross_entropy(model.fc(model.layer4(x).mean((2, 3))), labels[rows])

    generator = head.SplitMix64.purpose(0, "image order")
    curve = head.run_epochs(optimizer, batch_loss, generator, len(labels), epochs, BATCH)
    training = time.perf_counter() - begin - features
    print(json.dumps({"features": features, "training": training, "loss": curve[-1]}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=Path)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        return peer(arguments.peer[0], Path(arguments.peer[1]), arguments.threads, arguments.epochs)
    environment, allocator = tuned_environment()
    peers = {
        "cached": (f"PyTorch, cached maps, channels_last, tuned ({allocator})", environment),
        "straightforward": ("PyTorch, straightforward, channels_last", None),
        "default": ("PyTorch, straightforward, default memory format", None),
    }
    best = {}

    def keep(name, result, memory):
        total = result["features"] + result["training"]
        if name not in best or total < best[name][0]["features"] + best[name][0]["training"]:
            best[name] = (result, memory)

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        classes = min(1000, arguments.images)
        head.make_images(folder / "data", arguments.images, classes)
        save_file(head.make_model(classes).state_dict(), folder / "model.safetensors")
        command = [arguments.bin / "ckpt-fixres", folder / "model.safetensors", "--data", folder / "data"]
        command += ["--train", "from:layer4", "--crop", SIZE, "--resize", 256, "--epochs", arguments.epochs]
        command += ["--lr", RATE, "--batch-size", BATCH, "--threads", arguments.threads, "--quiet"]
        command += ["-o", folder / "out.safetensors", "--report", folder / "report.json"]
        for _ in range(arguments.rounds):
            _, _, memory = measured(command)
            report = json.loads((folder / "report.json").read_text())
            keep("ckpt-fixres", {**report["seconds"], "loss": report["epochs"][-1]["train"]["loss"]}, memory)
            for name, (_, variables) in peers.items():
                own = [sys.executable, __file__, arguments.bin, "--threads", arguments.threads]
                own += ["--epochs", arguments.epochs, "--peer", name, folder]
                output, _, memory = measured(own, variables)
                keep(name, json.loads(output), memory)

    print(f"layer4 of ResNet-50, {arguments.images} images at {SIZE}, {arguments.epochs} epochs, {arguments.threads} threads")
    print("| | maps s | s per epoch | seconds | times ckpt-fixres | final loss | MiB |\n|---|---|---|---|---|---|---|")
    ours, our_memory = best["ckpt-fixres"]
    base = ours["features"] + ours["training"]
    for name, (result, memory) in best.items():
        total = result["features"] + result["training"]
        title = peers[name][0] if name in peers else name
        if name in peers:
            task = f"{arguments.epochs} epochs of layer4, ResNet-50, {arguments.images} images"
            record(task, title, base, total, "s", our_memory, memory)
        each = result["training"] / arguments.epochs
        print(
            f"| {title} | {result['features']:.1f} | {each:.2f} | {total:.1f} | {total / base:.2f} "
            f"| {result['loss']:.5f} | {memory:.0f} |"
        )


if __name__ == "__main__":
    main()
