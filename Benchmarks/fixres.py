"""Times 30 epochs of fc+bn on ResNet-50 at 224 pixels over 1,000 images: ckpt-fixres against two PyTorch loops.

    python Benchmarks/fixres.py BIN_FOLDER [--threads N] [--images N] [--peer-epochs N]

Weights are random (seeded), images are crops of the bundled pictures. The straightforward loop runs the frozen trunk in
eval mode under no_grad in every epoch and trains behind it; it is timed over --peer-epochs and extrapolated. The other
loop computes the maps once and trains on them, all 30 epochs. Both get decoded images in memory and NHWC tensors, so
neither pays for JPEG; ckpt-fixres reads and decodes files. All follow the same order of images, so the final losses must
agree.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from safetensors.torch import save_file

from summary import record

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "fixtures"), str(REPOSITORY / "Tests" / "Interop")]
import fixturelib  # noqa: E402
from fixres import SplitMix64  # noqa: E402
from training import run_epochs  # noqa: E402

EPOCHS, BATCH, RATE, SIZE = 30, 64, 1e-3, 224


def make_model(classes):
    """ResNet-50 with random weights whose activations stay of order one."""
    torch.manual_seed(0)
    model = torchvision.models.resnet50(num_classes=classes)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.4, 0.8, generator=generator)
                module.bias.uniform_(-0.2, 0.2, generator=generator)
    return model


def make_images(folder, count, classes):
    """`count` JPEGs in as many classes as the classifier has, 256 pixels on the shorter side."""
    sources = sorted((REPOSITORY / "fixtures" / "digits" / "train").glob("*/*.jpg"))
    for index in range(count):
        source = sources[index * 7919 % len(sources)]
        target = folder / f"{index % classes:04}"
        target.mkdir(parents=True, exist_ok=True)
        image = Image.open(source).convert("RGB")
        scale = 256 / min(image.size)
        image.resize([round(s * scale) for s in image.size]).save(target / f"{index:05}.jpg", quality=92)


class Trunk(torch.nn.Module):
    """Everything before the last BatchNorm, and the residual that is added behind it."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        m = self.model
        x = m.maxpool(m.relu(m.bn1(m.conv1(x))))
        x = m.layer4[:2](m.layer3(m.layer2(m.layer1(x))))
        last = m.layer4[2]
        y = last.relu(last.bn1(last.conv1(x)))
        return last.conv3(last.relu(last.bn2(last.conv2(y)))), x


def train(model, labels, epochs, features):
    """Trains classifier and last BatchNorm; `features` gives (map, residual) of some rows. Returns the last loss."""
    bn = model.layer4[2].bn3
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    plain = [model.fc.bias, bn.weight, bn.bias]
    for parameter in [model.fc.weight, *plain]:
        parameter.requires_grad_(True)
    model.eval()
    bn.train()
    optimizer = torch.optim.SGD(
        [{"params": [model.fc.weight], "weight_decay": 1e-4}, {"params": plain}], lr=RATE, momentum=0.9
    )

    def batch_loss(rows, _):
        with torch.no_grad():
            maps, residual = features(rows)
        return F.cross_entropy(model.fc(F.relu(bn(maps) + residual).mean((2, 3))), labels[rows])

    generator = SplitMix64.purpose(0, "image order")
    return run_epochs(optimizer, batch_loss, generator, len(labels), epochs, BATCH, EPOCHS)[-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=Path)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--peer-epochs", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    classes = min(1000, arguments.images)
    print(f"ResNet-50, {arguments.images} images at {SIZE}, {EPOCHS} epochs, {arguments.threads} threads")
    print("| | seconds | times ckpt-fixres | final loss | |\n|---|---|---|---|---|", flush=True)
    base = None

    def row(name, seconds, loss, note):
        nonlocal base
        if base:
            record(f"{EPOCHS} epochs of fc+bn, ResNet-50, {arguments.images} images", name, base, seconds, "s")
        base = base or seconds
        print(f"| {name} | {seconds:.1f} | {seconds / base:.1f} | {loss} | {note} |", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        make_images(folder / "data", arguments.images, classes)
        start = make_model(classes).state_dict()
        save_file(start, folder / "model.safetensors")
        command = [arguments.bin / "ckpt-fixres", folder / "model.safetensors", "--data", folder / "data"]
        command += ["--crop", SIZE, "--resize", 256, "--epochs", EPOCHS, "--lr", RATE, "--threads", arguments.threads]
        command += ["-o", folder / "out.safetensors", "--report", folder / "report.json", "--quiet"]
        begin = time.perf_counter()
        subprocess.run([str(part) for part in command], check=True)
        ours = time.perf_counter() - begin
        report = json.loads((folder / "report.json").read_text())
        loss = report["epochs"][-1]["train"]["loss"]
        parts = ", ".join(f"{name} {value:.1f} s" for name, value in report["seconds"].items())
        row("ckpt-fixres", ours, f"{loss:.5f}", parts)
        paths, labels = fixturelib.list_images(".", root=folder / "data")
        images = fixturelib.load_batch(paths, 256, SIZE).contiguous(memory_format=torch.channels_last)

    def fresh(layout=torch.channels_last):
        model = make_model(classes).to(memory_format=layout)
        return model, Trunk(model)

    model, trunk = fresh()
    begin = time.perf_counter()
    model.eval()
    with torch.no_grad():
        maps, residuals = map(torch.cat, zip(*[trunk(chunk) for chunk in images.split(BATCH)], strict=True))
    cached = time.perf_counter() - begin
    loss = train(model, labels, EPOCHS, lambda rows: (maps[rows], residuals[rows]))
    total = time.perf_counter() - begin
    row("PyTorch, cached maps", total, f"{loss:.5f}", f"features {cached:.1f} s, training {total - cached:.1f} s")
    del maps, residuals

    layouts = [("channels_last", torch.channels_last), ("default memory format", torch.contiguous_format)]
    for name, layout in layouts:
        model, trunk = fresh(layout)
        images = images.contiguous(memory_format=layout)
        begin = time.perf_counter()
        train(model, labels, arguments.peer_epochs, lambda rows: trunk(images[rows]))
        each = (time.perf_counter() - begin) / arguments.peer_epochs
        note = f"{each:.1f} s per epoch, from {arguments.peer_epochs}"
        row(f"PyTorch, straightforward, {name}", each * EPOCHS, "", note)


if __name__ == "__main__":
    main()
