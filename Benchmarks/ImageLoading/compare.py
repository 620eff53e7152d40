#!/usr/bin/env python3
"""Decode + resize 256 + crop 224 + normalise: these tools against Pillow + torchvision, in one run.

    swift build -c release --product image-loading
    python Benchmarks/ImageLoading/compare.py .build/release/image-loading [--images N]

Photographs of 500 x 375 are cut from scikit-learn's sample photographs and saved as JPEG, quality 90. The contestants
take turns, so that a change of the machine's speed meets all of them; the best round of each counts.
"""

import argparse
import os
import random
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import PIL
import torch
import torchvision
from PIL import Image, features
from sklearn.datasets import load_sample_images
from torchvision import transforms
from torchvision.datasets import ImageFolder

TRANSFORM = transforms.Compose([
    transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(),
    transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])


def make_images(root: Path, count: int) -> None:
    photos = [Image.fromarray(p) for p in load_sample_images().images]
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
    options = parser.parse_args()
    torch.set_num_threads(1)
    cores = len(os.sched_getaffinity(0))
    print(f"pillow {PIL.__version__}, libjpeg-turbo {features.version('libjpeg_turbo')}, "
          f"torchvision {torchvision.__version__}, {cores} cores, {options.images} images")
    with tempfile.TemporaryDirectory() as folder:
        make_images(Path(folder), options.images)
        dataset = ImageFolder(folder, TRANSFORM)

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
    print(f"ratio to Pillow + torchvision: {best[names[0]] / best[names[1]]:.2f} on 1 thread, "
          f"{best[names[2]] / best[names[3]]:.2f} on {cores}; to DataLoader: {best[names[2]] / best[names[4]]:.2f}")


if __name__ == "__main__":
    main()
