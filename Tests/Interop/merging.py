"""Compares the merges of ckpt-average with NumPy in float64, and with mergekit where it is installed.

    python Tests/Interop/merging.py BIN_FOLDER

The pretrained model is the first of the bundled run, the fine-tuned ones are some of the others. The formulas are those of
fixtures/goldens/Averaging/make_goldens.py, here for all parameters and with coefficients of groups. mergekit keeps the
parameters of its methods in YAML and works in float32 here, so that it is compared to a few units in the last place.
Lists with one value per file follow the command line, whatever the names of the files. Quantized weights with scales are
averaged as the numbers that they stand for.
"""

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "fixtures" / "goldens" / "Averaging"))
sys.path.insert(0, str(REPOSITORY / "fixtures" / "goldens"))
from make_goldens import model_stock, slerp, ties  # noqa: E402

TOOL = Path(sys.argv[1]).resolve() / "ckpt-average"
PATHS = sorted((REPOSITORY / "fixtures" / "run").glob("*.safetensors"), key=lambda p: int(p.stem.split("-")[1]))
CHOSEN = [PATHS[0], PATHS[3], PATHS[6], PATHS[9]] if len(PATHS) > 9 else PATHS[:4]
STATES = [load_file(path) for path in CHOSEN]
PARAMETERS = [n for n, v in STATES[0].items() if v.is_floating_point() and "running_" not in n]


def merge(*arguments, paths=None, pretrained=True):
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/out.safetensors"
        base = ["--pretrained", CHOSEN[0]] if pretrained else []
        paths = CHOSEN[1:] if paths is None else paths
        subprocess.run([TOOL, *map(str, [*paths, *base, *arguments]), "-q", "-o", out], check=True)
        return load_file(out)


def expect_equal(label, result, reference):
    """Within a unit in the last place of the largest value, but for elements that cancel."""
    worst = 0
    for name in PARAMETERS:
        rows = [state[name].numpy().astype(np.float64) for state in STATES]
        expected = reference(name, rows[0], rows[1:]).astype(np.float32)
        scale = np.maximum(np.abs(expected), np.abs(expected).max() * 2**-24)
        ulp = np.abs(result[name].numpy().astype(np.float64) - expected) / np.spacing(scale.astype(np.float32))
        worst = max(worst, float(ulp.max()))
    assert worst <= 2, (label, worst)
    print(f"{label}: {worst:.0f} ulp")


def formulas():
    weights = (0.5, -0.25, 1)
    text = ("--weights", "0.5,-0.25,1")

    def arithmetic(_, base, models):
        return base + sum(w * (m - base) for w, m in zip(weights, models))

    def grouped(name, base, models):
        factor = 0.25 if name.startswith("fc.") else 1.5 if "conv" in name else 1
        return base + factor * (arithmetic(name, base, models) - base)

    groups = ("--group", r"^fc\.=0.25", "--group", "conv=1.5")
    expect_equal("task-arithmetic", merge("--method", "task-arithmetic", *text), arithmetic)
    expect_equal("task-arithmetic, groups", merge("--method", "task-arithmetic", *text, *groups), grouped)
    expect_equal("model-stock", merge("--method", "model-stock"), lambda _, b, m: model_stock(b, m))
    expect_equal(
        "model-stock, groups", merge("--method", "model-stock", "--group", ".=0.5"),
        lambda _, b, m: b + 0.5 * (model_stock(b, m) - b))
    for density in (0.1, 0.2, 0.75, 1):
        expect_equal(
            f"ties {density}", merge("--method", "ties", "--density", density, "--weights", "1,2,1"),
            lambda _, b, m: ties(b, m, (1, 2, 1), density))
    expect_equal(
        "slerp", merge("--method", "slerp", "--weights", "3,1", paths=[CHOSEN[0], CHOSEN[3]], pretrained=False),
        lambda _, b, m: slerp(b, m[-1], 0.25))
    for curve, decay in (
        ("1-sqrt", lambda x: 1 - np.sqrt(x)), ("linear", lambda x: 1 - x),
        ("cosine", lambda x: (1 + np.cos(np.pi * x)) / 2),
    ):
        values = np.append(decay(np.arange(4) / 4), 0)
        expect_equal(
            f"schedule {curve}", merge("--method", "schedule", "--schedule", curve, paths=CHOSEN, pretrained=False),
            lambda _, b, m: np.tensordot(values[:-1] - values[1:], np.stack([b, *m]), 1))


def orders():
    """The newest file first: natural order would give every weight to another file."""
    turned = CHOSEN[:0:-1]
    expect_equal(
        "slerp, turned", merge("--method", "slerp", "--weights", "3,1", paths=[CHOSEN[3], CHOSEN[0]], pretrained=False),
        lambda _, b, m: slerp(m[-1], b, 0.25))
    expect_equal(
        "weights, turned", merge("--method", "weights", "--weights", "1,2,5", paths=turned, pretrained=False),
        lambda _, b, m: (m[2] + 2 * m[1] + 5 * m[0]) / 8)
    expect_equal(
        "counts, turned", merge("--counts", "1,2,5", paths=turned, pretrained=False),
        lambda _, b, m: (m[2] + 2 * m[1] + 5 * m[0]) / 8)
    expect_equal(
        "task-arithmetic, turned", merge("--method", "task-arithmetic", "--weights", "1,-0.25,0.5", paths=turned),
        lambda _, b, m: b + (m[2] - b) - 0.25 * (m[1] - b) + 0.5 * (m[0] - b))
    expect_equal(
        "ties, turned", merge("--method", "ties", "--weights", "1,2,5", paths=turned),
        lambda _, b, m: ties(b, m[::-1], (1, 2, 5), 0.2))


def quantized():
    """I8 and F8 weights with a scale for each channel, as SWALP keeps them, against float64."""
    torch.manual_seed(1)
    for dtype in (torch.int8, torch.float8_e4m3fn, torch.float8_e5m2):
        with tempfile.TemporaryDirectory() as folder:
            paths, values = [], []
            for number in range(3):
                scale = torch.rand(6, 1) + 0.01
                weight = (torch.randn(6, 40) * 20).round().clamp(-127, 127).to(dtype)
                paths.append(f"{folder}/epoch-{number}.safetensors")
                save_file({"fc.weight": weight, "fc.weight_scale": scale}, paths[-1])
                values.append(weight.double() * scale.double())
            mean = torch.stack(values).sum(0) / 3
            found = merge("--dtype", "f64", paths=paths, pretrained=False)
            assert found.keys() == {"fc.weight"}
            assert torch.allclose(found["fc.weight"], mean, rtol=1e-15, atol=0), dtype
            found = merge(paths=paths, pretrained=False)
            assert found["fc.weight"].dtype == dtype
            restored = found["fc.weight"].double() * found["fc.weight_scale"].double()
            # Half a step of the integers, or half of the last bit of the floats but for those below the normal ones.
            peak = mean.abs().amax(1, keepdim=True)
            step = peak / 127 if dtype == torch.int8 else torch.maximum(
                mean.abs() / (8 if dtype == torch.float8_e4m3fn else 4), peak * 2**-14)
            assert ((restored - mean).abs() <= step * 0.5001).all(), dtype
            print(f"quantized {dtype}: equals float64")


def mergekit():
    if importlib.util.find_spec("mergekit") is None:
        print("mergekit is not installed: its formulas are compared above")
        return
    from mergekit.merge_methods.generalized_task_arithmetic import get_mask
    from mergekit.merge_methods.slerp import slerp as their_slerp
    from mergekit.sparsify import SparsificationMethod, sparsify

    found = merge("--method", "slerp", "--weights", "3,1", paths=[CHOSEN[0], CHOSEN[3]], pretrained=False)
    for name in PARAMETERS:
        expected = their_slerp(torch.tensor([0.25]), STATES[0][name][None], STATES[-1][name][None])[0]
        assert torch.allclose(found[name], expected, rtol=1e-5, atol=1e-7), name
    found = merge("--method", "ties", "--density", "0.3")
    for name in PARAMETERS:
        deltas = torch.stack([
            sparsify(state[name] - STATES[0][name], 0.3, SparsificationMethod.magnitude) for state in STATES[1:]])
        mask = get_mask(deltas, method="sum", mask_dtype=deltas.dtype)
        merged = (deltas * mask).sum(0) / torch.where(mask.sum(0) == 0, 1, mask.sum(0))
        # Elements that tie for the last place may be kept by one and not by the other.
        differs = ~torch.isclose(found[name], STATES[0][name] + merged, rtol=1e-5, atol=1e-7)
        assert differs.float().mean() < 0.01, (name, int(differs.sum()))
    print("mergekit: slerp and ties agree")


if __name__ == "__main__":
    formulas()
    orders()
    quantized()
    mergekit()
