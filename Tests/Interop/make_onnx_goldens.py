"""Writes the ONNX files of the tests and the logits that PyTorch computes for them in float64.

Tests/NetworkTests/Goldens/onnx/*.onnx are small networks with their weights, from both of PyTorch's exporters; the .json
beside each has logits at two input sizes, of which the file was exported at the first. Inputs are SplitMix64's, as in
make_goldens.py. fixtures/onnx/*.onnx describe the fixtures' network and leave the weights in a file that is not
committed: the checkpoints have them.
"""

import contextlib
import io
import json
import warnings
from pathlib import Path

import onnx
import onnxscript
import torch
import torch.nn.functional as F
from torch import nn

from logits import batch_statistics, randomise
from make_goldens import uniform

ROOT = Path(__file__).resolve().parent.parent.parent
GOLDENS = ROOT / "Tests/NetworkTests/Goldens/onnx"


class Unit(nn.Sequential):
    def __init__(self, inputs, outputs, kernel, activation, **options):
        super().__init__(nn.Conv2d(inputs, outputs, kernel, bias=False, **options), nn.BatchNorm2d(outputs), activation)


class Mobile(nn.Module):
    """Depthwise and grouped convolutions, a gate, a shuffle, hard activations, a softmax at the end."""

    def __init__(self):
        super().__init__()
        self.stem = Unit(3, 8, 3, nn.Hardswish(), stride=2, padding=1)
        self.depthwise = Unit(8, 8, 5, nn.ReLU6(), padding=4, dilation=2, groups=8)
        self.reduce, self.expand = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)
        self.grouped = Unit(8, 12, 3, nn.SiLU(), padding=1, groups=2)
        self.left = Unit(6, 6, 1, nn.ReLU())
        self.last = nn.BatchNorm2d(12)
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(12, 5)

    def forward(self, x):
        x = self.stem(x)
        x = self.depthwise(x) + x
        gate = x.mean((2, 3), keepdim=True)
        x = x * F.hardsigmoid(self.expand(F.relu(self.reduce(gate))))
        x = self.grouped(x)
        a, b = x.chunk(2, dim=1)
        x = torch.cat([a, self.left(b)], dim=1)
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        x = F.relu(self.last(x))
        return F.log_softmax(self.fc(self.dropout(F.adaptive_avg_pool2d(x, 1).flatten(1))), dim=1)


class Mixed(nn.Module):
    """Pools of all kinds, pads, blurs, other activations, attention across channels and over branches."""

    def __init__(self, affine):
        super().__init__()
        self.stem = Unit(12, 8, 3, nn.LeakyReLU(0.1), padding=1)
        self.register_buffer("filter", torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]).div(16).repeat(8, 1, 1, 1), persistent=False)
        self.prelu, self.elu = nn.PReLU(8), nn.ELU(0.7)
        self.branch = nn.ModuleList([Unit(8, 4, 1, nn.GELU()), Unit(8, 4, 3, nn.Mish(), padding=1)])
        self.scale = nn.Parameter(torch.tensor([0.5, 1.5, 2.0, 0.25]).view(4, 1, 1))
        self.across = nn.Conv1d(1, 1, 3, padding=1, bias=False)
        self.attention = nn.Conv2d(4, 8, 1)
        self.norm = nn.BatchNorm2d(4, eps=1e-3, momentum=0.01, affine=affine)
        self.fc = nn.Linear(8, 3, bias=False)

    def forward(self, x):
        x = F.pixel_unshuffle(x, 2)
        x = self.stem(x)
        x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), self.filter, groups=8)
        x = self.prelu(F.max_pool2d(x, 3, 2, ceil_mode=True)) + self.elu(
            F.avg_pool2d(x, 3, 2, ceil_mode=True, count_include_pad=False))
        x = F.avg_pool2d(F.pad(x, (0, 1, 1, 0)), 2, 1)
        a, b = self.branch[0](x), self.branch[1](x)
        x = torch.stack([a, b], dim=1)
        weights = self.attention(x.sum(1).mean((2, 3), keepdim=True))
        x = (x * F.softmax(weights.view(-1, 2, 4, 1, 1), dim=1)).sum(1)
        y = x.mean((2, 3))
        x = x * torch.sigmoid(self.across(y.unsqueeze(1))).view(-1, 4, 1, 1)
        x = F.interpolate(F.max_pool2d(x, 2), scale_factor=2.0) * self.scale - 0.25
        x = self.norm(F.softplus(x) / 3.0)
        return self.fc(torch.cat([torch.amax(x, (2, 3)), x.mean((2, 3))], 1))


def export(model, size, path, new, opset, dynamic=False, external=False):
    x = torch.zeros(1, 3, *size)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        if new:
            torch.onnx.export(model, (x,), str(path), dynamo=True, optimize=False, external_data=external,
                              opset_version=opset)
        else:
            axes = {"x": {0: "n", 2: "h", 3: "w"}} if dynamic else None
            torch.onnx.export(model, (x,), str(path), dynamo=False, training=torch.onnx.TrainingMode.PRESERVE,
                              do_constant_folding=False, input_names=["x"], dynamic_axes=axes, opset_version=opset)
    # Source lines and module names of every node are most of such a small file.
    graph = onnx.load(path, load_external_data=False)
    for item in [graph, graph.graph, *graph.graph.node, *graph.graph.value_info, *graph.graph.input,
                 *graph.graph.output, *graph.graph.initializer]:
        item.ClearField("doc_string")
        item.ClearField("metadata_props")
    graph.graph.ClearField("value_info")
    path.write_bytes(graph.SerializeToString())


def pixels(height, width):
    values = uniform(1_000_000, 2 * height * width * 3) * 2 - 1
    return torch.tensor(values, dtype=torch.float32).view(2, height, width, 3).permute(0, 3, 1, 2).double()


def golden(name, model, sizes, new, opset, **options):
    torch.manual_seed(0)
    model = randomise(model(), seed=3).eval()
    path = GOLDENS / f"{name}.onnx"
    export(model, sizes[0], path, new, opset, **options)
    if not new:
        onnx.checker.check_model(str(path))
    model = model.double()
    rows = []
    with torch.no_grad():
        for height, width in sizes:
            x = pixels(height, width)
            rows.append({"height": height, "width": width, "logits": model(x).flatten().tolist()})
        batch, moments = batch_statistics(model, pixels(*sizes[0]))
    norms = [[n, m.eps, m.momentum] for n, m in model.named_modules() if n in moments]
    content = {
        "versions": f"torch {torch.__version__}, onnx {onnx.__version__}, onnxscript {onnxscript.__version__}",
        "opset": opset, "sizes": rows, "batch_logits": batch.flatten().tolist(), "norms": norms,
    }
    (GOLDENS / f"{name}.json").write_text(json.dumps(content) + "\n")


def fixtures():
    import sys

    sys.path.insert(0, str(ROOT / "fixtures"))
    from fixturelib import model_from
    from safetensors.torch import load_file

    folder = ROOT / "fixtures/onnx"
    folder.mkdir(exist_ok=True)
    model = model_from(load_file(str(ROOT / "fixtures/run/epoch-104.safetensors"))).eval()
    for name, new in (("digits-torchscript", False), ("digits-dynamo", True)):
        path = folder / f"{name}.onnx"
        export(model, (64, 64), path, new, 18, dynamic=not new)
        graph = onnx.load(path)
        onnx.save(graph, path, save_as_external_data=True, location="weights", size_threshold=0)
        (folder / "weights").unlink()


def main():
    GOLDENS.mkdir(parents=True, exist_ok=True)
    # The square is the exported size, the other one shows that nothing is bound to it.
    golden("mobile-torchscript-11", Mobile, [(32, 32), (40, 56)], False, 11, dynamic=True)
    golden("mobile-dynamo-20", Mobile, [(32, 32), (40, 56)], True, 20)
    golden("mixed-torchscript-17", lambda: Mixed(True), [(32, 40), (48, 56)], False, 17, dynamic=True)
    golden("mixed-dynamo-18", lambda: Mixed(False), [(32, 40), (48, 56)], True, 18)
    golden("mixed-external", lambda: Mixed(False), [(32, 40)], True, 22, external=True)
    torch.manual_seed(0)
    fresh = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4),
                          nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    export(fresh.eval(), (16, 16), GOLDENS / "fresh-torchscript-17.onnx", False, 17)
    torch.onnx.export(fresh, (torch.zeros(1, 3, 16, 16),), str(GOLDENS / "folded-torchscript-17.onnx"), dynamo=False,
                      opset_version=17)
    with contextlib.redirect_stdout(io.StringIO()):
        torch.onnx.export(fresh, (torch.zeros(1, 3, 16, 16),), str(GOLDENS / "folded-dynamo-20.onnx"), dynamo=True,
                          external_data=False, opset_version=20)
    fixtures()


if __name__ == "__main__":
    main()
