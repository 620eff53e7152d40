"""Compares ckpt-bnfix with PyTorch on networks of several families.

    python Tests/Interop/bnfix.py BIN_FOLDER

Random weights, ten fixture images in batches of four, four and two. The references: torch.optim.swa_utils.update_bn,
the plain average of the batches' moments, and the moments of all positions pooled in float64 as fvcore's
update_bn_stats does. One row per network and estimator: the largest difference of a running mean, and of a running
standard deviation, in units of that standard deviation. Differences above 1e-4 fail.
"""

import pathlib
import subprocess
import sys
import tempfile

import torch
import torchvision
from PIL import Image
from safetensors.torch import load_file, save_file
from torchvision import transforms

NETWORKS = ["resnet18", "resnet50", "resnext50_32x4d", "mobilenet_v2", "efficientnet_b0", "densenet121"]
FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "fixtures"
RESIZE, CROP, BATCH, IMAGES = 110, 96, 4, 10


def images(folder):
    """Copies the images into one unlabelled folder and gives them as the tool reads them."""
    view = transforms.Compose([
        transforms.Resize(RESIZE), transforms.CenterCrop(CROP), transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ])
    paths = sorted((FIXTURES / "digits/val").glob("*/*.jpg"))[:: 41][:IMAGES]
    tensors = []
    for index, path in enumerate(paths):
        (folder / f"{index:02}.jpg").write_bytes(path.read_bytes())
        tensors.append(view(Image.open(path).convert("RGB")))
    return torch.stack(tensors)


def batch_norms(model):
    return {n: m for n, m in model.named_modules() if isinstance(m, torch.nn.BatchNorm2d)}


def moments_of_batches(model, batches):
    """Per layer and batch: count, mean and biased variance of its input in float64, in train mode."""
    found = {name: [] for name in batch_norms(model)}

    def hook(name):
        def record(module, inputs, output):
            x = inputs[0].double().transpose(0, 1).flatten(1)
            found[name].append((x.shape[1], x.mean(1), x.var(1, unbiased=False)))
        return record

    handles = [module.register_forward_hook(hook(name)) for name, module in batch_norms(model).items()]
    for module in batch_norms(model).values():
        module.train()
    with torch.no_grad():
        for batch in batches:
            model(batch)
    for handle in handles:
        handle.remove()
    return found


def pooled(moments):
    total = sum(n for n, _, _ in moments)
    mean = sum(n * m for n, m, _ in moments) / total
    return mean, sum(n * (v + (m - mean) ** 2) for n, m, v in moments) / total


def batch_mean(moments):
    return (sum(m for _, m, _ in moments) / len(moments),
            sum(v * n / (n - 1) for n, _, v in moments) / len(moments))


def references(model, batches):
    """Estimator -> layer -> (mean, variance), computed in float64."""
    model = model.double().eval()
    batches = [batch.double() for batch in batches]
    moments = moments_of_batches(model, batches)
    result = {"pooled": {n: pooled(m) for n, m in moments.items()},
              "batch-mean": {n: batch_mean(m) for n, m in moments.items()}}
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        if isinstance(module, torchvision.ops.StochasticDepth):
            module.p = 0.0
    torch.optim.swa_utils.update_bn(batches, model)
    result["torch"] = {n: (m.running_mean.double(), m.running_var.double()) for n, m in batch_norms(model).items()}
    return result


def main():
    tool = pathlib.Path(sys.argv[1]) / "ckpt-bnfix"
    failed = False
    print("network\testimator\tmean\tdeviation")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "data").mkdir()
        batches = list(images(folder / "data").split(BATCH))
        for network in NETWORKS:
            torch.manual_seed(0)
            model = torchvision.models.get_model(network, weights=None)
            save_file(model.state_dict(), folder / "model")
            for estimator, layers in references(model, batches).items():
                subprocess.run(
                    [tool, folder / "model", "--data", folder / "data", "--no-shuffle", "--quiet",
                     "--batch-size", str(BATCH), "--estimator", estimator, "--resize", str(RESIZE),
                     "--crop", str(CROP), "-o", folder / "out"], check=True)
                found = load_file(folder / "out")
                worst = [0.0, 0.0]
                for layer, (mean, variance) in layers.items():
                    deviation = variance.sqrt() + 1e-12
                    mean_error = (found[f"{layer}.running_mean"].double() - mean).abs() / deviation
                    deviation_error = (found[f"{layer}.running_var"].double().sqrt() - variance.sqrt()).abs() / deviation
                    worst = [max(worst[0], mean_error.max().item()), max(worst[1], deviation_error.max().item())]
                failed |= max(worst) > 1e-4
                print(f"{network}\t{estimator}\t{worst[0]:.1e}\t{worst[1]:.1e}", flush=True)
    sys.exit(failed)


main()
