"""Speed of the convolution engine beside PyTorch, ONNX Runtime and OpenVINO, all in one run and in turns.

    env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE python Benchmarks/engine.py ENGINE [--models A,B] [--batch 32]
        [--mode inference|batch] [--threads 2] [--rounds 3] [--seconds 3] [--out RESULTS.tsv]

Every round lets every runtime work for a few seconds; the best pass counts. Two figures per runtime: images per second
of wall time, and per second of processor time over all threads, which other work on the machine disturbs less.
Weights are random; all runtimes compute in float32.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import torchvision
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parent.parent / "Tests" / "Interop"))
from logits import batch_statistics, randomise  # noqa: E402


def passes(run, seconds):
    """Best wall and processor time of repeated passes."""
    run()
    best = [float("inf"), float("inf")]
    begin = time.perf_counter()
    count = 0
    while time.perf_counter() - begin < seconds or count < 2:
        wall, processor = time.perf_counter(), time.process_time()
        run()
        best = [min(best[0], time.perf_counter() - wall), min(best[1], time.process_time() - processor)]
        count += 1
    return best


def runtimes(engine, name, options, directory):
    """Functions from seconds to the best wall and processor time of one pass."""
    model = randomise(torchvision.models.get_model(name, weights=None), 0).eval()
    path = str(directory / f"{name}.safetensors")
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, path)
    shape = (options.batch, 3, options.size, options.size)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))

    def ours(seconds):
        command = [engine, "time", path, "--threads", str(options.threads), "--batch", str(options.batch)]
        command += ["--size", str(options.size), "--mode", options.mode, "--seconds", str(seconds)]
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\t")
        return [options.batch / float(found[1].split()[0]), options.batch / float(found[2].split()[0])]

    yield "this engine", ours

    def torch_pass(module, x):
        def run():
            with torch.inference_mode():
                batch_statistics(module, x) if options.mode == "batch" else module(x)

        return lambda seconds: passes(run, seconds)

    yield "PyTorch", torch_pass(model, x)
    last = model.to(memory_format=torch.channels_last)
    yield "PyTorch channels_last", torch_pass(last, x.to(memory_format=torch.channels_last))
    if options.mode == "batch":
        return

    onnx = str(directory / f"{name}.onnx")
    torch.onnx.export(model, (x,), onnx, dynamo=False)
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    session = onnxruntime.InferenceSession(onnx, settings, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: x.numpy()}
    yield f"ONNX Runtime {onnxruntime.__version__}", lambda seconds: passes(lambda: session.run(None, feed), seconds)
    import openvino

    core = openvino.Core()
    properties = {"INFERENCE_NUM_THREADS": options.threads, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(onnx), "CPU", properties)
    version = openvino.__version__.split("-")[0]
    yield f"OpenVINO {version}", lambda seconds: passes(lambda: compiled([x.numpy()]), seconds)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("engine")
    parser.add_argument("--models", default="resnet50,mobilenet_v2,efficientnet_b0,resnext50_32x4d,densenet121")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--mode", default="inference", choices=["inference", "batch"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--out")
    options = parser.parse_args()
    if any(name.startswith("OPENBLAS_") for name in os.environ):
        sys.exit("unset the OPENBLAS_ variables: they pin the kernel type")
    torch.set_num_threads(options.threads)
    lines = [
        f"# torch {torch.__version__}, batch {options.batch}, {options.size} px, {options.mode}, "
        f"{options.threads} threads, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
        "model\truntime\timages/s\timages/s of processor time",
    ]
    print("\n".join(lines), flush=True)
    with tempfile.TemporaryDirectory() as directory:
        for name in options.models.split(","):
            subjects = list(runtimes(options.engine, name, options, Path(directory)))
            best = {label: [float("inf"), float("inf")] for label, _ in subjects}
            for _ in range(options.rounds):
                for label, run in subjects:
                    best[label] = [min(pair) for pair in zip(best[label], run(options.seconds))]
            for label, (wall, processor) in best.items():
                lines.append(f"{name}\t{label}\t{options.batch / wall:.1f}\t{options.batch / processor:.1f}")
                print(lines[-1], flush=True)
    if options.out:
        Path(options.out).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
