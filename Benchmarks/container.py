#!/usr/bin/env python3
"""Ratio and speed of the compressed container beside gzip, zstd and ZipNN; opening and copying beside safetensors and cp.

    python Benchmarks/container.py BIN_FOLDER [--weights FILE.safetensors ...] [--cache DIR]

Needs torch, torchvision, safetensors, zipnn and zstandard. Without --weights two networks are trained for some minutes
each and kept in the cache: a ResNet-18 on the fixtures' pictures (SGD) and a byte language model on the Python
library's source (AdamW), each saved twice, 50 steps apart.

All competitors run in one process order, on one thread; the times are processor seconds, the best of some rounds. The
peers compress bytes in memory to bytes in memory, tensor by tensor. The container's writing and reading include the
file under /dev/shm: `encode` is what ends in its spool, `write` the whole.
"""

import argparse
import gzip
import json
import os
import pathlib
import struct
import subprocess
import sys
import time
import zlib

import torch
import zipnn
import zstandard
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from summary import record

ROOT = pathlib.Path(__file__).resolve().parent.parent
TYPES = {"F32": (torch.float32, "float32"), "BF16": (torch.bfloat16, "bfloat16"), "F16": (torch.float16, "float16")}


def train(model, batches, optimizer, steps, path):
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        inputs, targets = batches()
        loss = torch.nn.functional.cross_entropy(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step == steps - 51:
            save_file({n: v.contiguous() for n, v in model.state_dict().items()}, f"{path}-before.safetensors")
    save_file({n: v.contiguous() for n, v in model.state_dict().items()}, f"{path}.safetensors")
    print(f"trained {path}: loss {loss.item():.3f}")


def train_convnet(path, steps=600):
    from torchvision import datasets, models, transforms

    crop = transforms.Compose([transforms.RandomResizedCrop(48, (0.5, 1)), transforms.ToTensor()])
    data = datasets.ImageFolder(ROOT / "fixtures/digits/train", crop)
    model = models.resnet18(num_classes=len(data.classes))

    def batches():
        items = [data[i] for i in torch.randint(len(data), (32,)).tolist()]
        return torch.stack([x for x, _ in items]), torch.tensor([y for _, y in items])

    train(model, batches, torch.optim.SGD(model.parameters(), 0.05, 0.9, weight_decay=5e-4), steps, path)


class Language(torch.nn.Module):
    def __init__(self, width=256, depth=4, context=128):
        super().__init__()
        self.bytes = torch.nn.Embedding(256, width)
        self.places = torch.nn.Parameter(0.02 * torch.randn(context, width))
        layer = torch.nn.TransformerEncoderLayer(width, 4, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.layers = torch.nn.TransformerEncoder(layer, depth, torch.nn.LayerNorm(width), enable_nested_tensor=False)
        self.head = torch.nn.Linear(width, 256)

    def forward(self, text):
        mask = torch.nn.Transformer.generate_square_subsequent_mask(text.shape[1])
        return self.head(self.layers(self.bytes(text) + self.places, mask, is_causal=True)).transpose(1, 2)


def train_language(path, steps=600):
    text = b"".join(p.read_bytes() for p in sorted(pathlib.Path(os.__file__).parent.glob("*.py")))
    data = torch.frombuffer(bytearray(text), dtype=torch.uint8).long()
    model = Language()

    def batches():
        rows = torch.stack([data[i : i + 129] for i in torch.randint(len(data) - 129, (8,)).tolist()])
        return rows[:, :-1], rows[:, 1:]

    train(model, batches, torch.optim.AdamW(model.parameters(), 1e-3), steps, path)


def best(rounds, body):
    times = []
    for _ in range(rounds):
        start = time.process_time()
        result = body()
        times.append(time.process_time() - start)
    return min(times), result


def peers(kind):
    compressor, decompressor = zstandard.ZstdCompressor(3), zstandard.ZstdDecompressor()
    packer = zipnn.ZipNN(bytearray_dtype=TYPES[kind][1], input_format="byte", threads=1)
    return {
        "zlib -1": (lambda data: zlib.compress(data, 1), zlib.decompress),
        "gzip -6": (lambda data: gzip.compress(data, 6), gzip.decompress),
        "zstd -3": (compressor.compress, decompressor.decompress),
        "ZipNN": (lambda data: packer.compress(bytearray(data)), packer.decompress),
    }


def container(program, path, rounds, base=None):
    arguments = [program, "codec", path, "1", str(rounds)] + ([base] if base else [])
    size, stored, encode, assemble, read = subprocess.run(
        arguments, check=True, capture_output=True, text=True).stdout.split()
    return int(size), int(stored), float(encode), float(encode) + float(assemble), float(read)


def compare(program, path, cache, rounds):
    state = {n: v for n, v in load_file(path).items()}
    for kind, (dtype, _) in TYPES.items():
        cast = {n: v.to(dtype) if v.is_floating_point() else v for n, v in state.items()}
        converted = str(cache / f"{kind}.safetensors")
        save_file(cast, converted)
        plain = os.path.getsize(converted)
        data = [v.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() for v in cast.values() if v.numel() > 1]
        size = sum(map(len, data))
        print(f"\n{pathlib.Path(path).stem}, {kind}, {size / 1e6:.1f} MB{'':12}ratio   compress  decompress  MB/s per thread")
        speeds = {}
        for name, (compress, decompress) in peers(kind).items():
            took, packed = best(rounds, lambda: [compress(item) for item in data])
            back, result = best(rounds, lambda: [decompress(item) for item in packed])
            assert [bytes(item) for item in result] == data, name
            ratio = size / sum(map(len, packed))
            print(f"  {name:36}{ratio:7.4f}{size / took / 1e6:11.0f}{size / back / 1e6:12.0f}")
            speeds[name] = (size / took / 1e6, size / back / 1e6)
        raw, stored, encode, write, read = container(program, converted, rounds)
        for name, (compress, decompress) in speeds.items():
            task = f"{pathlib.Path(path).stem} {kind}, per thread"
            record(f"compress {task}", name, raw / encode / 1e6, compress, "MB/s")
            record(f"decompress {task}", name, raw / read / 1e6, decompress, "MB/s")
        print(f"  {'container, encode':36}{plain / stored:7.4f}{raw / encode / 1e6:11.0f}{raw / read / 1e6:12.0f}")
        print(f"  {'container, write':36}{plain / stored:7.4f}{raw / write / 1e6:11.0f}")
        before = pathlib.Path(path.replace(".safetensors", "-before.safetensors"))
        if before.exists():
            old = {n: v.to(dtype) if v.is_floating_point() else v for n, v in load_file(before).items()}
            save_file(old, cache / "before.safetensors")
            raw, stored, encode, write, read = container(program, converted, rounds, str(cache / "before.safetensors"))
            print(f"  {'container, difference of 50 steps':36}{plain / stored:7.4f}{raw / encode / 1e6:11.0f}{raw / read / 1e6:12.0f}")


def timed(rounds, body):
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        body()
        times.append(time.perf_counter() - start)
    return min(times)


def openings(program, cache):
    """Files of many tensors and long headers: ours, and the reference's, which leaves the names in a dictionary."""

    def make(path, count, padding):
        entries = {f"layers.{i}.{'x' * padding}.weight": {"dtype": "F32", "shape": [4], "data_offsets": [16 * i, 16 * i + 16]}
                   for i in range(count)}
        header = json.dumps(entries, separators=(",", ":")).encode()
        path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(16 * count))
        return len(header)

    print("\nopening, milliseconds")
    for count, padding in ((10_000, 0), (200_000, 5)):
        path = cache / "many.safetensors"
        length = make(path, count, padding)
        ours = float(subprocess.run([program, "open", path, "10"], check=True, capture_output=True, text=True).stdout)
        theirs = timed(10, lambda: safe_open(str(path), "pt").keys())
        record(f"open {count} tensors", "safetensors", ours * 1e3, theirs * 1e3, "ms")
        print(f"  {count} tensors, header {length / 1e6:.1f} MB: {ours * 1e3:.1f}, safetensors {theirs * 1e3:.1f}")
        path.unlink()


def copying(folder, cache, rounds):
    """Plain to plain through ckpt-convert, against cp; both in memory, without fsync."""
    shared = pathlib.Path("/dev/shm")
    source, target = shared / "container-source.safetensors", shared / "container-target.safetensors"
    save_file({f"w{i}": torch.randn(1 << 22) for i in range(16)}, source)
    size = source.stat().st_size
    tool = [str(folder / "ckpt-convert"), str(source), "-o", str(target), "--quiet"]

    def run(command):
        target.unlink(missing_ok=True)
        subprocess.run(command, check=True)

    ours = timed(rounds, lambda: run(tool))
    cp = timed(rounds, lambda: run(["cp", "--reflink=never", str(source), str(target)]))
    dd = timed(rounds, lambda: run(["dd", f"if={source}", f"of={target}", "bs=2M", "status=none"]))
    print(f"\nplain to plain, {size / 1e6:.0f} MB, in memory: ckpt-convert {ours * 1e3:.0f} ms, cp {cp * 1e3:.0f} ms, "
          f"dd of 2 MiB pieces {dd * 1e3:.0f} ms")
    source.unlink()
    target.unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path, help="folder of the executables")
    parser.add_argument("--weights", nargs="*")
    parser.add_argument("--cache", type=pathlib.Path, default=pathlib.Path.home() / ".cache/ckpt-tools/weights")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--train-only", action="store_true")
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    weights = options.weights
    if weights is None:
        weights = []
        for name, make in (("convnet", train_convnet), ("language", train_language)):
            path = str(options.cache / name)
            if not os.path.exists(path + ".safetensors"):
                make(path)
            weights.append(path + ".safetensors")
    if options.train_only:
        return
    torch.set_num_threads(1)
    program = str(options.folder / "container")
    for path in weights:
        compare(program, path, options.cache, options.rounds)
    openings(program, options.cache)
    copying(options.folder, options.cache, options.rounds)


if __name__ == "__main__":
    sys.exit(main())
