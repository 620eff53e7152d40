"""Compares every prediction of ckpt-sweep with PyTorch and torchvision on the bundled images.

    python Tests/Interop/sweep.py BIN_FOLDER

For each checkpoint, resize, crop and interpolation the predicted class of every image must be the same, top-1 and top-5
equal and the cross-entropy equal to 1e-5.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torchvision import transforms
from torchvision.transforms import InterpolationMode

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
sys.path.insert(0, str(FIXTURES))
import fixturelib as lib  # noqa: E402

RESIZES = range(48, 73, 4)
CROPS = (48, 56)
FILTERS = ("bilinear", "bicubic")


def measured(tool, checkpoint, folder):
    """Rows of the report and the predictions, [settings, images]."""
    predictions = Path(folder) / "predictions.npy"
    command = [tool, checkpoint, "--data", FIXTURES / "digits/val", "--format", "json", "--quiet"]
    command += ["--resize", f"{RESIZES[0]}:{RESIZES[-1]}:{RESIZES.step}", "--crop", ",".join(map(str, CROPS))]
    command += ["--interpolation", ",".join(FILTERS), "--predictions", predictions]
    report = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return report["rows"], np.load(predictions)


@torch.no_grad()
def reference(model, pictures, labels, row):
    """Predictions, top-1, top-5 and cross-entropy of PyTorch for the setting of `row`."""
    transform = transforms.Compose(
        [
            transforms.Resize(row["resize"], InterpolationMode(row["interpolation"])),
            transforms.CenterCrop(row["crop"]),
            lib.to_normalised_tensor(),
        ]
    )
    logits = torch.cat([model(torch.stack([transform(p) for p in part])) for part in chunks(pictures)])
    ranks = logits.topk(5).indices == labels[:, None]
    loss = torch.nn.functional.cross_entropy(logits.double(), labels).item()
    return logits.argmax(1).numpy(), ranks[:, 0].double().mean().item(), ranks.any(1).double().mean().item(), loss


def chunks(items, size=64):
    return [items[start : start + size] for start in range(0, len(items), size)]


def main():
    tool = Path(sys.argv[1]) / "ckpt-sweep"
    paths, labels = lib.list_images("val")
    pictures = [lib.open_rgb(path) for path in paths]
    settings, differing, worst = 0, 0, 0.0
    for checkpoint in (lib.series(FIXTURES / "run")[-1], lib.series(FIXTURES / "run-64")[-1]):
        model = lib.model_from(load_file(checkpoint))
        with tempfile.TemporaryDirectory() as folder:
            rows, predictions = measured(tool, checkpoint, folder)
        assert len(rows) == len(RESIZES) * len(CROPS) * len(FILTERS)
        for row, own in zip(rows, predictions):
            expected, top1, top5, loss = reference(model, pictures, labels, row)
            settings += 1
            differing += int((own != expected).sum())
            worst = max(worst, abs(row["loss"] - loss))
            assert row["top1"] == top1 and row["top5"] == top5, (checkpoint.name, row, top1, top5)
    print(
        f"{settings} settings of {len(paths)} images: {differing} predictions differ, loss differs by at most {worst:.1e}"
    )
    assert differing == 0 and worst < 1e-5


if __name__ == "__main__":
    main()
