#!/usr/bin/env python3
"""Decode + resize 256 + crop 224 + normalise: these tools against Pillow + torchvision, in one run.

    swift build -c release --product image-loading
    python Benchmarks/ImageLoading/compare.py .build/release/image-loading [--images N]

Photographs of 500 x 375 are cut from two photographs and saved as JPEG, quality 90: those of scikit-learn, or any others
named with --photos. Before anything is timed, the values that both sides make of every image, and of some of 12 million
pixels, are compared. The contestants take turns, so that a change of the machine's speed meets all of them; the best
round of each counts.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL
import torch
import torchvision
from PIL import Image, features
from torchvision import transforms
from torchvision.datasets import ImageFolder

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from summary import record  # noqa: E402

TRANSFORM = transforms.Compose([
    transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(),
    transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])


def load_photos(paths: list[str]) -> list[Image.Image]:
    if paths:
        return [Image.open(path).convert("RGB") for path in paths]
    from sklearn.datasets import load_sample_images
    return [Image.fromarray(p) for p in load_sample_images().images]


def make_large_images(root: Path, photos: list[Image.Image]) -> None:
    (root / "class").mkdir()
    for index, photo in enumerate(photos):
        for name, size in (("landscape", (4000, 3000)), ("portrait", (3000, 4000))):
            large = photo.resize(size, Image.Resampling.BICUBIC)
            for progressive in (False, True):
                large.save(root / "class" / f"{index}-{name}-{progressive}.jpg", quality=90, progressive=progressive)


def compare_values(tool: str, folder: str, dataset: ImageFolder, label: str) -> None:
    """Both sides' float32 values of every image, or an error."""
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run([tool, folder, "2", "1", out.name], check=True, capture_output=True)
        ours = np.fromfile(out.name, np.float32).reshape(len(dataset), 224, 224, 3)
    differing, ulps = 0, 0
    for index in range(len(dataset)):
        theirs = dataset[index][0].permute(1, 2, 0).numpy()
        distance = np.abs(ours[index].view(np.int32).astype(np.int64) - theirs.copy().view(np.int32))
        differing += int((distance > 0).sum())
        ulps = max(ulps, int(distance.max()))
    print(f"{label}: {differing} of {ours.size} values differ, by at most {ulps} ulp")
    if ulps > 1:
        raise SystemExit("values differ by more than one unit in the last place")


def make_images(root: Path, photos: list[Image.Image], count: int) -> None:
    rng = random.Random(0)
    (root / "class").mkdir()
    for index in range(count):
        photo = photos[index % len(photos)]
        width = rng.randint(300, photo.width)
        height = width * 3 // 4
        x, y = rng.randint(0, photo.width - width), rng.randint(0, max(photo.height - height, 0))
        crop = photo.crop((x, y, x + width, min(y + height, photo.height)))
        crop.resize((500, 375), Image.Resampling.LANCZOS).save(root / "class" / f"{index:04}.jpg", quality=90)


def rate(count: int, work) -> float:
    start = time.perf_counter()
    work()
    return count / (time.perf_counter() - start)


def threads_of_pillow(dataset: ImageFolder, threads: int) -> None:
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda index: dataset[index], range(len(dataset))):
            pass


def data_loader(dataset: ImageFolder, workers: int) -> None:
    for _ in torch.utils.data.DataLoader(dataset, batch_size=32, num_workers=workers):
        pass


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("tool")
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--photos", nargs="+", default=[])
    options = parser.parse_args()
    torch.set_num_threads(1)
    cores = len(os.sched_getaffinity(0))
    print(f"pillow {PIL.__version__}, libjpeg-turbo {features.version('libjpeg_turbo')}, "
          f"torchvision {torchvision.__version__}, {cores} cores, {options.images} images")
    photos = load_photos(options.photos)
    with tempfile.TemporaryDirectory() as folder:
        make_large_images(Path(folder), photos)
        compare_values(options.tool, folder, ImageFolder(folder, TRANSFORM), "photographs of 12 million pixels")
    with tempfile.TemporaryDirectory() as folder:
        make_images(Path(folder), photos, options.images)
        dataset = ImageFolder(folder, TRANSFORM)
        compare_values(options.tool, folder, dataset, "photographs of 500 x 375")

        def ours(threads: int) -> float:
            run = subprocess.run(
                [options.tool, folder, str(threads), "1"], check=True, capture_output=True, text=True)
            return float(run.stdout)

        contestants = {
            "ours, 1 thread": lambda: ours(1),
            "Pillow + torchvision, 1 thread": lambda: rate(len(dataset), lambda: threads_of_pillow(dataset, 1)),
            f"ours, {cores} threads": lambda: ours(cores),
            f"Pillow + torchvision, {cores} threads":
                lambda: rate(len(dataset), lambda: threads_of_pillow(dataset, cores)),
            f"DataLoader, {cores} worker processes": lambda: rate(len(dataset), lambda: data_loader(dataset, cores)),
        }
        best = dict.fromkeys(contestants, 0.0)
        for _ in range(options.rounds):
            for name, run in contestants.items():
                best[name] = max(best[name], run())
    for name, value in best.items():
        print(f"{value:8.1f} images/s  {1000 / value:6.3f} ms  {name}")
    names = list(best)
    task = "decode, resize, crop, normalise 500 x 375"
    record(f"{task}, 1 thread", "Pillow + torchvision", best[names[0]], best[names[1]], "images/s")
    record(f"{task}, {cores} threads", "Pillow + torchvision", best[names[2]], best[names[3]], "images/s")
    record(f"{task}, {cores} threads", "torchvision DataLoader", best[names[2]], best[names[4]], "images/s")
    print(f"ratio to Pillow + torchvision: {best[names[0]] / best[names[1]]:.2f} on 1 thread, "
          f"{best[names[2]] / best[names[3]]:.2f} on {cores}; to DataLoader: {best[names[2]] / best[names[4]]:.2f}")


if __name__ == "__main__":
    main()
