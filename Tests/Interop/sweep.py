"""Compares every prediction of ckpt-sweep with PyTorch, torchvision and timm on the bundled images.

    python Tests/Interop/sweep.py BIN_FOLDER

For each checkpoint, resize, crop and interpolation the predicted class of every image must be the same, top-1 and top-5
equal and the cross-entropy equal to 1e-5; likewise for timm's resize modes and test-time pooling, for flipped, five and
ten crops, and for an ensemble.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from timm.data import create_transform
from timm.layers.test_time_pool import TestTimePoolHead
from torchvision import transforms
from torchvision.transforms import InterpolationMode

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
sys.path.insert(0, str(FIXTURES))
import fixturelib as lib  # noqa: E402

RESIZES = range(48, 73, 4)
CROPS = (48, 56)
FILTERS = ("bilinear", "bicubic")
DATA = FIXTURES / "digits/val"


def measured(tool, checkpoints, *options):
    """Rows of the report and the predictions, [settings, images]."""
    with tempfile.TemporaryDirectory() as folder:
        predictions = Path(folder) / "predictions.npy"
        command = [tool, *checkpoints, "--data", DATA, "--format", "json", "--quiet", "--predictions", predictions]
        output = subprocess.run([*command, *options], check=True, capture_output=True).stdout
        return json.loads(output)["rows"], np.load(predictions)


def chunks(items, size=64):
    return [items[start : start + size] for start in range(0, len(items), size)]


@torch.no_grad()
def outcome(probabilities, labels):
    """Predictions, top-1, top-5 and cross-entropy of probabilities, [images, classes]."""
    ranks = probabilities.topk(5).indices == labels[:, None]
    loss = torch.nn.functional.nll_loss(probabilities.log(), labels).item()
    return probabilities.argmax(1).numpy(), ranks[:, 0].double().mean().item(), ranks.any(1).double().mean().item(), loss


@torch.no_grad()
def probabilities(models, views):
    """Mean over models of the probabilities of mean logits over views; every view is a list of normalised images."""
    each = []
    for model in models:
        logits = [torch.cat([model(torch.stack(part)) for part in chunks(view)]).double() for view in views]
        each.append(torch.stack(logits).mean(0).softmax(1))
    return torch.stack(each).mean(0)


def resized(row, pictures):
    """The pictures after torchvision's Resize."""
    return [transforms.Resize(row["resize"], InterpolationMode(row["interpolation"]))(p) for p in pictures]


def cropped(row, pictures):
    """One view: torchvision's Resize and CenterCrop."""
    shape = transforms.Compose([transforms.CenterCrop(row["crop"]), lib.to_normalised_tensor()])
    return [[shape(p) for p in resized(row, pictures)]]


def flipped(row, pictures):
    """The centre crop, and the centre crop of the mirror image."""
    return cropped(row, pictures) + cropped(row, [transforms.functional.hflip(p) for p in pictures])


def several(crops):
    """The views of torchvision's FiveCrop or TenCrop."""

    def views(row, pictures):
        normalise = lib.to_normalised_tensor()
        all_views = [[normalise(v) for v in crops(row["crop"])(p)] for p in resized(row, pictures)]
        return [list(view) for view in zip(*all_views)]

    return views


def timm_mode(mode):
    """One view: timm's evaluation transform of a crop mode."""

    def views(row, pictures):
        shape = create_transform(
            (3, row["crop"], row["crop"]), interpolation=row["interpolation"], crop_pct=row["crop"] / row["resize"],
            crop_mode=mode)  # fmt: skip
        return [[shape(p) for p in pictures]]

    return views


class Comparison:
    """Counts what differs from the references."""

    def __init__(self, tool):
        self.tool = tool
        paths, self.labels = lib.list_images("val")
        self.pictures = [lib.open_rgb(path) for path in paths]
        self.settings, self.differing, self.worst = 0, 0, 0.0

    def check(self, models, views, row, own):
        expected, top1, top5, loss = outcome(probabilities(models, views(row, self.pictures)), self.labels)
        self.settings += 1
        self.differing += int((own != expected).sum())
        self.worst = max(self.worst, abs(row["loss"] - loss))
        assert row["top1"] == top1 and row["top5"] == top5, (row, top1, top5)

    def run(self, checkpoints, models, views, count, *options):
        """Compares `count` settings that the options give."""
        rows, predictions = measured(self.tool, checkpoints, *options)
        assert len(rows) == count, (len(rows), count)
        for row, own in zip(rows, predictions):
            self.check(models, views, row, own)


def main():
    comparison = Comparison(Path(sys.argv[1]) / "ckpt-sweep")
    checkpoints = [lib.series(FIXTURES / "run")[-1], lib.series(FIXTURES / "run-64")[-1]]
    models = [lib.model_from(load_file(path)) for path in checkpoints]
    grid = ["--resize", f"{RESIZES[0]}:{RESIZES[-1]}:{RESIZES.step}", "--crop", ",".join(map(str, CROPS))]
    grid += ["--interpolation", ",".join(FILTERS)]
    for path, model in zip(checkpoints, models):
        comparison.run([path], [model], cropped, len(RESIZES) * len(CROPS) * len(FILTERS), *grid)

    one = ["--resize", "60,64", "--crop", "56"]
    path, model = checkpoints[0], models[0]
    comparison.run([path], [model], cropped, 2, "--ratio", "0.875,0.7", "--crop", "56")
    comparison.run([path], [model], flipped, 2, *one, "--views", "flip")
    comparison.run([path], [model], several(transforms.FiveCrop), 2, *one, "--views", "five")
    comparison.run([path], [model], several(transforms.TenCrop), 2, *one, "--views", "ten")
    comparison.run([path], [model], timm_mode("squash"), 2, *one, "--resize-mode", "squash")
    comparison.run([path], [model], timm_mode("border"), 2, *one, "--resize-mode", "border")
    comparison.run(checkpoints, models, cropped, 2, *one, "--ensemble")
    # Trained at 48 pixels, where the last map is 2x2.
    pooled = [TestTimePoolHead(lib.TimmBase(model), 2).eval()]
    comparison.run([path], pooled, cropped, 2, "--crop", "72,96", "--pooling", "test-time")
    print(
        f"{comparison.settings} settings of {len(comparison.labels)} images: {comparison.differing} predictions differ, "
        f"loss differs by at most {comparison.worst:.1e}"
    )
    assert comparison.differing == 0 and comparison.worst < 1e-5


if __name__ == "__main__":
    main()
