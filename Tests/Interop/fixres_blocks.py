"""Compares whole runs of ckpt-fixres --train last, from and bn-affine with training loops of PyTorch.

The reference runs the whole network on every batch, in the order that the tool draws, with everything frozen but the
tuned tensors, and never caches anything. A row for each network and procedure: largest difference of an epoch's loss,
and the largest distance of a tensor, or of a BatchNorm's statistics, from PyTorch's in float64 beyond the rounding of
float32, relative to PyTorch's own update. Beside it the same distance of PyTorch in float32, the largest of three orders of
summation: kinks of activations and channels of almost no variance magnify rounding, so where it exceeds half the limit,
twice that is the limit. The same holds for the loss.
"""

import copy
import json
import math
import subprocess
import tempfile
from pathlib import Path

import timm
import torch
import torch.nn.functional as F
import torchvision
from safetensors.torch import load_file, save_file
from torch.nn.modules.batchnorm import _BatchNorm

import fixturelib
import lively
from training import run_epochs

BATCH, EPOCHS = 24, 2
LIMIT = 1e-3
# Rates at which steps magnify rounding little: with 1e-2 and 9 steps of 16 images, PyTorch's own float32 is 2e-2 away.
RATES = {"sgd": 3e-3, "adamw": 1e-4}


class Case:
    """A network, what is tuned in it, and how.

    tuned: prefixes of the tuned tensors in the tool's execution order, each with its exponent of the layer decay.
    """

    def __init__(self, name, train, tuned, library="torchvision", size=64, images=48, only_norms=False, **options):
        self.name, self.train, self.library, self.size, self.images = name, train, library, size, images
        self.tuned = {prefix: 0 for prefix in tuned} if isinstance(tuned, list) else tuned
        self.only_norms = only_norms
        self.mode = options.pop("mode", "batch")
        self.optimizer = options.pop("optimizer", "sgd")
        self.rate = options.pop("rate", RATES[self.optimizer])
        self.decay = options.pop("decay", 1.0)
        assert not options, options

    def __str__(self):
        decay = f" decay {self.decay}" if self.decay != 1 else ""
        return f"{self.name} {self.train} {self.mode} {self.optimizer}{decay}"

    def prefix(self, name):
        """The longest prefix that the tensor is below; None for a frozen one."""
        fitting = [prefix for prefix in self.tuned if name == prefix or name.startswith(prefix + ".")]
        return max(fitting, key=len, default=None)


RESNET18 = {"layer4.0": 2, "layer4.1": 1, "fc": 0}
RESNET18_TWO = {"layer3.0": 4, "layer3.1": 3, **RESNET18}

CASES = [
    *[
        Case("resnet18", "from:layer4", RESNET18, mode=mode, optimizer=optimizer)
        for mode in ("batch", "recalibrate", "frozen")
        for optimizer in ("sgd", "adamw")
    ],
    Case("resnet18", "from:layer3", RESNET18_TWO, decay=0.7),
    Case("resnet18", "last:4", RESNET18_TWO, decay=0.7, optimizer="adamw"),
    Case("resnet18", "bn-affine:layer3", ["layer3", "layer4", "fc"], only_norms=True),
    Case("resnet50", "from:layer4", ["layer4", "fc"]),
    Case("resnet50", "from:layer3", ["layer3", "layer4", "fc"], optimizer="adamw"),
    Case("mobilenet_v2", "last:2", ["features.16", "features.17", "features.18", "classifier"], size=96),
    Case("efficientnet_b0", "last:1", ["features.7", "features.8", "classifier"], size=96),
    Case("densenet121", "from:features.denseblock4", ["features.denseblock4", "features.norm5", "classifier"]),
    Case("convnext_tiny", "last:2", ["features.7.1", "features.7.2", "classifier"], mode="frozen"),
    Case(
        "convnext_tiny",
        "last:2",
        {"features.7.1": 2, "features.7.2": 1, "classifier": 0},
        mode="frozen",
        optimizer="adamw",
        decay=0.8,
    ),
    Case(
        "vit_tiny_patch16_224",
        "last:2",
        {"blocks.10": 2, "blocks.11": 1, "norm": 0, "head": 0},
        library="timm",
        size=224,
        images=32,
        mode="frozen",
        optimizer="adamw",
        decay=0.8,
    ),
]


def head_of(model):
    """The last fully connected layer."""
    return [module for module in model.modules() if isinstance(module, torch.nn.Linear)][-1]


def lively_network(case, images):
    """A random network with statistics of the images and logits of order one."""
    if case.library == "timm":
        model = timm.create_model(case.name, num_classes=10)
    else:
        model = torchvision.models.get_model(case.name, weights=None, num_classes=10)
    model = lively.lively(model)
    momenta = [(module, module.momentum) for module in model.modules() if isinstance(module, _BatchNorm)]
    model = lively.calibrated(model, images)
    for module, momentum in momenta:
        module.momentum = momentum
    with torch.no_grad():
        head = head_of(model)
        scale = model(images).std()
        head.weight.div_(scale)
        head.bias.div_(scale)
    return model


def groups(model, case):
    """The tuned parameters with decay of their own, and the BatchNorms behind the cut."""
    matrices = set()
    for name, module in model.named_modules():
        if isinstance(module, (torch.nn.Linear, torch.nn.Conv2d)):
            matrices.add(f"{name}.weight")
    norms = {name for name, module in model.named_modules() if isinstance(module, _BatchNorm)}
    head = next(name for name, module in model.named_modules() if module is head_of(model))
    result = []
    for name, parameter in model.named_parameters():
        prefix, owner = case.prefix(name), name.rsplit(".", 1)[0]
        is_tuned = prefix is not None and (not case.only_norms or owner in norms or owner == head)
        parameter.requires_grad_(is_tuned)
        if is_tuned:
            weight_decay = 1e-4 if name in matrices else 0.0
            rate = case.rate * case.decay ** case.tuned[prefix]
            result.append({"params": [parameter], "weight_decay": weight_decay, "lr": rate})
    behind = [module for name, module in model.named_modules() if name in norms and case.prefix(name) is not None]
    return result, behind


def recalibrate(model, norms, images):
    """Statistics of all images, which pass in batches with their own; returns nothing."""
    seen = {module: [] for module in norms}
    hooks = [
        module.register_forward_hook(
            lambda module, inputs, _: seen[module].append(inputs[0].double().transpose(0, 1).flatten(1))
        )
        for module in norms
    ]
    with torch.no_grad():
        for chunk in images.split(BATCH):
            model(chunk)
        for hook in hooks:
            hook.remove()
        for module in norms:
            values = torch.cat(seen[module], 1)
            module.running_mean.copy_(values.mean(1))
            module.running_var.copy_(values.var(1, unbiased=False))


def reference(model, case, images, labels, generator):
    """Tunes in the straightforward way; returns the mean loss of every epoch."""
    parameters, norms = groups(model, case)
    model.eval()
    if case.mode != "frozen":
        for module in norms:
            module.train()
            if case.mode == "recalibrate":
                module.momentum = 0.0
    if case.optimizer == "sgd":
        optimizer = torch.optim.SGD(parameters, lr=case.rate, momentum=0.9)
    else:
        optimizer = torch.optim.AdamW(parameters, lr=case.rate)

    def batch_loss(rows, _):
        return F.cross_entropy(model(images[rows]), labels[rows])

    curve = run_epochs(optimizer, batch_loss, generator, len(labels), EPOCHS, BATCH)
    if case.mode == "recalibrate":
        recalibrate(model, norms, images)
    model.eval()
    return curve


def single_precision(model, case, images, labels, make_generator):
    """Losses and state dicts of runs in float32 that sum in different orders."""
    runs = []
    for layout, has_library in (
        (torch.contiguous_format, True), (torch.channels_last, True), (torch.contiguous_format, False)):
        with torch.backends.mkldnn.flags(enabled=has_library):
            tuned = copy.deepcopy(model).to(memory_format=layout)
            curve = reference(tuned, case, images.contiguous(memory_format=layout), labels, make_generator())
        runs.append((curve, tuned.state_dict()))
    return runs


def distance(found, expected, start, steps):
    """Distance from PyTorch's tensor, relative to PyTorch's update; of a frozen tensor, absolute.

    Every step rounds an element by up to 2^-24 of it, which is no small part of a small update: the scales of BatchNorms
    are of order one. That much is no difference.
    """
    found, expected, start = (value.double() for value in (found, expected, start))
    update = (expected - start).norm().item()
    difference = (found - expected).norm().item()
    rounding = steps * 2**-24 * expected.norm().item()
    return max(difference - rounding, 0) / update if update else difference


def compare(bin_folder, make_generator):
    """Prints all rows; returns True if all are within the limit."""
    paths, labels = fixturelib.list_images("train")
    is_within = True
    print("blocks\tloss\tworst tensor\tits distance\tPyTorch's own\tfinal loss")
    for case in CASES:
        rows = torch.linspace(0, len(labels) - 1, case.images).long()
        resize = fixturelib.standard_resize(case.size)
        images = fixturelib.load_batch([paths[i] for i in rows], resize, case.size)
        model = lively_network(case, images)
        start = {key: value.clone().contiguous() for key, value in model.state_dict().items()}
        with tempfile.TemporaryDirectory() as folder:
            save_file(start, f"{folder}/in.safetensors")
            listing = "".join(f"{Path(paths[i]).resolve()}\t{int(labels[i])}\n" for i in rows)
            Path(f"{folder}/train.tsv").write_text(listing)
            out, report = f"{folder}/out.safetensors", f"{folder}/report.json"
            command = [bin_folder / "ckpt-fixres", f"{folder}/in.safetensors", "--data", f"{folder}/train.tsv"]
            command += ["--arch", case.name, "--train", case.train, "--optimizer", case.optimizer, "--lr", case.rate]
            command += ["--resize", resize, "--crop", case.size, "--batch-size", BATCH, "--epochs", EPOCHS]
            command += ["--layer-decay", case.decay, "--quiet", "-o", out, "--report", report]
            if any(isinstance(module, _BatchNorm) for module in model.modules()):
                command += ["--bn", case.mode]
            subprocess.run([str(part) for part in command], check=True)
            found = load_file(out)
            losses = [row["train"]["loss"] for row in json.loads(Path(report).read_text())["epochs"]]
        double = copy.deepcopy(model).double()
        singles = single_precision(model, case, images, labels[rows], make_generator)
        curve = reference(double, case, images.double(), labels[rows], make_generator())
        loss_error = max(abs(a - b) for a, b in zip(losses, curve, strict=True))
        # Steps are counted by integers, which PyTorch counts up in its own passes of recalibration too.
        steps = EPOCHS * math.ceil(case.images / BATCH)
        expected = {key: value for key, value in double.state_dict().items() if value.is_floating_point()}

        def errors(tensors):
            return {key: distance(tensors[key], value, start[key], steps) for key, value in expected.items()}

        ours, own = errors(found), max(max(errors(state).values()) for _, state in singles)
        own_loss = max(abs(a - b) for single, _ in singles for a, b in zip(single, curve, strict=True))
        worst = max(ours, key=ours.get)
        is_within &= loss_error < max(LIMIT, 2 * own_loss) and ours[worst] < max(LIMIT, 2 * own)
        print(f"{case}\t{loss_error:.1e}\t{worst}\t{ours[worst]:.1e}\t{own:.1e}\t{curve[-1]:.4f}", flush=True)
    return is_within
