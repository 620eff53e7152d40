"""Compares the engine's logits and batch statistics with PyTorch's for models with random weights.

    python Tests/Interop/logits.py ENGINE [--out RESULTS.tsv] [--only REGEX] [--source torchvision|timm|all]

ENGINE is the built `engine` executable. Every model gets random weights and random BatchNorm statistics from a fixed
seed, in float32; the reference runs in float64, so the error is the engine's alone. One row per model: source, name,
what the engine recognised, size of the input, largest error relative to the largest logit in inference mode, with batch
statistics, and of the batch means and variances (relative to the layer's largest).
"""

import argparse
import copy
import math
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

TORCHVISION = """
resnet18 resnet34 resnet50 resnet101 resnet152 resnext50_32x4d resnext101_32x8d resnext101_64x4d wide_resnet50_2
wide_resnet101_2
""".split()

TIMM = """
resnet18 resnet50 resnext50_32x4d wide_resnet50_2
""".split()

# The engine does not recognise these without being told, because the state dict does not tell them apart.
NEEDS_NAME = set()


def randomise(model, seed):
    """Random weights that keep activations of order one through any depth, and BatchNorms far from identity."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(like, low, high):
        return torch.empty_like(like).uniform_(low, high, generator=generator)

    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
                fan_in = module.weight[0].numel()
                module.weight.normal_(0, math.sqrt(2 / fan_in), generator=generator)
                if module.bias is not None:
                    module.bias.copy_(uniform(module.bias, -0.2, 0.2))
            elif hasattr(module, "running_mean") and module.running_mean is not None:
                module.weight.copy_(uniform(module.weight, 0.5, 1.0))
                module.bias.copy_(uniform(module.bias, -0.2, 0.2))
                module.running_mean.copy_(uniform(module.running_mean, -0.3, 0.3))
                module.running_var.copy_(uniform(module.running_var, 0.5, 2.0))
    return model


def input_size(name):
    if "inception" in name:
        return 139  # its auxiliary head and stem need more pixels than the others
    return 97 if "vgg" not in name else 64


def batch_statistics(model, x):
    """Logits with batch statistics and the moments of every BatchNorm's input; dropout stays off."""
    moments = {}
    hooks = []
    for name, module in model.named_modules():
        if hasattr(module, "running_mean") and module.running_mean is not None:
            module.train()

            def hook(module, inputs, name=name):
                value = inputs[0]
                moments[name] = (value.mean((0, 2, 3)), value.var((0, 2, 3), unbiased=False))

            hooks.append(module.register_forward_pre_hook(hook))
    logits = model(x)
    for hook in hooks:
        hook.remove()
    return logits, moments


def relative(found, expected):
    scale = expected.abs().max().clamp_min(1e-30)
    return ((found.double() - expected).abs().max() / scale).item()


def check(engine, source, name, build, directory):
    model = randomise(build(), seed=0).eval()
    size = input_size(name)
    x = torch.randn(4, 3, size, size + 7, generator=torch.Generator().manual_seed(1))
    paths = [str(directory / part) for part in ("model.safetensors", "input.safetensors", "out.safetensors")]
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, paths[0])
    save_file({"input": x.permute(0, 2, 3, 1).contiguous()}, paths[1])
    command = [engine, "logits", *paths]
    if name in NEEDS_NAME:
        command += ["--arch", name]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        return [source, name, "FAILED: " + run.stderr.strip().split("\n")[0], f"{size}x{size + 7}"] + ["-"] * 3
    found = load_file(paths[2])
    reference = copy.deepcopy(model).double()
    with torch.no_grad():
        logits = reference(x.double())
        batch_logits, moments = batch_statistics(reference, x.double())
    worst = 0.0
    for layer, (mean, variance) in moments.items():
        scale = variance.sqrt().max().clamp_min(1e-30)
        worst = max(worst, ((found[layer + ".mean"] - mean).abs().max() / scale).item())
        worst = max(worst, relative(found[layer + ".variance"], variance))
    unseen = {k.rsplit(".", 1)[0] for k in found if k.endswith(".mean")} - set(moments)
    if unseen:
        return [source, name, f"FAILED: moments of {sorted(unseen)[0]}, which PyTorch does not run", "-"] + ["-"] * 3
    errors = [relative(found["logits"], logits), relative(found["batch_logits"], batch_logits), worst]
    return [source, name, run.stdout.split("\t")[0], f"{size}x{size + 7}"] + [f"{e:.1e}" for e in errors]


def models(which):
    if which in ("torchvision", "all"):
        import torchvision

        for name in TORCHVISION:
            yield "torchvision", name, lambda name=name: torchvision.models.get_model(name, weights=None)
    if which in ("timm", "all"):
        import timm

        for name in TIMM:
            yield "timm", name, lambda name=name: timm.create_model(name, pretrained=False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("engine")
    parser.add_argument("--out")
    parser.add_argument("--only", default="")
    parser.add_argument("--source", default="all", choices=["torchvision", "timm", "all"])
    options = parser.parse_args()

    import timm
    import torchvision

    lines = [
        f"# torch {torch.__version__}, torchvision {torchvision.__version__}, timm {timm.__version__}",
        "source\tmodel\trecognised\tinput\tlogits\tbatch_logits\tmoments",
    ]
    print("\n".join(lines), flush=True)
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        for source, name, build in models(options.source):
            if not re.search(options.only, name):
                continue
            row = check(options.engine, source, name, build, Path(directory))
            failed += row[4] == "-" or float(row[4]) > 1e-4
            lines.append("\t".join(row))
            print(lines[-1], flush=True)
    if options.out:
        Path(options.out).write_text("\n".join(lines) + "\n")
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
