"""Compares ckpt-fixres with PyTorch: the loss of every epoch and all final tensors.

    python Tests/Interop/fixres.py BIN_FOLDER [--epochs N]

BIN_FOLDER holds the built ckpt-fixres. The reference reads the same images with Pillow and torchvision, runs the whole
network in eval mode, trains with torch.optim on the order that the tool's generator draws, and never caches anything.
One row per procedure: largest difference of an epoch's loss, of a tensor (relative to the tensor's largest value), and
the share of validation images on which both agree. Differences above 1e-3 fail. With `--blocks`, runs
that train the last blocks are compared, too (`fixres_blocks.py`).
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
import timm
from safetensors.torch import load_file, save_file

ROOT = Path(__file__).resolve().parents[2] / "fixtures"
sys.path.insert(0, str(ROOT))
import fixres_blocks  # noqa: E402
import fixturelib  # noqa: E402
import lively  # noqa: E402
from training import run_epochs  # noqa: E402

CROP, BATCH, RATE = 72, 64, 0.01
MASK = (1 << 64) - 1


class SplitMix64:
    """The tools' generator (Steele, Lea, Flood 2014), with Lemire's bounded integers."""

    def __init__(self, seed):
        self.state = seed

    @classmethod
    def purpose(cls, seed, name, index=0):
        """The generator of one of a run's draws: seed, FNV-1a of the purpose's name and index, hashed together."""
        fnv, state = 0xCBF29CE484222325, 0
        for byte in name.encode():
            fnv = ((fnv ^ byte) * 0x100000001B3) & MASK
        for part in (seed, fnv, index):
            state = cls(state ^ part).next()
        return cls(state)

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, bound):
        product = self.next() * bound
        if product & MASK < bound:
            threshold = (1 << 64) % bound
            while product & MASK < threshold:
                product = self.next() * bound
        return product >> 64

    def permutation(self, count):
        order = list(range(count))
        for last in range(count - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return torch.tensor(order)

    def uniform(self):
        return (self.next() >> 11) * 2.0**-53

    def normal(self):
        radius = math.sqrt(-2 * math.log(1 - self.uniform()))
        return radius * math.cos(2 * math.pi * self.uniform())

    def gamma(self, shape):
        """Marsaglia, Tsang 2000."""
        if shape < 1:
            return self.gamma(shape + 1) * (1 - self.uniform()) ** (1 / shape)
        d = shape - 1 / 3
        c = 1 / math.sqrt(9 * d)
        while True:
            x = self.normal()
            v = (1 + c * x) ** 3
            if v > 0 and math.log(1 - self.uniform()) < 0.5 * x * x + d - d * v + d * math.log(v):
                return d * v

    def beta(self, alpha):
        x, y = self.gamma(alpha), self.gamma(alpha)
        return x / (x + y)


class Mixing:
    """What the tool draws for a batch: mixup and CutMix as torchvision has them, one of the two at random."""

    def __init__(self, mixup=None, cutmix=None, features=False):
        self.kinds = [(name, alpha) for name, alpha in [("mixup", mixup), ("cutmix", cutmix)] if alpha]
        self.features = features

    def draw(self, number, seed=0):
        generator = SplitMix64.purpose(seed, "mixing", number)
        kind, alpha = self.kinds[generator.below(len(self.kinds))]
        return kind, generator.beta(alpha), generator

    def images(self, images, number):
        """The mixed images and the weight of their own labels."""
        kind, weight, generator = self.draw(number)
        previous = images.roll(1, 0)
        if kind == "mixup":
            return images * weight + previous * (1 - weight), weight
        height, width = images.shape[2:]
        x, y = int(generator.uniform() * width), int(generator.uniform() * height)
        half = 0.5 * math.sqrt(1 - weight)
        left, right = max(x - int(half * width), 0), min(x + int(half * width), width)
        top, bottom = max(y - int(half * height), 0), min(y + int(half * height), height)
        mixed = images.clone()
        mixed[:, :, top:bottom, left:right] = previous[:, :, top:bottom, left:right]
        return mixed, 1 - (right - left) * (bottom - top) / (height * width)


def mixed_features(model, images, weight):
    """Logits of images whose inputs of the last BatchNorm, and the residuals beside them, are mixed."""
    x = model.maxpool(model.relu(model.bn1(model.conv1(images))))
    x = model.layer4[0](model.layer3(model.layer2(model.layer1(x))))
    last = model.layer4[1]
    maps = last.conv2(last.relu(last.bn1(last.conv1(x))))
    maps, x = (weight * value + (1 - weight) * value.roll(1, 0) for value in (maps, x))
    return model.fc(last.relu(last.bn2(maps) + x).mean((2, 3)))


def reference(checkpoint, images, labels, epochs, mode, trains_bn, smoothing, teacher, mixing):
    """Tunes in the straightforward way; returns the mean loss of every epoch and the state dict."""
    model = fixturelib.model_from(load_file(checkpoint))
    bn = model.get_submodule(fixturelib.LAST_BATCH_NORM)
    if mode == "recalibrate":
        with torch.no_grad():
            seen = []
            hook = bn.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].double()))
            for chunk in images.split(128):
                model(chunk)
            hook.remove()
            values = torch.cat(seen).transpose(0, 1).flatten(1)
            bn.running_mean.copy_(values.mean(1))
            bn.running_var.copy_(values.var(1, unbiased=False))
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    plain = [model.fc.bias] + ([bn.weight, bn.bias] if trains_bn else [])
    for parameter in [model.fc.weight, *plain]:
        parameter.requires_grad_(True)
    model.eval()
    bn.train(mode == "batch")
    optimizer = torch.optim.SGD(
        [{"params": [model.fc.weight], "weight_decay": 1e-4}, {"params": plain}], lr=RATE, momentum=0.9
    )

    def batch_loss(rows, done):
        weight, batch = 1.0, images[rows]
        if mixing and mixing.features:
            weight = mixing.draw(done)[1]
            logits = mixed_features(model, batch, weight)
        else:
            if mixing:
                batch, weight = mixing.images(batch, done)
            logits = model(batch)
        loss = weight * F.cross_entropy(logits, labels[rows], label_smoothing=smoothing)
        loss += (1 - weight) * F.cross_entropy(logits, labels[rows].roll(1), label_smoothing=smoothing)
        if teacher is not None:
            soft = F.kl_div(
                F.log_softmax(logits / 5, 1),
                F.log_softmax(teacher[rows] / 5, 1),
                reduction="batchmean",
                log_target=True,
            )
            loss = 0.5 * loss + 0.5 * 25 * soft
        return loss

    generator = SplitMix64.purpose(0, "image order")
    curve = run_epochs(optimizer, batch_loss, generator, len(labels), epochs, BATCH)
    return curve, model.eval()


def reference_layer_norm(model, norm, head, images, labels, epochs):
    """Tunes head and LayerNorm of a whole network; returns the mean loss of every epoch and the state dict."""
    model.requires_grad_(False)
    norm.requires_grad_(True)
    head.requires_grad_(True)
    plain = [head.bias, norm.weight, norm.bias]
    optimizer = torch.optim.SGD(
        [{"params": [head.weight], "weight_decay": 1e-4}, {"params": plain}], lr=RATE, momentum=0.9
    )

    def batch_loss(rows, _):
        return F.cross_entropy(model(images[rows]), labels[rows])

    generator = SplitMix64.purpose(0, "image order")
    curve = run_epochs(optimizer, batch_loss, generator, len(labels), epochs, BATCH)
    return curve, model.state_dict()


def layer_norms(bin_folder, epochs):
    """Rows of networks with a LayerNorm after the pooling, before it, and on the class token; largest errors."""
    paths, labels = fixturelib.list_images("train")
    worst = 0.0
    for name, size in (("test_convnext2", 64), ("test_vit", 160), ("swin_s3_tiny_224", 224)):
        count = 96 if size < 200 else 8
        rows = torch.linspace(0, len(labels) - 1, count).long()
        resize = fixturelib.standard_resize(size)
        images = fixturelib.load_batch([paths[i] for i in rows], resize, size)
        model = lively.lively(timm.create_model(name, num_classes=10)).eval()
        with torch.no_grad():
            # Logits of order one.
            head = model.head.fc if hasattr(model.head, "fc") else model.head
            scale = model(images).std()
            head.weight.div_(scale)
            head.bias.div_(scale)
        start = {key: value.clone() for key, value in model.state_dict().items()}
        norm = model.head.norm if name == "test_convnext2" else model.norm
        with tempfile.TemporaryDirectory() as folder:
            save_file({key: value.contiguous() for key, value in start.items()}, f"{folder}/in.safetensors")
            Path(f"{folder}/train.tsv").write_text(
                "".join(f"{Path(paths[i]).resolve()}\t{int(labels[i])}\n" for i in rows))
            curve, expected = reference_layer_norm(model, norm, head, images, labels[rows], epochs)
            out, report = f"{folder}/out.safetensors", f"{folder}/report.json"
            command = [bin_folder / "ckpt-fixres", f"{folder}/in.safetensors", "--data", f"{folder}/train.tsv"]
            command += ["--train", "fc+norm", "--arch", name, "--resize", resize, "--crop", size, "--lr", RATE]
            command += ["--epochs", epochs, "--quiet", "-o", out, "--report", report]
            subprocess.run([str(part) for part in command], check=True)
            found = load_file(out)
            losses = [row["train"]["loss"] for row in json.loads(Path(report).read_text())["epochs"]]
        loss_error = max(abs(a - b) for a, b in zip(losses, curve, strict=True))
        update_error = 0.0
        for key, value in expected.items():
            update = (value - start[key]).double().abs().max().item()
            difference = (found[key].double() - value.double()).abs().max().item()
            update_error = max(update_error, difference / update if update else difference)
        worst = max(worst, loss_error, update_error)
        print(f"fc+norm of {name}\t{loss_error:.1e}\t{update_error:.1e} of the update\t-\t{curve[-1]:.4f}", flush=True)
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=Path)
    parser.add_argument("--blocks", action="store_true", help="compare runs that train the last blocks, too")
    parser.add_argument("--epochs", type=int, default=10)
    arguments = parser.parse_args()

    checkpoint = ROOT / "run" / "epoch-104.safetensors"
    teacher_file = ROOT / "run-64" / "epoch-104.safetensors"
    resize = fixturelib.standard_resize(CROP)
    paths, labels = fixturelib.list_images("train")
    images = fixturelib.load_batch(paths, resize, CROP)
    val_paths, _ = fixturelib.list_images("val")
    val_images = fixturelib.load_batch(val_paths, resize, CROP)
    with torch.no_grad():
        # The teacher sees the images as its own metadata says.
        teacher = fixturelib.model_from(load_file(teacher_file))(fixturelib.load_batch(paths, 73, 64))

    cases = [
        ("batch", ["--bn", "batch"], dict(mode="batch")),
        ("recalibrate", ["--bn", "recalibrate"], dict(mode="recalibrate")),
        ("frozen", ["--bn", "frozen"], dict(mode="frozen")),
        ("classifier alone", ["--train", "fc"], dict(mode="frozen", trains_bn=False)),
        ("label smoothing", ["--label-smoothing", "0.1"], dict(mode="batch", smoothing=0.1)),
        ("distillation", ["--teacher", teacher_file], dict(mode="batch", teacher=teacher)),
        ("feature mixup", ["--mixup", "0.4"], dict(mode="batch", mixing=Mixing(mixup=0.4, features=True))),
        (
            "mixup and CutMix",
            ["--reread", "--mixup", "0.2", "--cutmix", "1", "--label-smoothing", "0.1"],
            dict(mode="batch", smoothing=0.1, mixing=Mixing(mixup=0.2, cutmix=1)),
        ),
    ]
    failed = False
    print("procedure\tloss\ttensors\tagreement\tfinal loss")
    for name, options, procedure in cases:
        curve, model = reference(
            checkpoint,
            images,
            labels,
            arguments.epochs,
            **{"trains_bn": True, "smoothing": 0.0, "teacher": None, "mixing": None, **procedure},
        )
        with tempfile.TemporaryDirectory() as folder:
            out, report = f"{folder}/out.safetensors", f"{folder}/report.json"
            command = [arguments.bin / "ckpt-fixres", checkpoint, "--data", ROOT / "digits" / "train"]
            command += ["--resize", resize, "--crop", CROP, "--lr", RATE, "--epochs", arguments.epochs, "--quiet"]
            command += ["-o", out, "--report", report, *options]
            subprocess.run([str(part) for part in command], check=True)
            found = load_file(out)
            losses = [row["train"]["loss"] for row in json.loads(Path(report).read_text())["epochs"]]
        loss_error = max(abs(a - b) for a, b in zip(losses, curve, strict=True))
        tensor_error = 0.0
        for key, value in model.state_dict().items():
            difference = (found[key].double() - value.double()).abs().max()
            tensor_error = max(tensor_error, (difference / value.double().abs().max()).item())
        with torch.no_grad():
            ours = fixturelib.model_from(found)(val_images).argmax(1)
            agreement = (ours == model(val_images).argmax(1)).double().mean().item()
        failed |= not (loss_error < 1e-3 and tensor_error < 1e-3)
        print(f"{name}\t{loss_error:.1e}\t{tensor_error:.1e}\t{agreement:.4f}\t{curve[-1]:.4f}", flush=True)
    failed |= not layer_norms(arguments.bin, min(arguments.epochs, 5)) < 1e-4
    if arguments.blocks:
        failed |= not fixres_blocks.compare(arguments.bin, lambda: SplitMix64.purpose(0, "image order"))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
