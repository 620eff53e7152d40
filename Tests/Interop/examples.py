"""Runs what the README and the manual pages show in Python, and their commands on files that PyTorch wrote.

    python Tests/Interop/examples.py BIN_FOLDER

Everything else in them is run by the test suite (`ExampleTests`).
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import torchvision
from safetensors.torch import load_file, save_file

import segmentation

ROOT = Path(__file__).resolve().parent.parent.parent


def commands_on_torch_files():
    """Literal blocks of the pages that name a file of PyTorch's."""
    for page in sorted((ROOT / "man").glob("*.[157]")):
        for block in re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed$", page.read_text(), re.M | re.S):
            if ".pth" in block and ".Sh" not in block:
                yield page.name, block.replace("\\e", "\\").replace("\\&", "")
    for block in re.findall(r"^```sh\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S):
        if ".pth" in block:
            yield "README.md", block


def python_blocks():
    return re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)


def write_run(folder):
    """A run as torchvision's training script leaves it, and images in the place of ImageNet's."""
    fixtures = ROOT / "fixtures"
    (folder / "output").mkdir()
    for epoch, path in zip((580, 585, 590, 595), sorted((fixtures / "run").iterdir())):
        checkpoint = {"model": load_file(path), "optimizer": {}, "lr_scheduler": {}, "epoch": epoch}
        torch.save(checkpoint, folder / "output" / f"model_{epoch}.pth")
    (folder / "imagenet").symlink_to(fixtures / "digits")


def main():
    os.environ["PATH"] = f"{Path(sys.argv[1]).resolve()}:{os.environ['PATH']}"
    torch.manual_seed(0)
    model = torchvision.models.resnet18()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        state = model.state_dict()
        save_file(state, "final.safetensors")
        torch.save({"state_dict": state, "state_dict_ema": {f"module.{k}": v for k, v in state.items()}}, "last.pth")
        torch.save(state, "model.pth")
        write_run(Path(folder))
        segmentation.write_recipe_files(Path(folder))
        count = 0
        for name, block in commands_on_torch_files():
            print(f"{name}: {block.strip()}")
            subprocess.run(["bash", "-euo", "pipefail", "-c", block], check=True, stdout=subprocess.DEVNULL)
            count += 1
        for block in python_blocks():
            print(f"README.md: {block.strip()}")
            names = {}
            exec(block, names)
            loaded = names["model"].state_dict()
            assert all(torch.equal(loaded[key], value) for key, value in state.items()), "other weights"
            count += 1
        assert count >= 7, f"only {count} examples found"
        print(f"{count} examples run")


if __name__ == "__main__":
    main()
