"""Times the recalibration of ResNet-50 at 224 pixels in batches of 32: ckpt-bnfix beside torch's update_bn, in turns.

    env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE python Benchmarks/bnfix.py BIN_FOLDER [--images 256] [--threads 2]
        [--rounds 2]

Decode excluded: ckpt-bnfix reads decoded pixels from a .npy file, update_bn gets normalised tensors that are in memory
already. Decode included: both read JPEG files of 256 pixels, update_bn through a DataLoader with as many workers as
threads. The peers: PyTorch's default memory format, channels_last, and channels_last with an allocator that keeps
memory (glibc's thresholds raised, huge pages). Every run is a process of its own; the time of ckpt-bnfix is that of the
whole process, that of the peers the update_bn call alone. The best of the rounds counts. Beside wall time stand images per second of processor time over all
threads and workers, which other work on the machine disturbs less. Weights are random.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from summary import record

SIZE, BATCH = 224, 32
REPOSITORY = Path(__file__).resolve().parents[1]
# As glibc is told to keep what it has got from the system.
TUNED = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=17179869184"}


def peer(arguments):
    """In a process of its own: one update_bn; prints its seconds."""
    import torch
    import torchvision
    from safetensors.torch import load_file
    from torchvision import transforms

    torch.set_num_threads(arguments.threads)
    model = torchvision.models.resnet50()
    model.load_state_dict(load_file(f"{arguments.folder}/model.safetensors"))
    layout = torch.channels_last if "channels_last" in arguments.peer else torch.contiguous_format
    model = model.to(memory_format=layout)
    normalise = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    if arguments.decode:
        view = transforms.Compose([
            transforms.Resize(256), transforms.CenterCrop(SIZE), transforms.ToTensor(), normalise])
        images = torchvision.datasets.ImageFolder(f"{arguments.folder}/data", view)
        loader = torch.utils.data.DataLoader(
            images, batch_size=BATCH, num_workers=arguments.threads,
            collate_fn=lambda items: torch.stack([image for image, _ in items]).contiguous(memory_format=layout))
    else:
        import numpy

        pixels = torch.from_numpy(numpy.load(f"{arguments.folder}/pixels.npy")).permute(0, 3, 1, 2)
        loader = [
            normalise(batch.float() / 255).contiguous(memory_format=layout) for batch in pixels.split(BATCH)]
    begin, processor = time.perf_counter(), processor_time()
    torch.optim.swa_utils.update_bn(loader, model)
    print(time.perf_counter() - begin, processor_time() - processor)


def processor_time():
    """Of this process and of those that it has waited for."""
    return sum(os.times()[:4])


def prepare(folder, count):
    import numpy
    import torch
    import torchvision
    from PIL import Image
    from safetensors.torch import save_file

    torch.manual_seed(0)
    save_file(torchvision.models.resnet50().state_dict(), folder / "model.safetensors")
    (folder / "data" / "0").mkdir(parents=True)
    sources = sorted((REPOSITORY / "fixtures" / "digits" / "train").glob("*/*.jpg"))
    pixels = numpy.empty((count, SIZE, SIZE, 3), numpy.uint8)
    for index in range(count):
        image = Image.open(sources[index * 7919 % len(sources)]).convert("RGB")
        scale = 256 / min(image.size)
        image = image.resize([round(side * scale) for side in image.size])
        image.save(folder / "data" / "0" / f"{index:05}.jpg", quality=92)
        left, top = (image.width - SIZE) // 2, (image.height - SIZE) // 2
        pixels[index] = numpy.asarray(image.crop((left, top, left + SIZE, top + SIZE)))
    numpy.save(folder / "pixels.npy", pixels)


def run(command, environment):
    """Wall seconds, processor seconds and peak memory in MiB, children's memory not added."""
    begin = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, env=environment, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command[0]}: status {status}")
    wall, processor = time.perf_counter() - begin, usage.ru_utime + usage.ru_stime
    if output:
        wall, processor = map(float, output.split())
    return wall, processor, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=Path, nargs="?")
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    parser.add_argument("--decode", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer == "prepare":
        return prepare(Path(arguments.folder), arguments.images)
    if arguments.peer:
        return peer(arguments)
    if any(name.startswith("OPENBLAS_") for name in os.environ):
        sys.exit("unset the OPENBLAS_ variables: they pin the kernel type")
    print(f"ResNet-50, {arguments.images} images at {SIZE}, batches of {BATCH}, {arguments.threads} threads, "
          f"load average {os.getloadavg()[0]:.1f}\n")
    print("| | images/s | ckpt-bnfix is faster | images/s of processor time | it is faster | peak MiB | |")
    print("|---|---|---|---|---|---|---|", flush=True)
    peers = [("PyTorch", {}), ("PyTorch channels_last", {}), ("PyTorch channels_last, tuned allocator", TUNED)]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        # In a process of its own: what a child's peak memory counts begins with its parent's at the fork.
        command = [sys.executable, __file__, "--peer", "prepare", "--folder", folder, "--images", arguments.images]
        subprocess.run([str(part) for part in command], check=True)
        for decode in [False, True]:
            best = {}
            data = folder / ("data" if decode else "pixels.npy")
            tool = [arguments.bin / "ckpt-bnfix", folder / "model.safetensors", "--data", data, "--batch-size", BATCH]
            tool += ["--resize", 256 if decode else SIZE, "--crop", SIZE, "--threads", arguments.threads]
            tool += ["--estimator", "torch", "--no-shuffle", "--quiet", "-o", folder / "out.safetensors"]
            for _ in range(arguments.rounds):
                for name, environment in [("ckpt-bnfix", {}), *peers]:
                    command = tool
                    if name != "ckpt-bnfix":
                        command = [sys.executable, __file__, "--peer", name, "--folder", folder]
                        command += ["--threads", arguments.threads] + (["--decode"] if decode else [])
                    found = run(command, {**os.environ, **environment})
                    best[name] = [min(pair) for pair in zip(found, best.get(name, found), strict=True)]
            own_wall, own_processor, _ = best["ckpt-bnfix"]
            for name, (wall, processor, memory) in best.items():
                note = "decode included" if decode else "decode excluded"
                print(f"| {name} | {arguments.images / wall:.1f} | {wall / own_wall:.2f} "
                      f"| {arguments.images / processor:.1f} | {processor / own_processor:.2f} | {memory:.0f} | {note} |",
                      flush=True)
                if name != "ckpt-bnfix":
                    own = best["ckpt-bnfix"]
                    record(f"update_bn, ResNet-50, batch {BATCH}, {note}", name, arguments.images / own_wall,
                           arguments.images / wall, "images/s", own[2], memory)


if __name__ == "__main__":
    main()
