"""All comparisons with the peers, one after the other on this machine, and one Markdown table of their ratios.

    python Benchmarks/run.py BIN_FOLDER BENCHMARK_FOLDER [--out Benchmarks/RESULTS.md] [--only average,engine,...] [--quick]

`make bench` installs the peers and calls it. What pins OpenBLAS to a kernel type is unset for all contestants. Each
script stays usable alone; its head says what is measured and how.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
PEERS = ["torch", "torchvision", "timm", "fvcore", "safetensors", "onnxruntime", "openvino", "zipnn", "zstandard", "numpy",
         "pillow"]

SHORT = ["--seconds", "2", "--rounds", "2"]
# Name, script and its arguments; BIN is the folder of the executables.
BENCHMARKS = [
    ("average", "average.py", ["BIN/ckpt-average"], []),
    ("container", "container.py", ["BENCH"], []),
    ("loading", "image_loading.py", ["BENCH/image-loading"], []),
    ("engine", "engine.py", ["BENCH/engine"], SHORT),
    ("engine", "engine.py", ["BENCH/engine", "--models", "resnet50", "--batch", "1"], SHORT),
    ("engine", "engine.py", ["BENCH/engine", "--models", "resnet50", "--mode", "batch"], SHORT),
    ("engine", "engine.py", ["BENCH/engine", "--models", "resnet50", "--compute", "bf16"], SHORT),
    ("transformers", "engine.py", ["BENCH/engine", "--models", "transformers", "--fastest"], SHORT),
    ("transformers", "engine.py", ["BENCH/engine", "--models", "transformers", "--fastest", "--batch", "1"], SHORT),
    ("branches", "engine.py", ["BENCH/engine", "--models", "branches", "--fastest"], SHORT),
    ("bnfix", "bnfix.py", ["BIN"], []),
    ("bnfix", "segmentation.py", ["BIN"], ["--rounds", "1"]),
    ("fixres", "fixres.py", ["BIN"], ["--peer-epochs", "1"]),
    ("fixres", "fixres_blocks.py", ["BIN"], ["--rounds", "1"]),
    ("sweep", "sweep.py", ["BIN"], []),
]


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def number(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def table(lines):
    """Rows with the ratio by which the tools are ahead: rates divide one way, times the other."""
    yield "| task | peer | ckpt tools | peer | ratio | MiB | peer's MiB |"
    yield "|---|---|---:|---:|---:|---:|---:|"
    for line in lines:
        is_rate = "/s" in line["unit"]
        ratio = line["ours"] / line["theirs"] if is_rate else line["theirs"] / line["ours"]
        memory = [number(line[key]) if line[key] else "" for key in ("our_memory", "their_memory")]
        yield (f"| {line['task']} | {line['peer']} | {number(line['ours'])} {line['unit']} "
               f"| {number(line['theirs'])} {line['unit']} | **{ratio:.2f}** | {memory[0]} | {memory[1]} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binaries", type=Path)
    parser.add_argument("benchmarks", type=Path, help="folder of the built benchmarks")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", default=",".join(name for name, *_ in BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    options = parser.parse_args()

    environment = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    binaries = options.binaries.resolve()
    version = subprocess.run([binaries / "ckpt-sweep", "--version"], capture_output=True, text=True, check=True,
                             env=environment).stdout.split("\n")
    names = options.only.split(",")
    with tempfile.NamedTemporaryFile() as records:
        environment["CKPT_BENCH"] = records.name
        for name, script, arguments, quick in BENCHMARKS:
            if name not in names:
                continue
            print(f"== {name}", flush=True)
            arguments = [
                argument.replace("BIN", str(binaries)).replace("BENCH", str(options.benchmarks.resolve()))
                for argument in arguments]
            subprocess.run([sys.executable, HERE / script, *arguments, *(quick if options.quick else [])], check=True,
                           env=environment)
        lines = [json.loads(line) for line in Path(records.name).read_text().splitlines()]

    peers = ", ".join(f"{name} {metadata.version(name)}" for name in PEERS)
    text = "\n".join([
        f"{os.cpu_count()} cores of {processor()}, {platform.freedesktop_os_release()['PRETTY_NAME']}; {version[1]}; {peers}.",
        "", *table(lines), ""])
    print(text)
    if options.out:
        options.out.write_text(f"# Results of `make bench`\n\n{text}")


if __name__ == "__main__":
    main()
