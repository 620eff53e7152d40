"""Random networks in which an ignored tensor shows, and images to look at with them.

Initializers leave many parameters at 0, 1 or nearly 0 (the last scale of a block, biases, layer scales, gates, tables
of positions, tokens), and fresh BatchNorm statistics are those of no data. A network read wrongly then gives nearly the
right logits. Here every parameter is drawn, the statistics are those of images, and the classifier is scaled until
losses tell networks apart.
"""

import zlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn.modules.batchnorm import _BatchNorm

CLASSES = 5
SPREAD = 3.0


def drawn(name, parameter, generator):
    """A random value of the parameter, of a size that keeps activations of order one."""
    noise = torch.randn(parameter.shape, generator=generator)
    last = name.rsplit(".", 1)[-1]
    if parameter.dim() <= 1:
        if last.startswith(("weight", "gamma")):
            return 1 + 0.25 * noise
        # Gains, temperatures and exponents keep their order of magnitude.
        return 0.25 * noise if last.startswith(("bias", "beta")) else parameter + 0.25 * noise
    table = any(word in last for word in ("pos", "token", "table", "bias"))
    if last.endswith("weight") or (parameter.dim() == 2 and not table):
        return noise * (1.5 / parameter[0].numel()) ** 0.5
    return parameter + (0.5 if table else 0.25) * noise


def lively(model):
    """Draws every parameter; the values depend on a tensor's name alone, and on what the initializer left there."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
            parameter.copy_(drawn(name, parameter, generator))
    return model


def calibrated(model, x):
    """Sets all BatchNorm statistics to those of the images, without dropout and stochastic depth."""
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    for module in norms:
        module.momentum = 1.0
    for module in model.modules():
        for rate in ("p", "drop_prob"):
            if "Drop" in type(module).__name__ or "Stochastic" in type(module).__name__:
                if isinstance(getattr(module, rate, None), float):
                    setattr(module, rate, 0.0)
    if norms:
        model.train()
        with torch.no_grad():
            model(x)
    return model.eval()


def classifiers(model):
    """The layers whose outputs are the logits."""
    kinds = (torch.nn.Linear, torch.nn.Conv2d)
    layers = [m for m in model.modules() if isinstance(m, kinds) and len(m.weight) == CLASSES]
    known = model.get_classifier() if hasattr(model, "get_classifier") else []
    parts = known if isinstance(known, (tuple, list)) else [known]
    own = {id(m) for part in parts if isinstance(part, torch.nn.Module) for m in part.modules()}
    return [m for m in layers if id(m) in own] or layers[-1:]


def sharp(model, x):
    """Scales the classifier such that the logits have a standard deviation of `SPREAD`."""
    with torch.no_grad():
        scale = SPREAD / max(model(x).std().item(), 1e-12)
        for layer in classifiers(model):
            layer.weight.mul_(scale)
            if layer.bias is not None:
                layer.bias.mul_(scale)
    return model


def picture(seed, size):
    """An image with structure at every scale, [size, size, 3] of bytes: random grids from coarse to fine."""
    generator = np.random.default_rng(seed)
    total = np.zeros((size, size, 3), np.float64)
    cells = 2
    while cells < size:
        grid = Image.fromarray(generator.integers(0, 256, (cells, cells, 3), np.uint8))
        total += np.asarray(grid.resize((size, size), Image.Resampling.BICUBIC), np.float64) / cells**0.5
        cells *= 2
    low, high = total.min((0, 1)), total.max((0, 1))
    return np.round((total - low) / (high - low) * 255).astype(np.uint8)


def image_folder(folder, size, grey=False):
    """Writes a PNG for each class in folders of their own; returns the pixels from 0 to 1, [images, 3, size, size]."""
    pixels = []
    for label in range(CLASSES):
        image = Image.fromarray(picture(label, size))
        image = image.convert("L").convert("RGB") if grey else image
        (Path(folder) / str(label)).mkdir(parents=True, exist_ok=True)
        image.save(Path(folder) / str(label) / "image.png")
        pixels.append(torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255)
    return torch.stack(pixels)
