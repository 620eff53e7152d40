"""Compares ckpt-sweep's further labels and scores with timm, scikit-learn and PyTorch on the bundled images.

    python Tests/Interop/evaluation.py BIN_FOLDER

--valid-labels follows timm's validate.py (logits in the order of the list, labels of the folders), --real-labels its
RealLabelsImagenet; confusion, balanced accuracy, F1 and Brier score are scikit-learn's; logits and features are PyTorch's.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, confusion_matrix, f1_score
from timm.data import RealLabelsImagenet
from torchvision import transforms
from torchvision.datasets import ImageFolder

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
sys.path.insert(0, str(FIXTURES))
import fixturelib as lib  # noqa: E402

CHECKPOINT = lib.series(FIXTURES / "run")[-1]
VIEW = transforms.Compose([
    transforms.Resize(54), transforms.CenterCrop(48), transforms.ToTensor(),
    transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
])


def sweep(tool, data, *options):
    """The report of one setting."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        size = ["--resize", "54", "--crop", "48", "--interpolation", "bilinear", "--report", report, "--quiet"]
        command = [tool, CHECKPOINT, "--data", data, *size, *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return json.loads(report.read_text())


@torch.no_grad()
def logits(model, data):
    dataset = ImageFolder(str(data), VIEW)
    images, labels = zip(*dataset)
    output = torch.cat([model(torch.stack(images[i : i + 64])) for i in range(0, len(images), 64)])
    return output, torch.tensor(labels), [path for path, _ in dataset.samples]


def renamed(root, names, classes, target):
    """A folder of `classes`, in folders named in order, whose images have the names that `names` gives in turn."""
    for place, label in enumerate(classes):
        folder = target / f"class-{place}"
        folder.mkdir(parents=True)
        for image in sorted((root / str(label)).iterdir()):
            (folder / (next(names, image.stem) + image.suffix)).symlink_to(image)
    return target


def main():
    tool = Path(sys.argv[1]) / "ckpt-sweep"
    root = FIXTURES / "digits/val"
    model = lib.model_from(load_file(CHECKPOINT)).eval()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)

        # All classes: logits, and what scikit-learn makes of them.
        path = folder / "logits.npy"
        report = sweep(tool, root, "--logits", path)
        output, labels, _ = logits(model, root)
        worst = np.abs(np.load(path) - output.numpy()).max()
        assert worst < 1e-3, worst
        predicted, probabilities = output.argmax(1).numpy(), output.double().softmax(1).numpy()
        row = report["rows"][0]
        table = np.zeros((10, 10), int)
        for label, other, count in report["confusion"]:
            table[label, other] = count
        assert (table == confusion_matrix(labels, predicted)).all()
        assert abs(row["balanced_accuracy"] - balanced_accuracy_score(labels, predicted)) < 1e-12
        assert abs(row["macro_f1"] - f1_score(labels, predicted, average="macro")) < 1e-12
        assert abs(row["brier"] - brier_score_loss(labels, probabilities)) < 1e-5

        # Features, as a hook sees them before the classifier.
        path = folder / "features.safetensors"
        sweep(tool, root, "--features", path)
        file, seen = load_file(path), []
        classifier = [layer for layer in model.modules() if isinstance(layer, torch.nn.Linear)][-1]
        hook = classifier.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        _, labels, paths = logits(model, root)
        hook.remove()
        worst = (file["features"] - torch.cat(seen)).abs().max()
        assert worst < 1e-3, worst
        assert file["labels"].equal(labels)
        names = bytes(file["names"].tolist()).split(b"\0")
        assert names.pop() == b"" and [Path(name.decode()).name for name in names] == [Path(path).name for path in paths]

        # A subset of the outputs in another order than theirs, as validate.py scores it.
        outputs = [7, 2, 9, 4]
        subset = renamed(root, iter(()), outputs, folder / "subset")
        (folder / "list").write_text("".join(f"{output}\n" for output in outputs))
        row = sweep(tool, subset, "--valid-labels", folder / "list")["rows"][0]
        output, labels, _ = logits(model, subset)
        output = output[:, [int(line.rstrip()) for line in (folder / "list").open()]]
        assert row["top1"] == (output.argmax(1) == labels).double().mean().item()
        assert abs(row["loss"] - torch.nn.functional.cross_entropy(output.double(), labels).item()) < 1e-5

        # Reassessed labels with none, one or two classes.
        generator = np.random.default_rng(0)
        count = sum(1 for _ in root.rglob("*.*"))
        order = generator.permutation(count) + 1
        images = renamed(root, (f"ILSVRC2012_val_{number:08d}" for number in order), range(10), folder / "images")
        for image in images.rglob("*.*"):
            # timm's class knows ImageNet's names alone.
            if image.suffix != ".JPEG":
                image.rename(image.with_suffix(".JPEG"))
        lists = [generator.choice(10, generator.integers(0, 3), replace=False).tolist() for _ in range(count)]
        (folder / "real.json").write_text(json.dumps(lists))
        row = sweep(tool, images, "--real-labels", folder / "real.json")["rows"][0]
        output, _, paths = logits(model, images)
        real = RealLabelsImagenet(paths, real_json=str(folder / "real.json"))
        real.add_result(output)
        assert abs(100 * row["real"] - real.get_accuracy(1)) < 1e-9
        assert row["real_n"] == sum(1 for classes in lists if classes)
    print(f"logits differ by at most {worst:.1e}; subsets, reassessed labels and scores are equal")


if __name__ == "__main__":
    main()
