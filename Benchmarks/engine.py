"""Speed and memory of the convolution engine beside PyTorch, ONNX Runtime and OpenVINO, all in one run and in turns.

    env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE python Benchmarks/engine.py ENGINE [--models A,timm:B] [--batch 32]
        [--mode inference|batch] [--compute f32|bf16] [--threads 2] [--rounds 3] [--seconds 3] [--out RESULTS.tsv]
        [--fastest]

A name is torchvision's, or timm's after `timm:`; `transformers` and `branches` are lists of timm's, which stand below.
Every runtime has a process of its own that keeps its model loaded. Every round lets each of them work for a few seconds
while the others sleep; the best pass counts. Columns: images per second of wall time, and per second of processor time
over all threads, which other work on the machine disturbs less; the most memory the process ever held (VmHWM, which
counts interpreter and libraries), and the part of it above what it held before the model was loaded.
`--out` appends, so that several runs make one table, as in Benchmarks/engine.tsv:

    python Benchmarks/engine.py ENGINE --out Benchmarks/engine.tsv
    python Benchmarks/engine.py ENGINE --out Benchmarks/engine.tsv --models resnet50 --mode batch
    python Benchmarks/engine.py ENGINE --out Benchmarks/engine.tsv --models resnet50 --batch 1

With `--fastest` only PyTorch's fastest setting goes into the table of `run.py`, and the arithmetic of statistics is not
measured.

Weights are random; all runtimes compute in float32, or with `--compute bf16` in bfloat16, which ONNX Runtime has no
kernels for. "tuned" keeps freed memory in the process instead of giving it back to the system after every layer: tcmalloc
where it is installed, else glibc's own settings.
"""

import argparse
import glob
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from summary import record

HERE = Path(__file__).resolve().parent
TIMM = "timm:"
LISTS = {
    "transformers": """vit_small_patch16_224 vit_base_patch16_224 deit3_small_patch16_224
        swin_tiny_patch4_window7_224 convnext_tiny""",
    # Depthwise, grouped and multi-branch convolutions.
    "branches": """mobilenetv3_large_100 mixnet_s regnety_008 ghostnet_100 repvit_m1 fastvit_t8 hrnet_w18_small
        res2net50_26w_4s skresnet18 xception41""",
}
GLIBC_TUNED = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "9000000000", "MALLOC_TOP_PAD_": "67108864"}


def builder(name):
    """A function that makes the network of a name, without trained weights; it takes the options of timm's
    `create_model`. The library is imported before it is called, so that its memory is not counted as the network's.
    """
    if name.startswith(TIMM):
        import timm

        return lambda **options: timm.create_model(name.removeprefix(TIMM), **options).eval()
    import torchvision

    return lambda **_: torchvision.models.get_model(name, weights=None).eval()


def names(text):
    """The networks of a comma-separated list of names and of names of lists."""
    for part in text.split(","):
        yield from (TIMM + short for short in LISTS[part].split()) if part in LISTS else (part,)


def tuned_environment():
    found = glob.glob("/usr/lib/*/libtcmalloc_minimal.so.4") + glob.glob("/usr/lib/*/libtcmalloc.so.4")
    return ({"LD_PRELOAD": found[0]}, "tcmalloc") if found else (GLIBC_TUNED, "MALLOC_")


def memory(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field + ":")) / 1024


def random_input(options):
    import numpy

    shape = (options.batch, 3, options.size, options.size)
    return numpy.random.default_rng(0).standard_normal(shape, dtype=numpy.float32)


def torch_pass(options, path):
    import torch
    from safetensors.torch import load_file

    torch.set_num_threads(options.threads)
    x = torch.from_numpy(random_input(options))
    build = builder(options.models)
    before = memory("VmRSS")
    model = build()
    model.load_state_dict(load_file(path))
    if options.mode == "batch":
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.train()
    if "channels_last" in options.worker:
        model = model.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)

    if options.compute == "bf16":
        model, x = model.to(torch.bfloat16), x.to(torch.bfloat16)

    def run():
        with torch.inference_mode():
            model(x)

    return run, before


def onnxruntime_pass(options, path):
    import onnxruntime

    feed = random_input(options)
    before = memory("VmRSS")
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {session.get_inputs()[0].name: feed}), before


def openvino_pass(options, path):
    import openvino

    feed = random_input(options)
    core = openvino.Core()
    before = memory("VmRSS")
    properties = {"INFERENCE_NUM_THREADS": options.threads, "INFERENCE_PRECISION_HINT": options.compute}
    compiled = core.compile_model(core.read_model(path), "CPU", properties)
    return lambda: compiled([feed]), before


def work(options):
    """Answers every line of standard input with the best pass of the next seconds."""
    maker = {"torch": torch_pass, "onnxruntime": onnxruntime_pass, "openvino": openvino_pass}
    run, before = maker[options.worker.split()[0]](options, options.path)
    run()
    for _ in sys.stdin:
        best = [float("inf"), float("inf")]
        begin = time.perf_counter()
        count = 0
        while time.perf_counter() - begin < options.seconds or count < 2:
            wall, processor = time.perf_counter(), time.process_time()
            run()
            best = [min(best[0], time.perf_counter() - wall), min(best[1], time.process_time() - processor)]
            count += 1
        peak = memory("VmHWM")
        print(*best, peak, peak - before, flush=True)


class Peer:
    def __init__(self, options, worker, name, path, environment=None):
        command = [sys.executable, __file__, options.engine, "--worker", worker, "--path", path, "--models", name]
        for option in ("batch", "size", "mode", "compute", "threads", "seconds"):
            command += [f"--{option}", str(getattr(options, option))]
        environment = {**os.environ, **(environment or {})}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def measure(self):
        print("go", file=self.process.stdin, flush=True)
        return [float(part) for part in self.process.stdout.readline().split()]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Engine:
    def __init__(self, options, name, path, *extra):
        self.options = options
        self.command = [options.engine, "time", path, "--threads", str(options.threads), "--batch", str(options.batch)]
        # Weights alone do not say everything that some networks of timm compute.
        if name.startswith(TIMM):
            self.command += ["--arch", name.removeprefix(TIMM)]
        self.command += ["--size", str(options.size), "--mode", options.mode, "--seconds", str(options.seconds), *extra]

    def measure(self):
        found = subprocess.run(self.command, capture_output=True, text=True, check=True).stdout.split("\t")
        wall, processor, peak, own = (float(part.split()[0]) for part in found[1:5])
        return [self.options.batch / wall, self.options.batch / processor, peak, own]

    def close(self):
        pass


def prepare(options, name, directory):
    """Writes the model's weights, and for inference its ONNX file, in a process that leaves the memory again."""
    script = f"""
import sys, torch
sys.path += {[str(HERE), str(HERE.parent / "Tests" / "Interop")]!r}
from engine import builder
from logits import randomise
from safetensors.torch import save_file
model = randomise(builder({name!r})(exportable=True), 0)
save_file({{k: v.contiguous() for k, v in model.state_dict().items()}}, {str(directory / "model.safetensors")!r})
if {options.mode == "inference"}:
    x = torch.randn({options.batch}, 3, {options.size}, {options.size})
    with torch.inference_mode():
        assert model(x[:1]).isfinite().all(), "infinite values may take another time than usual ones"
    torch.onnx.export(model, (x,), {str(directory / "model.onnx")!r}, dynamo=False)
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True)


def compare(options, name, directory):
    prepare(options, name, directory)
    weights, onnx = str(directory / "model.safetensors"), str(directory / "model.onnx")
    environment, allocator = tuned_environment()
    # Batch statistics are measured as the tools measure them.
    own = ("--sums", "small") if options.mode == "batch" else ("--compute", options.compute)
    subjects = {"this engine": Engine(options, name, weights, *own)}
    if options.mode == "inference" and options.compute == "f32" and not options.fastest:
        subjects["this engine, statistics' arithmetic"] = Engine(options, name, weights, "--sums", "small")
    subjects["PyTorch"] = Peer(options, "torch", name, weights)
    subjects["PyTorch channels_last"] = Peer(options, "torch channels_last", name, weights)
    subjects[f"PyTorch channels_last, tuned ({allocator})"] = Peer(
        options, "torch channels_last", name, weights, environment
    )
    if options.mode == "inference" and options.compute == "f32":
        subjects["ONNX Runtime"] = Peer(options, "onnxruntime", name, onnx)
    if options.mode == "inference":
        subjects["OpenVINO"] = Peer(options, "openvino", name, onnx)
    best = {label: [float("inf"), float("inf"), 0.0, 0.0] for label in subjects}
    for _ in range(options.rounds):
        for label, subject in subjects.items():
            wall, processor, peak, own = subject.measure()
            old = best[label]
            best[label] = [min(old[0], wall), min(old[1], processor), max(old[2], peak), max(old[3], own)]
    for subject in subjects.values():
        subject.close()
    torch_labels = [label for label in best if label.startswith("PyTorch")]
    fastest = min(torch_labels, key=lambda label: best[label][0])
    for label, (wall, processor, peak, own) in best.items():
        rate = options.batch / wall
        own_wall, _, _, own_memory = best["this engine"]
        ratio = own_wall and wall / own_wall
        is_slower_setting = options.fastest and label in torch_labels and label != fastest
        if not label.startswith("this engine") and not is_slower_setting:
            task = f"{name}, {options.mode}, batch {options.batch}" + (", bf16" if options.compute == "bf16" else "")
            record(task, label, options.batch / own_wall, rate, "images/s", own_memory, own)
        mode = options.mode + (" bf16" if options.compute == "bf16" else "")
        yield (
            f"{name}\t{mode}\t{options.batch}\t{label}\t{rate:.1f}\t{options.batch / processor:.1f}"
            f"\t{peak:.0f}\t{own:.0f}\t{ratio:.2f}"
        )


def surroundings():
    from importlib.metadata import version

    versions = ", ".join(f"{package} {version(package)}" for package in ("torch", "onnxruntime", "openvino"))
    with open("/proc/cpuinfo") as file:
        found = dict(line.split(":", 1) for line in file.read().split("\n\n")[0].split("\n") if ":" in line)
    processor = {key.strip(): value.strip() for key, value in found.items()}
    model = " ".join(processor.get(key, "?") for key in ("model name", "cpu family", "model"))
    return f"{versions}; {os.cpu_count()} cores of {model} (name, family, model)"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("engine")
    parser.add_argument("--models", default="resnet50,mobilenet_v2,efficientnet_b0,resnext50_32x4d,densenet121")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--mode", default="inference", choices=["inference", "batch"])
    parser.add_argument("--compute", default="f32", choices=["f32", "bf16"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--fastest", action="store_true", help="of PyTorch only its fastest setting in the table of run.py")
    parser.add_argument("--out", help="append the rows to this file")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--path", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return work(options)
    if any(name.startswith("OPENBLAS_") for name in os.environ):
        sys.exit("unset the OPENBLAS_ variables: they pin the kernel type")
    if options.compute == "bf16" and "_bf16" not in Path("/proc/cpuinfo").read_text():
        return print("this processor has no arithmetic for bfloat16")
    lines = []
    if not options.out or not Path(options.out).exists():
        lines = [
            f"# {surroundings()}; {options.size} px, {options.threads} threads, load average {os.getloadavg()[0]:.1f}",
            "model\tmode\tbatch\truntime\timages/s\timages/s of processor time\tpeak MB\tof these model MB"
            "\tspeed of this engine over it",
        ]
    print("\n".join(lines), flush=True)
    for name in names(options.models):
        with tempfile.TemporaryDirectory() as directory:
            for line in compare(options, name, Path(directory)):
                lines.append(line)
                print(line, flush=True)
    if options.out:
        with open(options.out, "a") as file:
            file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
