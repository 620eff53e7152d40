"""Times a sweep of five sizes on ResNet-18: ckpt-sweep against one run of timm's validation per size.

    env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE python Benchmarks/sweep.py BIN_FOLDER [--images N] [--threads N]

Weights are random (seeded), images are 500 x 375 JPEGs of noise with the spectrum of photographs. The peer is the loop of
timm's validate.py on its own dataset, loader (as many workers as threads) and model, a process per size, in
channels_last, which is its fastest layout here; its time is given whole and without starting Python. Predictions must
agree on nearly all images (random weights leave near ties). The forward passes alone are timed with the `engine` tool.
Ratios of processor time are printed too: on a machine with other work they are the ones to read.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from summary import record

SIZES = (224, 232, 240, 248, 256)
CROP = 224

PEER = """
import sys, time, json
import torch, timm
from timm.data import create_dataset, create_loader
from safetensors.torch import load_file
checkpoint, data, resize, crop, batch, threads = sys.argv[1:3] + [int(a) for a in sys.argv[3:]]
torch.set_num_threads(threads)
model = timm.create_model("resnet18", num_classes=10)
model.load_state_dict(load_file(checkpoint))
model = model.to(memory_format=torch.channels_last).eval()
start = time.perf_counter()
loader = create_loader(
    create_dataset("", root=data), input_size=(3, crop, crop), batch_size=batch, use_prefetcher=False,
    interpolation="bilinear", num_workers=threads, crop_pct=crop / resize, device=torch.device("cpu"))
predictions = []
with torch.inference_mode():
    for images, target in loader:
        predictions += model(images.to(memory_format=torch.channels_last)).argmax(1).tolist()
print(json.dumps({"seconds": time.perf_counter() - start, "predictions": predictions}))
"""


def make_inputs(folder, images):
    """A checkpoint and an image folder of ten classes."""
    import numpy as np
    import torch
    import torchvision
    from PIL import Image
    from safetensors.torch import save_file

    torch.manual_seed(0)
    model = torchvision.models.resnet18(num_classes=10)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.4, 0.8)
            torch.nn.init.uniform_(module.bias, -0.2, 0.2)
    save_file(model.state_dict(), folder / "model.safetensors")
    rng = np.random.default_rng(0)
    photo = Image.fromarray(noise(np, rng, 1024, 1024))
    for index in range(images):
        target = folder / "data" / str(index % 10) / f"{index:05d}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        width = int(rng.integers(320, 900))
        height = width * 3 // 4
        left, top = int(rng.integers(0, photo.width - width + 1)), int(rng.integers(0, photo.height - height + 1))
        photo.resize((500, 375), box=(left, top, left + width, top + height)).save(target, quality=92)


def noise(np, rng, height, width):
    """Colour noise whose amplitude falls with frequency as that of photographs does."""
    y, x = np.meshgrid(np.fft.fftfreq(height), np.fft.rfftfreq(width), indexing="ij")
    amplitude = 1 / np.maximum(np.hypot(y, x), 1 / width)
    planes = []
    for _ in range(3):
        spectrum = amplitude * (rng.normal(size=y.shape) + 1j * rng.normal(size=y.shape))
        plane = np.fft.irfft2(spectrum, (height, width))
        planes.append(128 + 48 * (plane - plane.mean()) / plane.std())
    # Colours of photographs are correlated.
    grey = sum(planes) / 3
    return np.stack([(0.3 * p + 0.7 * grey).clip(0, 255) for p in planes], -1).astype(np.uint8)


def processor_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run_sweep(tool, folder, threads):
    predictions = folder / "predictions.npy"
    command = [tool, folder / "model.safetensors", "--data", folder / "data", "--crop", CROP, "--format", "json"]
    command += ["--resize", ",".join(map(str, SIZES)), "--threads", threads, "--predictions", predictions, "--quiet"]
    start, used = time.perf_counter(), processor_seconds()
    subprocess.run([str(a) for a in command], check=True, capture_output=True)
    return time.perf_counter() - start, processor_seconds() - used, predictions


def run_peer(folder, threads, resize, batch):
    command = [sys.executable, "-c", PEER, folder / "model.safetensors", folder / "data", resize, CROP, batch, threads]
    start = time.perf_counter()
    output = subprocess.run([str(a) for a in command], check=True, capture_output=True).stdout
    whole = time.perf_counter() - start
    result = json.loads(output)
    return whole, result["seconds"], result["predictions"]


def forward_seconds(engine, folder, threads, images):
    """Seconds and processor seconds of the forward passes alone, from the engine's mean rates over about as long."""
    command = [engine, "time", folder / "model.safetensors", "--size", CROP, "--threads", threads, "--batch", 32, "--seconds", 15]
    text = subprocess.run([str(a) for a in command], check=True, capture_output=True, text=True).stdout
    wall, used = (float(rate) for rate in re.search(r"(\S+) images/s and (\S+) of processor time in the mean", text).groups())
    return images * len(SIZES) / wall, images * len(SIZES) / used


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bin", type=Path)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-peer", action="store_true")
    options = parser.parse_args()
    import numpy as np

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_inputs(folder, options.images)
        sweep, forward, peer, loops = [], [], [], []
        for _ in range(options.rounds):
            forward.append(forward_seconds(options.bin / "engine", folder, options.threads, options.images))
            *seconds, path = run_sweep(options.bin / "ckpt-sweep", folder, options.threads)
            sweep.append(seconds)
            if not options.no_peer:
                runs = [run_peer(folder, options.threads, size, options.batch) for size in SIZES]
                peer.append(sum(run[0] for run in runs))
                loops.append(sum(run[1] for run in runs))
        own = np.load(path)
    print(f"{len(SIZES)} sizes, {options.images} images, {options.threads} threads, best of {options.rounds} rounds")
    wall, used = (min(run[i] for run in sweep) for i in range(2))
    alone, alone_used = (min(run[i] for run in forward) for i in range(2))
    print(f"  forward passes alone            {alone:7.2f} s, {alone_used:7.2f} s of processor time")
    print(f"  ckpt-sweep                      {wall:7.2f} s, {used:7.2f} s of processor time")
    print(f"    to the forward passes alone   {wall / alone:7.3f},   {used / alone_used:7.3f} of processor time")
    if peer:
        agree = np.mean([np.mean(own[i] == runs[i][2]) for i in range(len(SIZES))])
        print(f"  timm, one process per size      {min(peer):7.2f} s, {min(peer) / wall:.2f} times ckpt-sweep")
        print(f"  timm, without starting Python   {min(loops):7.2f} s, {min(loops) / wall:.2f} times ckpt-sweep")
        task = f"sweep of {len(SIZES)} sizes, ResNet-18, {options.images} images"
        record(task, "timm, one process per size", wall, min(peer), "s")
        record(task, "timm, without starting Python", wall, min(loops), "s")
        print(f"  predictions that agree          {100 * agree:.2f} %")


if __name__ == "__main__":
    main()
