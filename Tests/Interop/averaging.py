"""Compares ckpt-average with NumPy, torch.optim.swa_utils and timm on the bundled training run.

    python Tests/Interop/averaging.py BIN_FOLDER

Results must equal NumPy's float64, rounded once, in every bit; PyTorch and timm average in float32, so they are compared
to a few units in the last place of the largest value.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

REPOSITORY = Path(__file__).resolve().parents[2]
TOOL = Path(sys.argv[1]).resolve() / "ckpt-average"
PATHS = sorted((REPOSITORY / "fixtures" / "run").glob("*.safetensors"), key=lambda p: int(p.stem.split("-")[1]))
STATES = [load_file(path) for path in PATHS]
STEPS = [int(path.stem.split("-")[1]) for path in PATHS]
PARAMETERS = [n for n, v in STATES[0].items() if v.is_floating_point() and "running_" not in n]


def average(*arguments):
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/out.safetensors"
        subprocess.run([TOOL, *map(str, PATHS), *map(str, arguments), "-q", "-o", out], check=True)
        return load_file(out)


def series(name):
    return np.stack([state[name].numpy().astype(np.float64) for state in STATES])


def expect_equal(label, result, reference):
    worst = 0
    for name in PARAMETERS:
        expected = reference(series(name)).astype(np.float32)
        found = result[name].numpy()
        ulp = np.abs(found.astype(np.float64) - expected) / np.spacing(np.abs(expected))
        worst = max(worst, float(ulp.max()))
    assert worst <= 1, (label, worst)
    for name, last in STATES[-1].items():
        if name not in PARAMETERS:
            assert torch.equal(result[name], last), (label, name)
    print(f"{label}: {worst:.0f} ulp")


def recurrence(decays):
    def reference(values):
        total = values[0]
        for value, decay in zip(values[1:], decays[1:]):
            total = decay * total + (1 - decay) * value
        return total
    return reference


def weighted(weights):
    weights = np.asarray(weights, dtype=np.float64)
    return lambda values: np.tensordot(weights / weights.sum(), values, 1)


def expect_close(label, result, reference):
    worst = max(
        float((result[n] - reference[n]).abs().max() / reference[n].abs().max()) for n in PARAMETERS
    )
    assert worst < 2e-6, (label, worst)
    print(f"{label}: relative difference {worst:.1e}")


def torch_average(**options):
    """AveragedModel over modules that hold the series' parameters."""
    class Holder(torch.nn.Module):
        def __init__(self, state):
            super().__init__()
            self.values = torch.nn.ParameterList([torch.nn.Parameter(state[n].clone()) for n in PARAMETERS])
    model = torch.optim.swa_utils.AveragedModel(Holder(STATES[0]), **options)
    for state in STATES:
        model.update_parameters(Holder(state))
    return dict(zip(PARAMETERS, [value.detach() for value in model.module.values]))


def timm_average():
    from timm.utils import ModelEmaV3
    class Holder(torch.nn.Module):
        def __init__(self, state):
            super().__init__()
            self.values = torch.nn.ParameterList([torch.nn.Parameter(state[n].clone()) for n in PARAMETERS])
    ema = ModelEmaV3(Holder(STATES[0]), decay=0.9999, use_warmup=True)
    for step, state in enumerate(STATES):
        ema.update(Holder(state), step=step + 1)
    return dict(zip(PARAMETERS, [value.detach() for value in ema.module.values]))


def edm2_weights(sources, target):
    """EDM2's published procedure: least squares between profiles, weights scaled to a sum of one."""
    def gamma(sigma):
        return np.roots([1, 7, 16 - sigma**-2, 12 - sigma**-2]).real.max()
    def product(ta, ga, tb, gb):
        exponent = np.where(ta < tb, gb, -ga)
        return (ga + 1) * (gb + 1) * (ta / tb) ** exponent / ((ga + gb + 1) * np.maximum(ta, tb))
    t = np.asarray(STEPS, dtype=np.float64)
    g = np.full_like(t, gamma(sources))
    matrix = product(t[:, None], g[:, None], t[None, :], g[None, :])
    right = product(t, g, t[-1], gamma(target))
    solution = np.linalg.solve(matrix, right)
    return solution / solution.sum()


def main():
    count = len(STATES)
    expect_equal("mean", average(), lambda v: v.sum(axis=0) / count)
    expect_equal("ema 0.9", average("--method", "ema"), recurrence([0.9] * count))
    tanh = [0.9 * np.tanh(n) for n in range(count)]
    expect_equal("tanh-ema", average("--method", "tanh-ema"), recurrence(tanh))
    expect_equal("median", average("--method", "median"), lambda v: np.median(v, axis=0))
    trimmed = average("--method", "trimmed-mean", "--trim", "0.2")
    expect_equal("trimmed-mean", trimmed, lambda v: np.sort(v, axis=0)[2:-2].mean(axis=0))
    given = average("--method", "weights", "--weights", ",".join(map(str, range(1, count + 1))))
    expect_equal("weights", given, weighted(range(1, count + 1)))
    ratios = [0] + [(a / b) ** 8 for a, b in zip(STEPS, STEPS[1:])]
    expect_equal("power-ema", average("--method", "power-ema", "--gamma", "7"), recurrence(ratios))
    posthoc = average("--method", "posthoc-ema", "--source-sigma", "0.05", "--sigma", "0.06")
    reference = edm2_weights(0.05, 0.06)
    expect_close(
        "posthoc-ema", posthoc,
        {n: torch.from_numpy(np.tensordot(reference, series(n), 1).astype(np.float32)) for n in PARAMETERS})

    expect_close("torch AveragedModel", average(), torch_average())
    ema = torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)
    expect_close("torch EMA 0.9", average("--method", "ema"), torch_average(multi_avg_fn=ema))
    expect_close("timm ModelEmaV3", average("--method", "ema", "--warmup"), timm_average())

    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/swag.safetensors"
        subprocess.run(
            [TOOL, *map(str, PATHS), "--method", "swag", "--swag-rank", "4", "-q", "-o", out], check=True)
        swag = load_file(out)
    worst = 0
    for name in PARAMETERS:
        values = series(name)
        variance = np.maximum(values.var(axis=0), 1e-30)
        worst = max(worst, float(np.abs(swag[name + ".swag_variance"].numpy() / variance - 1).max()))
        for row, index in enumerate(range(count - 4, count)):
            expected = values[index] - values[: index + 1].mean(axis=0)
            found = swag[f"{name}.swag_deviation_{row}"].numpy()
            assert np.allclose(found, expected, rtol=1e-6, atol=1e-12), (name, row)
    assert worst < 1e-6, worst
    print(f"swag: variance within {worst:.1e}")


if __name__ == "__main__":
    main()
