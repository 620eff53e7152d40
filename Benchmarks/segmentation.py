"""Times the recalibration of a segmentation network and of a detector's backbone: ckpt-bnfix beside update_bn, in turns.

    env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE python Benchmarks/segmentation.py BIN_FOLDER [--images 32] [--threads 2]
        [--rounds 3]

torchvision's DeepLab V3 (ResNet-50) at 320 pixels, and the backbone with feature pyramid of Faster R-CNN v2 at 416, in
batches of 8. ckpt-bnfix reads the network from an ONNX file and decoded pixels from a .npy file; update_bn gets
normalized tensors that are in memory already, in PyTorch's default memory format and in channels_last. Every run is a
process of its own; the time of ckpt-bnfix is that of the whole process, that of the peers the update_bn call alone. The
median of the rounds counts. Weights are random.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from summary import record

BATCH = 8
NETWORKS = {"deeplabv3_resnet50": 320, "fasterrcnn_resnet50_fpn_v2": 416}
REPOSITORY = Path(__file__).resolve().parents[1]
PEERS = ["PyTorch", "PyTorch channels_last"]


def network(name):
    import torchvision

    if name.startswith("deeplab"):
        return torchvision.models.get_model(name, weights=None, weights_backbone=None, num_classes=21)
    return torchvision.models.detection.fasterrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None).backbone


def peer(arguments):
    """In a process of its own: one update_bn; prints its seconds."""
    import numpy
    import torch
    from safetensors.torch import load_file
    from torchvision import transforms

    torch.set_num_threads(arguments.threads)
    model = network(arguments.network)
    model.load_state_dict(load_file(f"{arguments.folder}/model.safetensors"))
    layout = torch.channels_last if "channels_last" in arguments.peer else torch.contiguous_format
    model = model.to(memory_format=layout)
    normalize = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    pixels = torch.from_numpy(numpy.load(f"{arguments.folder}/pixels.npy")).permute(0, 3, 1, 2)
    loader = [normalize(batch.float() / 255).contiguous(memory_format=layout) for batch in pixels.split(BATCH)]
    begin = time.perf_counter()
    torch.optim.swa_utils.update_bn(loader, model)
    print(time.perf_counter() - begin)


def prepare(arguments):
    """In a process of its own: weights, ONNX file and pixels."""
    import numpy
    import torch
    from PIL import Image
    from safetensors.torch import save_file

    sys.path.insert(0, str(REPOSITORY / "Tests" / "Interop"))
    from segmentation_networks import Outputs

    folder, size = Path(arguments.folder), NETWORKS[arguments.network]
    torch.manual_seed(0)
    model = network(arguments.network).eval()
    save_file({key: value.clone() for key, value in model.state_dict().items()}, folder / "model.safetensors")
    torch.onnx.export(Outputs(model), (torch.zeros(1, 3, size, size),), str(folder / "model.onnx"), dynamo=False,
                      training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False, opset_version=17)
    sources = sorted((REPOSITORY / "fixtures" / "digits" / "train").glob("*/*.jpg"))
    pixels = numpy.empty((arguments.images, size, size, 3), numpy.uint8)
    for index in range(arguments.images):
        image = Image.open(sources[index * 7919 % len(sources)]).convert("RGB")
        pixels[index] = numpy.asarray(image.resize((size, size)))
    numpy.save(folder / "pixels.npy", pixels)


def seconds(command):
    """Of the process, or as it prints them."""
    begin = time.perf_counter()
    output = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, check=True).stdout
    return float(output) if output else time.perf_counter() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=Path, nargs="?")
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    for name in ("--peer", "--folder", "--network"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        return prepare(arguments) if arguments.peer == "prepare" else peer(arguments)
    if any(name.startswith("OPENBLAS_") for name in os.environ):
        sys.exit("unset the OPENBLAS_ variables: they pin the kernel type")
    print(f"{arguments.images} images in batches of {BATCH}, {arguments.threads} threads, "
          f"load average {os.getloadavg()[0]:.1f}\n")
    print("| network | | images/s | ckpt-bnfix is faster |")
    print("|---|---|---|---|", flush=True)
    for name, size in NETWORKS.items():
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)

            def own(role):
                return [sys.executable, __file__, "--peer", role, "--folder", folder, "--network", name, "--images",
                        arguments.images, "--threads", arguments.threads]

            subprocess.run([str(part) for part in own("prepare")], check=True, stdout=subprocess.DEVNULL)
            tool = [arguments.bin / "ckpt-bnfix", folder / "model.safetensors", "--arch", folder / "model.onnx", "--data",
                    folder / "pixels.npy", "--batch-size", BATCH, "--resize", size, "--crop", size, "--threads",
                    arguments.threads, "--estimator", "torch", "--no-shuffle", "--quiet", "-o", folder / "out.safetensors"]
            times = {}
            for _ in range(arguments.rounds):
                for contestant in ["ckpt-bnfix", *PEERS]:
                    command = tool if contestant == "ckpt-bnfix" else own(contestant)
                    times.setdefault(contestant, []).append(seconds(command))
            rates = {key: arguments.images / statistics.median(values) for key, values in times.items()}
            for contestant, rate in rates.items():
                ratio = rates["ckpt-bnfix"] / rate
                print(f"| {name} at {size} | {contestant} | {rate:.2f} | {ratio:.2f} |", flush=True)
                if contestant != "ckpt-bnfix":
                    record(f"BatchNorm statistics, {name} at {size}", contestant, rates["ckpt-bnfix"], rate, "images/s")


if __name__ == "__main__":
    main()
