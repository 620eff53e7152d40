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
from safetensors.torch import load_file, save_file

REPOSITORY = Path(__file__).resolve().parents[2]
TOOL = Path(sys.argv[1]).resolve() / "ckpt-average"
PATHS = sorted((REPOSITORY / "fixtures" / "run").glob("*.safetensors"), key=lambda p: int(p.stem.split("-")[1]))
STATES = [load_file(path) for path in PATHS]
STEPS = [int(path.stem.split("-")[1]) for path in PATHS]
PARAMETERS = [n for n, v in STATES[0].items() if v.is_floating_point() and "running_" not in n]


def average(*arguments, paths=PATHS):
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/out.safetensors"
        subprocess.run([TOOL, *map(str, paths), *map(str, arguments), "-q", "-o", out], check=True)
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


def continued_average():
    """A file of AveragedModel for the first models, the tool for the others."""
    class Holder(torch.nn.Module):
        def __init__(self, state):
            super().__init__()
            for name in PARAMETERS:
                self.register_parameter(name.replace(".", "/"), torch.nn.Parameter(state[name].clone()))
    averaged = torch.optim.swa_utils.AveragedModel(Holder(STATES[0]))
    for state in STATES[:6]:
        averaged.update_parameters(Holder(state))
    with tempfile.TemporaryDirectory() as folder:
        paths = [f"{folder}/average.pt"]
        torch.save(averaged.state_dict(), paths[0])
        for index, state in enumerate(STATES[6:]):
            paths.append(f"{folder}/{index}.safetensors")
            save_file({n.replace(".", "/"): state[n] for n in PARAMETERS}, paths[-1])
        result = average("--order", "given", paths=paths)
    return {name: result[name.replace(".", "/")] for name in PARAMETERS}


def ordered(values):
    """Numbers of few bits as integers in which neighbours differ by one."""
    bits = values.view(torch.int8 if values.element_size() == 1 else torch.int16).to(torch.int64)
    lowest = -(1 << (8 * values.element_size() - 1))
    return torch.where(bits < 0, lowest - bits, bits)


def low_precision():
    """Series of few bits: summed in float64, rounded once."""
    for dtype in (torch.bfloat16, torch.float16, torch.float8_e4m3fn, torch.float8_e5m2):
        with tempfile.TemporaryDirectory() as folder:
            narrow = [{n: state[n].to(dtype) for n in PARAMETERS} for state in STATES]
            paths = [f"{folder}/{index}.safetensors" for index in range(len(narrow))]
            for state, path in zip(narrow, paths):
                save_file(state, path)
            result = average("--method", "ema", paths=paths)
        worst = 0
        for name in PARAMETERS:
            values = np.stack([state[name].to(torch.float64).numpy() for state in narrow])
            expected = torch.from_numpy(recurrence([0.9] * len(narrow))(values)).to(dtype)
            assert result[name].dtype == dtype
            worst = max(worst, int((ordered(result[name]) - ordered(expected)).abs().max()))
        assert worst <= 1, (dtype, worst)
        print(f"ema of {dtype}: {worst} ulp")


def quantised():
    """I8 weights with a scale for each output channel: the mean of what they stand for."""
    weights = [n for n in PARAMETERS if STATES[0][n].dim() > 1]
    with tempfile.TemporaryDirectory() as folder:
        paths, dense = [], []
        for index, state in enumerate(STATES):
            tensors, values = {}, {}
            for name in weights:
                scale = state[name].abs().flatten(1).max(1).values / 127
                shape = (-1,) + (1,) * (state[name].dim() - 1)
                tensors[name] = (state[name] / scale.reshape(shape)).round().to(torch.int8)
                tensors[name + "_scale"] = scale.reshape(shape)
                values[name] = tensors[name].double() * tensors[name + "_scale"].double()
            paths.append(f"{folder}/{index}.safetensors")
            save_file(tensors, paths[-1])
            dense.append(values)
        wide = average("--dtype", "f32", paths=paths)
        narrow = average(paths=paths)
    worst = 0
    for name in weights:
        expected = np.stack([values[name].numpy() for values in dense]).sum(0) / len(dense)
        found = wide[name].numpy()
        ulp = np.abs(found.astype(np.float64) - expected) / np.spacing(np.abs(expected.astype(np.float32)))
        worst = max(worst, float(ulp.max()))
        again = narrow[name].double() * narrow[name + "_scale"].double()
        half = narrow[name + "_scale"].double() / 2
        assert ((again - torch.from_numpy(expected)).abs() <= half * (1 + 1e-5)).all(), name
    assert worst <= 1, worst
    print(f"I8 with scales: {worst:.1f} ulp as F32, half a step as I8")


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
    expect_equal("posthoc-ema", posthoc, lambda v: np.tensordot(edm2_weights(0.05, 0.06), v, 1))
    half = 2 ** (-1 / 3)
    expect_equal("ema, half-life", average("--method", "ema", "--half-life", "3"), recurrence([half] * count))
    # torchvision's reference script: model_ema_decay, model_ema_steps.
    intervals = [0] + [0.99998 ** ((b - a) / 32) for a, b in zip(STEPS, STEPS[1:])]
    expect_equal(
        "ema, decay interval",
        average("--method", "ema", "--decay", "0.99998", "--decay-interval", "32", "--steps", "names"),
        recurrence(intervals))
    debiased = [0.8 ** (count - 1 - i) * 0.2 for i in range(count)]
    expect_equal("ema, debiased", average("--method", "ema", "--decay", "0.8", "--debiased"), weighted(debiased))
    expect_equal("mean of the last 4", average("--last", "4"), lambda v: v[-4:].sum(axis=0) / 4)
    # WSM (arXiv 2507.17634): multipliers 0.8, 0.5, 0.2 of a decayed learning rate as weights of the last checkpoints.
    wsm = [0.2, 0.3, 0.3, 0.2]
    expect_equal(
        "weights of the last 4",
        average("--method", "weights", "--weights", ",".join(map(str, [0] * (count - 4) + wsm))),
        lambda v: np.tensordot(np.asarray(wsm), v[-4:], 1))

    expect_close("torch AveragedModel", average(), torch_average())
    ema = torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)
    expect_close("torch EMA 0.9", average("--method", "ema"), torch_average(multi_avg_fn=ema))
    expect_close("torch AveragedModel, continued", continued_average(), torch_average())
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
    low_precision()
    quantised()


if __name__ == "__main__":
    main()
