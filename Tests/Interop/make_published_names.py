"""Writes Sources/Networks/NetworkGraphs/Recognition/PublishedNames.swift: the names that timm and torchvision publish for
the families that ckpt-tools knows, each with a digest of its state dict's layout.

    python Tests/Interop/make_published_names.py

The digest is FNV-1a (64 bits) of the lines `name:d0,d1,…` of all floating-point tensors, sorted by their bytes, with `*`
for the number of classes and without auxiliary heads. Names of networks that compute otherwise than their family does in
Swift (see EXCLUDED) are left out, so that they stay unknown.
"""

from pathlib import Path

import timm
import torch
import torchvision

TIMM_MODULES = [
    "densenet", "efficientnet", "efficientvit_mit", "hgnet", "inception_resnet_v2", "inception_v3", "inception_v4", "mobilenetv3", "regnet",
    "res2net", "resnest", "resnet", "senet", "sknet", "vgg", "xception",
]
AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
OUTPUT = Path(__file__).resolve().parents[2] / "Sources/Networks/NetworkGraphs/Recognition/PublishedNames.swift"

# Blurring and averaging in place of strides, group norms, other activations or paddings than the family's.
EXCLUDED_PARTS = ("aa", "blur", "_gn", "resnetv2", "_can")


def layout(build):
    """Names and shapes, with None where a dimension follows the number of classes."""
    try:
        with torch.device("meta"):
            first, second = (build(classes).state_dict() for classes in (10, 11))
    except (NotImplementedError, RuntimeError):  # an initializer that reads values
        first, second = (build(classes).state_dict() for classes in (10, 11))
    for name, tensor in first.items():
        if tensor.is_floating_point() and not name.startswith(AUXILIARY):
            yield name, [a if a == b else None for a, b in zip(tensor.shape, second[name].shape)]


def digest(layout):
    lines = sorted(
        f"{name}:{','.join('*' if extent is None else str(extent) for extent in shape)}\n".encode()
        for name, shape in layout)
    value = 0xCBF29CE484222325
    for byte in b"".join(lines):
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def candidates():
    for name in torchvision.models.list_models(module=torchvision.models):
        options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        yield name, lambda classes, name=name, options=options: torchvision.models.get_model(
            name, weights=None, num_classes=classes, **options)
    for module in TIMM_MODULES:
        for name in timm.list_models(module=module):
            yield name, lambda classes, name=name: timm.create_model(name, num_classes=classes)


def main():
    rows = {}
    for name, build in candidates():
        if any(part in name for part in EXCLUDED_PARTS):
            continue
        try:
            rows.setdefault(name, set()).add(digest(layout(build)))
        except Exception as error:
            print(f"{name}: {error}")
    lines = "\n".join(f"    {name} {' '.join(sorted(found))}" for name, found in sorted(rows.items()))
    OUTPUT.write_text(f'''// swift-format-ignore-file
// Written by Tests/Interop/make_published_names.py with torch {torch.__version__}, torchvision
// {torchvision.__version__} and timm {timm.__version__}: a published name and the digests of its layouts, see `Layout`.

extension PublishedNames {{
  static let table = """
{lines}
    """
}}
''')
    print(f"{len(rows)} names")


if __name__ == "__main__":
    main()
