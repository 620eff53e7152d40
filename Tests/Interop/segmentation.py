"""Compares ckpt-bnfix with PyTorch on networks for segmentation and detection, described by ONNX files of both exporters.

    python Tests/Interop/segmentation.py BIN_FOLDER [--all] [--only REGEX]

torchvision's FCN, DeepLab V3 and LR-ASPP, the backbones with feature pyramids of Faster R-CNN and RetinaNet, small
networks of the layers of U-Net, YOLO and BiFPN (segmentation_networks.py), and, where they are installed (`make
segmentation` installs them), segmentation-models-pytorch and Ultralytics; without --all, the small ones. Random parameters
(lively.py), fixture images in batches of four, four and two; the references are those of bnfix.py in float64. One row per
network, exporter and estimator: the largest difference of a running mean and of a running standard deviation, in units
of that deviation, which fails above 1e-4, or above twice PyTorch's own float32 rounding. Shards and their merge give the
bytes of a single run.

Then a U-Net is trained to find the digits of the fixtures: mean intersection over union of its last checkpoints, of their
mean, and of that after ckpt-bnfix, which must not be worse. Benchmarks/segmentation.py measures speed.
"""

import argparse
import contextlib
import copy
import io
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import warnings

import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from safetensors.torch import load_file, save_file
from torchvision import transforms

from bnfix import by_key, references, updated, worst_difference
from lively import lively
from segmentation_networks import Fusion, Outputs, UNet, Yolo

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "fixtures"
BATCH, IMAGES, LIMIT = 4, 10, 1e-4
SAMPLE = [
    "lraspp_mobilenet_v3_large", "fasterrcnn_mobilenet_v3_large_fpn backbone", "unet", "unet of odd maps", "yolo", "bifpn"]


def builders(folder):
    """Name -> (builder, size of the input); libraries may leave files in the folder."""
    segmentation, detection = torchvision.models.segmentation, torchvision.models.detection
    plain = {"weights": None, "weights_backbone": None}
    found = {
        "fcn_resnet50": (lambda: segmentation.fcn_resnet50(**plain, num_classes=5, aux_loss=True), 96),
        "deeplabv3_resnet50": (lambda: segmentation.deeplabv3_resnet50(**plain, num_classes=5), 96),
        "deeplabv3_mobilenet_v3_large": (
            lambda: segmentation.deeplabv3_mobilenet_v3_large(**plain, num_classes=5), 128),
        "lraspp_mobilenet_v3_large": (lambda: segmentation.lraspp_mobilenet_v3_large(**plain, num_classes=5), 128),
        "fasterrcnn_resnet50_fpn backbone": (lambda: detection.fasterrcnn_resnet50_fpn(**plain).backbone, 96),
        "fasterrcnn_resnet50_fpn_v2 backbone": (lambda: detection.fasterrcnn_resnet50_fpn_v2(**plain).backbone, 96),
        "fasterrcnn_mobilenet_v3_large_fpn backbone": (
            lambda: detection.fasterrcnn_mobilenet_v3_large_fpn(**plain).backbone, 128),
        "retinanet_resnet50_fpn_v2 backbone": (lambda: detection.retinanet_resnet50_fpn_v2(**plain).backbone, 96),
        "unet": (UNet, 64),
        "unet of odd maps": (UNet, 76),
        "yolo": (Yolo, 96),
        "bifpn": (Fusion, 64),
    }
    try:
        import segmentation_models_pytorch as smp

        for kind in ("Unet", "FPN", "DeepLabV3Plus"):
            found[f"smp {kind}"] = (
                lambda kind=kind: getattr(smp, kind)("resnet18", encoder_weights=None, classes=3), 96)
    except ImportError:
        print("# segmentation_models_pytorch is not installed: left out")
    # Its settings are nobody's but this run's.
    os.environ["YOLO_CONFIG_DIR"] = str(folder)
    try:
        from ultralytics.nn.tasks import DetectionModel

        found["yolov8n"] = (lambda: DetectionModel("yolov8n.yaml", verbose=False), 96)
        found["yolov5nu"] = (lambda: DetectionModel("yolov5n.yaml", verbose=False), 96)
    except ImportError:
        print("# ultralytics is not installed: left out")
    return found


def export(model, size, path, new):
    x = torch.zeros(2, 3, size, size)
    net = Outputs(model).eval()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        if new:
            torch.onnx.export(net, (x,), str(path), dynamo=True, optimize=False, external_data=False, opset_version=18)
        else:
            torch.onnx.export(net, (x,), str(path), dynamo=False, training=torch.onnx.TrainingMode.PRESERVE,
                              do_constant_folding=False, input_names=["x"], opset_version=17,
                              dynamic_axes={"x": {0: "n", 2: "h", 3: "w"}})


def state_of(model):
    return {key: value.clone().contiguous() for key, value in model.state_dict().items()}


class Bench:
    """The tool on a folder of images, and rows of what it gives."""

    def __init__(self, tools, folder):
        self.tools, self.folder, self.failed = tools, folder, False
        (folder / "data").mkdir()
        self.paths = sorted((FIXTURES / "digits/val").glob("*/*.jpg"))[::41][:IMAGES]
        for index, path in enumerate(self.paths):
            shutil.copy(path, folder / "data" / f"{index:02}.jpg")

    def run(self, size, options, output="out"):
        subprocess.run(
            [self.tools / "ckpt-bnfix", self.folder / "model", "--data", self.folder / "data", "--no-shuffle", "--quiet",
             "--arch", self.folder / "model.onnx", "--resize", str(size), "--crop", str(size), "--resize-mode", "squash",
             *(["--batch-size", str(BATCH)] if "--batch-size" not in options else []), *options,
             *(["-o", self.folder / output] if "--stats-out" not in options else [])], check=True)
        return load_file(self.folder / output) if "--stats-out" not in options else None

    def row(self, *names, worst, limit=LIMIT):
        self.failed |= not max(worst) <= limit
        print(*names, *(f"{value:.1e}" for value in worst), sep="\t", flush=True)

    def images(self, size):
        view = transforms.Compose([
            transforms.Resize((size, size)), transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
        return torch.stack([view(Image.open(path).convert("RGB")) for path in self.paths])

    def compare(self, name, build, size):
        torch.manual_seed(0)
        model = lively(build().float()).eval()
        state = state_of(model)
        save_file(state, self.folder / "model")
        images = self.images(size)
        _, single = updated(copy.deepcopy(model), list(images.split(BATCH)))
        expected = references(copy.deepcopy(model), images)
        _, double = updated(copy.deepcopy(model).double(), list(images.double().split(BATCH)))
        rounding = 2 * max(worst_difference(by_key(single), double))
        for new in (False, True):
            exporter = "dynamo" if new else "torchscript"
            export(copy.deepcopy(model), size, self.folder / "model.onnx", new)
            for reference, (options, layers) in expected.items():
                worst = worst_difference(self.run(size, options), layers)
                self.row(name, exporter, reference, worst=worst, limit=max(LIMIT, rounding))
        self.shards(name, size)

    def shards(self, name, size):
        """Both halves of the batches, merged, against a single run."""
        self.run(size, [], "whole")
        parts = [str(self.folder / f"part{index}") for index in range(2)]
        for index, part in enumerate(parts):
            self.run(size, ["--shard", f"{index}/2", "--stats-out", part])
        subprocess.run(
            [self.tools / "ckpt-bnfix", self.folder / "model", "--arch", self.folder / "model.onnx", "--quiet", "--merge",
             *parts, "-o", self.folder / "merged"], check=True)
        whole, merged = load_file(self.folder / "whole"), load_file(self.folder / "merged")
        self.row(name, "dynamo", "shards", worst=[float(any(not torch.equal(whole[k], merged[k]) for k in whole))])


# A segmentation that is really trained.

SIDE, CLASSES = 48, 2


def masks(paths):
    """Images and masks of the digits: pixels that differ from the median of the border by more than half of the range."""
    images, targets = [], []
    for path in paths:
        image = Image.open(path).convert("RGB").resize((SIDE, SIDE), Image.BILINEAR)
        pixels = transforms.functional.to_tensor(image)
        gray = pixels.mean(0)
        border = torch.cat([gray[0], gray[-1], gray[:, 0], gray[:, -1]]).median()
        distance = (gray - border).abs()
        images.append((pixels - 0.5) / 0.25)
        targets.append((distance > distance.max() / 2).long())
    return torch.stack(images), torch.stack(targets)


@torch.no_grad()
def mean_iou(model, images, targets):
    found = torch.cat([model.eval()(part).argmax(1) for part in images.split(64)])
    scores = []
    for label in range(CLASSES):
        both = ((found == label) & (targets == label)).sum().item()
        either = ((found == label) | (targets == label)).sum().item()
        scores.append(both / max(either, 1))
    return sum(scores) / CLASSES


def trained(bench, epochs=8, last=4):
    """The checkpoints of the last epochs of a U-Net; a high rate makes their mean worth having."""
    torch.manual_seed(1)
    model = UNet((8, 16, 24), CLASSES)
    paths = sorted((FIXTURES / "digits/train").glob("*/*.jpg"))
    images, targets = masks(paths)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(epochs):
        model.train()
        for rows in torch.randperm(len(images)).split(32):
            if len(rows) < 2:
                continue
            loss = F.cross_entropy(model(images[rows]), targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if epoch >= epochs - last:
            save_file(state_of(model), bench.folder / f"epoch-{epoch}.safetensors")
    export(copy.deepcopy(model), SIDE, bench.folder / "unet.onnx", False)
    return model, [bench.folder / f"epoch-{epoch}.safetensors" for epoch in range(epochs - last, epochs)]


def gain(bench):
    """Mean IoU of checkpoints, of their mean and of that after ckpt-bnfix."""
    model, files = trained(bench)
    images, targets = masks(sorted((FIXTURES / "digits/val").glob("*/*.jpg")))

    def score(path):
        model.load_state_dict(load_file(path))
        return mean_iou(model, images, targets)

    mean, fixed = bench.folder / "mean.safetensors", bench.folder / "fixed.safetensors"
    subprocess.run([bench.tools / "ckpt-average", *files, "--quiet", "-o", mean], check=True)
    subprocess.run(
        [bench.tools / "ckpt-bnfix", mean, "--arch", bench.folder / "unet.onnx", "--data", FIXTURES / "digits/train",
         "--resize-mode", "squash", "--resize", str(SIDE), "--crop", str(SIDE), "--mean", "0.5", "--std", "0.25", "--quiet",
         "-o", fixed], check=True)
    for path in files:
        print("mean IoU", path.stem, f"{score(path):.4f}", sep="\t")
    before, after = score(mean), score(fixed)
    print("mean IoU", "mean as it is", f"{before:.4f}", sep="\t")
    print("mean IoU", "mean after ckpt-bnfix", f"{after:.4f}", sep="\t")
    bench.failed |= not after >= before


# Files for the commands of the manual and the README.


def write_recipe_files(folder):
    """Runs of a U-Net and a YOLO network with their ONNX files, and some images."""
    for name, build, size in (("unet", UNet, 64), ("yolo", lambda: Yolo(4), 64)):
        (folder / name).mkdir()
        for epoch in range(3):
            torch.manual_seed(epoch)
            model = build().eval()
            torch.save({"epoch": epoch, "state_dict": model.state_dict()}, folder / name / f"epoch-{epoch}.pth")
        export(model, size, folder / f"{name}.onnx", False)
    (folder / "images").mkdir()
    for index, path in enumerate(sorted((FIXTURES / "digits/val").glob("*/*.jpg"))[::60]):
        shutil.copy(path, folder / "images" / f"{index}.jpg")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tools", type=pathlib.Path)
    parser.add_argument("--all", action="store_true", help="large networks too; takes minutes")
    parser.add_argument("--only", help="networks whose names match this regular expression, and no training")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(arguments.tools, pathlib.Path(name))
        print("network\texporter\testimator\tmean\tdeviation")
        for network, (build, size) in builders(bench.folder).items():
            if re.search(arguments.only, network) if arguments.only else arguments.all or network in SAMPLE:
                bench.compare(network, build, size)
        if not arguments.only:
            gain(bench)
    sys.exit(bench.failed)


if __name__ == "__main__":
    main()
