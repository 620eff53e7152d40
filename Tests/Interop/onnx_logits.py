"""Compares networks imported from ONNX with PyTorch: both exporters, many models, random weights.

    python Tests/Interop/onnx_logits.py ENGINE [--out RESULTS.tsv] [--only REGEX] [--set recognised|others|small|all]

ENGINE is the built `engine` executable, or a folder that holds it. Every model gets random weights and BatchNorm statistics
(logits.py), is exported by the old exporter (TorchScript, sizes of batch and image left open) and by the new one
(torch.export, sizes of the example), and runs in the engine with the weights of a safetensors file. The reference is PyTorch in
float64. One row per model and exporter: error of the logits relative to the largest, with running and with batch
statistics, beside those of PyTorch in float32, and with running statistics at another input size than the exported one.
Networks that multiply their own activations may leave what float32 can hold with random weights: errors count as failures
where they are beyond 1e-4 and beyond three times PyTorch's own.
"""

import argparse
import contextlib
import copy
import io
import os
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from logits import batch_statistics, randomise, relative

RECOGNISED = """
torchvision/resnet18 torchvision/resnet50 torchvision/resnext50_32x4d torchvision/wide_resnet50_2 timm/resnet50d
timm/resnet50t timm/seresnet50 torchvision/vgg11_bn torchvision/densenet121 torchvision/mobilenet_v2
torchvision/mobilenet_v3_large torchvision/mobilenet_v3_small torchvision/efficientnet_b0 torchvision/efficientnet_v2_s
torchvision/regnet_x_400mf torchvision/regnet_y_400mf torchvision/mnasnet1_0 torchvision/shufflenet_v2_x1_0
torchvision/googlenet torchvision/inception_v3 timm/mobilenetv2_100 timm/mobilenetv3_large_100 timm/efficientnet_b0
timm/tf_efficientnet_b0 timm/efficientnetv2_rw_t timm/efficientnet_lite0 timm/regnety_004 timm/mnasnet_100
""".split()

OTHERS = """
timm/resnetaa50 timm/resnetblur50 timm/res2net50_26w_4s timm/ecaresnet50t timm/skresnet18 timm/resnest14d
timm/cspresnet50 timm/cspdarknet53 timm/darknet53 timm/dla34 timm/dla60_res2net timm/dpn68 timm/vovnet39a
timm/ese_vovnet19b_dw timm/ghostnet_100 timm/ghostnetv2_100 timm/hardcorenas_a timm/lcnet_050 timm/tinynet_e timm/mixnet_s
timm/mobilenetv4_conv_small timm/repvgg_a0 timm/mobileone_s0 timm/selecsls42b timm/xception41 timm/inception_v4
timm/inception_resnet_v2 timm/nasnetalarge timm/pnasnet5large timm/rexnet_100 timm/regnetz_b16 timm/gernet_s
timm/legacy_seresnet18 timm/tresnet_m timm/hrnet_w18_small timm/hgnetv2_b0 timm/starnet_s1 timm/densenetblur121d
timm/convmixer_768_32 timm/cs3darknet_s timm/repghostnet_050 timm/efficientvit_b0 timm/mobilenet_edgetpu_100
""".split()

SMALL = ["torchvision/resnet18", "torchvision/mobilenet_v3_small", "torchvision/shufflenet_v2_x1_0", "timm/dla34",
         "timm/skresnet18"]


def build(name):
    source, model = name.split("/")
    if source == "timm":
        import timm

        return timm.create_model(model, pretrained=False)
    import torchvision

    extra = {"init_weights": False} if model in ("googlenet", "inception_v3") else {}
    return torchvision.models.get_model(model, weights=None, **extra)


def size_of(name):
    if re.search("inception|nasnet|xception", name):
        return 171
    return 224 if re.search("vgg", name) and "rep" not in name else 96


def export(model, x, path, new, dynamic=True):
    """PyTorch's two exporters such that BatchNorms stay."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        if new:
            torch.onnx.export(model, (x,), path, dynamo=True, optimize=False, external_data=True, verbose=False)
        else:
            axes = {"x": {0: "n", 2: "h", 3: "w"}} if dynamic else None
            torch.onnx.export(model, (x,), path, dynamo=False, training=torch.onnx.TrainingMode.PRESERVE,
                              do_constant_folding=False, input_names=["x"], dynamic_axes=axes, opset_version=17)


def run(engine, onnx, weights, x, folder):
    inputs, out = str(folder / "in.safetensors"), str(folder / "out.safetensors")
    save_file({"input": x.permute(0, 2, 3, 1).contiguous()}, inputs)
    done = subprocess.run([engine, "logits", weights, inputs, out, "--arch", onnx], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().split("\n")[-1])
    return load_file(out)


def check(engine, name, folder):
    model = randomise(build(name), seed=0).eval()
    size = size_of(name)
    generator = torch.Generator().manual_seed(1)
    inputs = [torch.randn(2, 3, s, s, generator=generator) for s in (size, size + 64)]
    weights = str(folder / "w.safetensors")
    save_file({k: v.contiguous().clone() for k, v in model.state_dict().items()}, weights)
    reference = copy.deepcopy(model).double()
    with torch.no_grad():
        expected = []
        for x in inputs:
            try:
                expected.append(reference(x.double()))
            except RuntimeError:
                expected.append(None)  # some networks are made for one size
        batch, _ = batch_statistics(copy.deepcopy(reference), inputs[0].double())
        single_batch, _ = batch_statistics(copy.deepcopy(model), inputs[0])
        single = model(inputs[0])
    for exporter in ("old", "new"):
        path = str(folder / "model.onnx")
        cells = []
        try:
            for stale in folder.glob("model.onnx*"):
                stale.unlink()
            try:
                export(model, inputs[0][:1], path, exporter == "new")
            except Exception as error:  # noqa: BLE001: exporters fail in many ways
                text = str(error).strip().split("\n")[0]
                yield [name, exporter, "EXPORTER FAILED: " + text[:80]] + ["-"] * 4
                continue
            found = run(engine, path, weights, inputs[0], folder)
            cells = [f"{relative(found['logits'], expected[0]):.1e}", f"{relative(single, expected[0]):.1e}",
                     f"{relative(found['batch_logits'], batch):.1e}", f"{relative(single_batch, batch):.1e}"]
            if expected[1] is None:
                cells.append("-")
            else:
                found = run(engine, path, weights, inputs[1], folder)
                cells.append(f"{relative(found['logits'], expected[1]):.1e}")
        except RuntimeError as error:
            cells = cells + [f"FAILED: {str(error)[-300:]}"] + ["-"] * (4 - len(cells))
        yield [name, exporter] + cells


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("engine")
    parser.add_argument("--out")
    parser.add_argument("--only", default="")
    parser.add_argument("--set", default="small", choices=["recognised", "others", "small", "all"])
    options = parser.parse_args()
    engine = os.path.join(options.engine, "engine") if os.path.isdir(options.engine) else options.engine
    sets = {"recognised": RECOGNISED, "others": OTHERS, "small": SMALL, "all": RECOGNISED + OTHERS}

    import onnx
    import onnxscript
    import timm
    import torchvision

    lines = [
        f"# torch {torch.__version__}, torchvision {torchvision.__version__}, timm {timm.__version__}, "
        f"onnx {onnx.__version__}, onnxscript {onnxscript.__version__}",
        "model\texporter\tlogits\ttorch_logits\tbatch_logits\ttorch_batch_logits\tlogits_other_size",
    ]
    print("\n".join(lines), flush=True)
    failed = []
    for name in sets[options.set]:
        if not re.search(options.only, name):
            continue
        with tempfile.TemporaryDirectory() as folder:
            for row in check(engine, name, Path(folder)):
                lines.append("\t".join(row))
                print(lines[-1], flush=True)
                errors = [cell for cell in (row[2], row[6]) if cell != "-"]
                if any("FAILED" in cell or float(cell) > max(1e-4, 3 * float(row[3])) for cell in errors):
                    failed.append(f"{row[0]} ({row[1]})")
    if options.out:
        Path(options.out).write_text("\n".join(lines) + "\n")
    if failed:
        print(f"{len(failed)} failed: {', '.join(failed)}", file=sys.stderr)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
