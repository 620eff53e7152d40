"""A random sample of timm's networks through ONNX: right, refused, or wrong, by both exporters.

    python Tests/Interop/onnx_sample.py ENGINE [--sample 120] [--seed 0] [--names N,N] [--exporters old,new] [--again] …

ENGINE is the built `engine` executable, or a folder that holds it. The sample is drawn from all of timm's names by the
seed; networks above --params or --size are passed over, and the next name in the shuffled order takes their place. Every parameter
is random and BatchNorm statistics are those of images (lively.py), so that an ignored tensor shows. A network is exported
with one image and compared with three, in float64, with the weights of a safetensors file next to the ONNX file. The old
exporter (TorchScript) leaves height and width open; where the engine then says that the layers depend on the size, it
exports again with a fixed size, as the message says. With open sizes another size is compared too. Outcomes:

    right       the logits are PyTorch's within 1e-4 of the largest, or within three times PyTorch's own float32 error
    refused     the engine says that it does not understand the file
    wrong       other logits
    failed      a crash or no end
    unmeasured  PyTorch cannot build, run or export the network

Rows go to onnx_sample.tsv as they are made; those that it holds are left out unless `--again` is given. The exit status is
1 where any row is wrong or failed.
"""

import argparse
import contextlib
import copy
import io
import multiprocessing
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import timm
import torch
from safetensors.torch import load_file, save_file

from lively import calibrated, lively, sharp

COLUMNS = ("name", "exporter", "size", "params", "form", "result", "error", "torch_error", "other_size", "seconds", "detail")
DEFAULT_TABLE = Path(__file__).with_name("onnx_sample.tsv")
TOLERANCE = 1e-4
OPSETS = {"old": 17, "new": 18}
# Advice to export with a fixed size.
DEPENDS = re.compile("with a fixed size|leave dynamic_axes and dynamic_shapes out")
CLASSES = 5


def build(name):
    return timm.create_model(name, pretrained=False, num_classes=CLASSES)


def described(name):
    """Input size and number of parameters, without making them where the network can be built so."""
    try:
        with torch.device("meta"):
            model = build(name)
    except Exception:  # noqa: BLE001: some constructors compute with their parameters
        model = build(name)
    return model.pretrained_cfg.get("input_size", (3, 224, 224))[-1], sum(p.numel() for p in model.parameters())


def images(count, size, seed):
    """Smooth noise, so that maps differ from place to place."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(count, 3, size // 8 + 1, size // 8 + 1, generator=generator)
    fine = torch.nn.functional.interpolate(coarse, (size, size), mode="bilinear")
    return fine + 0.3 * torch.randn(count, 3, size, size, generator=generator)


def export(model, x, path, exporter, is_open):
    """PyTorch's two exporters such that BatchNorms stay."""
    for stale in path.parent.glob(path.name + "*"):
        stale.unlink()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        if exporter == "new":
            torch.onnx.export(model, (x,), str(path), dynamo=True, optimize=False, external_data=True, verbose=False,
                              opset_version=OPSETS[exporter])  # fmt: skip
        else:
            axes = {"x": {0: "n", 2: "h", 3: "w"}} if is_open else None
            torch.onnx.export(model, (x,), str(path), dynamo=False, training=torch.onnx.TrainingMode.PRESERVE,
                              do_constant_folding=False, input_names=["x"], dynamic_axes=axes,
                              opset_version=OPSETS[exporter])  # fmt: skip


class Refused(Exception):
    pass


def logits(engine, onnx, weights, x, folder, limit):
    inputs, out = folder / "in.safetensors", folder / "out.safetensors"
    save_file({"input": x.permute(0, 2, 3, 1).contiguous()}, inputs)
    command = [engine, "logits", str(weights), str(inputs), str(out), "--arch", str(onnx)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=limit)
    message = (done.stderr.strip().split("\n") or [""])[-1].replace(str(folder) + "/", "")
    if done.returncode < 0 or "Fatal error" in done.stderr:
        raise RuntimeError(f"exit status {done.returncode}: {message}")
    if done.returncode:
        raise Refused(message)
    return load_file(out)["logits"]


def relative(found, expected):
    return ((found.double() - expected).abs().max() / expected.abs().max().clamp_min(1e-30)).item()


def rows(engine, name, exporters, limit, send):
    """Sends a row for every exporter."""
    folder = Path(tempfile.mkdtemp())
    torch.manual_seed(0)
    cells = {"name": name}
    try:
        model = lively(build(name))
        size = model.pretrained_cfg.get("input_size", (3, 224, 224))[-1]
        cells.update(size=size, params=sum(p.numel() for p in model.parameters()))
        x = images(3, size, 1)
        sharp(calibrated(model, x), x)
        reference = copy.deepcopy(model).double()
        with torch.no_grad():
            expected = reference(x.double())
            own = relative(model(x), expected)
        if not expected.isfinite().all():
            raise ValueError("logits are not finite")
        weights = folder / "weights.safetensors"
        save_file({k: v.detach().contiguous().clone() for k, v in model.state_dict().items()}, weights)
    except Exception as error:  # noqa: BLE001: networks fail in many ways
        for exporter in exporters:
            send({**cells, "exporter": exporter, "result": "unmeasured", "detail": first_line(error)})
        return
    allowed = max(TOLERANCE, 3 * own)
    for exporter in exporters:
        start = time.monotonic()
        row = {**cells, "exporter": exporter, "torch_error": f"{own:.1e}"}
        path = folder / "model.onnx"
        try:
            for is_open in ([True, False] if exporter == "old" else [False]):
                row["form"] = "open" if is_open else "fixed"
                try:
                    export(model, x[:1], path, exporter, is_open)
                except Exception as error:  # noqa: BLE001: exporters fail in many ways
                    row.update(result="unmeasured", detail="export: " + first_line(error))
                    continue
                try:
                    found = logits(engine, path, weights, x, folder, limit)
                except Refused as error:
                    row.update(result="refused", detail=str(error))
                    if is_open and DEPENDS.search(str(error)):
                        continue
                    break
                error = relative(found, expected)
                row.update(result="right" if error <= allowed else "wrong", error=f"{error:.1e}", detail="")
                if is_open:
                    row["other_size"], is_wrong = other_size(engine, reference, path, weights, size, allowed, folder, limit)
                    if is_wrong:
                        row["result"] = "wrong"
                break
        except subprocess.TimeoutExpired:
            row.update(result="failed", detail=f"no end after {limit} s")
        except RuntimeError as error:
            row.update(result="failed", detail=first_line(error))
        row["seconds"] = f"{time.monotonic() - start:.0f}"
        send(row)


def other_size(engine, reference, path, weights, size, allowed, folder, limit):
    """The error at another size in words, and whether it is one."""
    x = images(2, size + 64, 2)
    try:
        with torch.no_grad():
            expected = reference(x.double())
    except Exception:  # noqa: BLE001: made for one size
        expected = None
    try:
        found = logits(engine, path, weights, x, folder, limit)
    except Refused:
        return "refused", False
    if expected is None:
        return "taken where PyTorch refuses", True
    error = relative(found, expected)
    return f"{error:.1e}", error > allowed


def first_line(error):
    return (str(error).strip().split("\n") or [""])[0].replace("\t", " ")[:160]


def measured(options, engine, name, exporters):
    """The rows of one network, from a process of its own: exporters leave much memory behind, and may crash."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=rows, args=(engine, name, exporters, options.seconds, sender.send))
    process.start()
    sender.close()
    done = set()
    deadline = time.monotonic() + 4 * options.seconds
    while True:
        try:
            if not receiver.poll(max(0, deadline - time.monotonic())):
                process.kill()
                break
            row = receiver.recv()
        except EOFError:
            break
        done.add(row["exporter"])
        yield row
    process.join()
    for exporter in exporters:
        if exporter not in done:
            detail = f"the exporting process ended with {process.exitcode}"
            yield {"name": name, "exporter": exporter, "result": "unmeasured", "detail": detail}


def sample(options):
    """Names in the seed's order, as many as fit the limits."""
    if options.names:
        yield from options.names.split(",")
        return
    names = sorted(timm.list_models(pretrained=False))
    random.Random(options.seed).shuffle(names)
    taken = 0
    for name in names:
        if taken == options.sample:
            return
        try:
            size, params = described(name)
        except Exception:  # noqa: BLE001: a network that cannot be built says nothing of ONNX
            continue
        if size > options.size or params > options.params * 1e6:
            continue
        taken += 1
        yield name


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("engine")
    parser.add_argument("--sample", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--names")
    parser.add_argument("--exporters", default="old,new")
    parser.add_argument("--params", type=float, default=60, help="most parameters, in millions")
    parser.add_argument("--size", type=int, default=320, help="largest input size")
    parser.add_argument("--seconds", type=int, default=300, help="of one run of the engine")
    parser.add_argument("--out", type=Path, default=DEFAULT_TABLE)
    parser.add_argument("--again", action="store_true")
    options = parser.parse_args()
    engine = os.path.join(options.engine, "engine") if os.path.isdir(options.engine) else options.engine

    import onnx
    import onnxscript

    table = {}
    if options.out.exists():
        for line in options.out.read_text().split("\n"):
            if line and not line.startswith(("#", "name\t")):
                row = dict(zip(COLUMNS, line.split("\t")))
                table[row["name"], row["exporter"]] = row
    head = [
        f"# torch {torch.__version__}, timm {timm.__version__}, onnx {onnx.__version__}, onnxscript "
        f"{onnxscript.__version__}; seed {options.seed}, opsets {OPSETS}, at most {options.params:g} M parameters, "
        f"{options.size} pixels",
        "\t".join(COLUMNS),
    ]
    selected = []
    for name in sample(options):
        exporters = [e for e in options.exporters.split(",") if options.again or (name, e) not in table]
        for row in measured(options, engine, name, exporters) if exporters else []:
            table[name, row["exporter"]] = {key: str(row.get(key, "-") or "-") for key in COLUMNS}
            print("\t".join(table[name, row["exporter"]].values()), flush=True)
            lines = ["\t".join(row[key] for key in COLUMNS) for _, row in sorted(table.items())]
            options.out.write_text("\n".join(head + lines) + "\n")
        selected += [table[name, e] for e in options.exporters.split(",") if (name, e) in table]
    for exporter in options.exporters.split(","):
        results = [row["result"] for row in selected if row["exporter"] == exporter]
        counts = {kind: results.count(kind) for kind in ("right", "refused", "wrong", "failed", "unmeasured")}
        known = len(results) - counts["unmeasured"]
        share = f"{100 * counts['right'] / known:.0f} % right" if known else "nothing measured"
        print(f"{exporter}: {share}; " + ", ".join(f"{count} {kind}" for kind, count in counts.items()), file=sys.stderr)
    sys.exit(any(row["result"] in ("wrong", "failed") for row in selected))


if __name__ == "__main__":
    main()
