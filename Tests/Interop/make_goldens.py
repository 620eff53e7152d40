"""Writes Tests/NetworkTests/Goldens/*.json: logits of small networks of every family, computed by PyTorch in float64.

Weights are not stored: test and script both draw them by SplitMix64, tensor by tensor in the byte order of the names,
with the tensor's position as the seed. Versions used are in the files. Names given as arguments are written alone.
"""

import functools
import json
import math
import sys
from pathlib import Path

import numpy as np
import timm
import torch
import torchvision
from efficientnet_lite_pytorch import EfficientNet
from torch import nn
from torchvision.models.efficientnet import FusedMBConvConfig, MBConvConfig
from torchvision.models.mobilenetv3 import _mobilenet_v3_conf
from torchvision.models.regnet import BlockParams

from logits import batch_statistics


def uniform(seed, count):
    """The first numbers in [0, 1) of SplitMix64."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def values(name, shape, seed):
    u = uniform(seed, math.prod(shape))
    if name.endswith(".running_var"):
        u = 0.5 + 1.5 * u
    elif name.endswith(".running_mean"):
        u = 0.6 * u - 0.3
    elif name.endswith(".bias"):
        u = 0.4 * u - 0.2
    elif len(shape) == 1:
        u = 0.5 + 0.5 * u
    else:
        u = (2 * u - 1) * math.sqrt(6 / math.prod(shape[1:]))
    return torch.from_numpy(u.astype(np.float32)).reshape(shape)


def small_vgg():
    model = torchvision.models.VGG(
        torchvision.models.vgg.make_layers([8, "M", 8, "M", 12, 12, "M", 16, "M", 16, 16, "M"], batch_norm=True))
    model.classifier[0], model.classifier[3] = torch.nn.Linear(16 * 49, 24), torch.nn.Linear(24, 20)
    model.classifier[6] = torch.nn.Linear(20, 10)
    return model


def small_v3(kind):
    setting, _ = _mobilenet_v3_conf(f"mobilenet_v3_{kind}", width_mult=0.25)
    return torchvision.models.MobileNetV3(setting, last_channel=48, num_classes=10)


def small_efficientnet(last, *setting, eps=1e-5):
    norm = functools.partial(torch.nn.BatchNorm2d, eps=eps)
    return torchvision.models.EfficientNet(
        list(setting), dropout=0.2, num_classes=10, last_channel=last, norm_layer=norm)


def small_b():
    rows = [(1, 3, 1, 16, 8, 1), (6, 3, 2, 8, 8, 2), (6, 5, 2, 8, 16, 1), (6, 3, 2, 16, 16, 1), (6, 5, 1, 16, 24, 2)]
    return small_efficientnet(40, *[MBConvConfig(*row) for row in rows])


def timm_model(name, **options):
    return timm.create_model(name, num_classes=10, **options)


class CIFARBlock(nn.Module):
    """A residual block with the names of kuangliu/pytorch-cifar, or of weiaicunzai/pytorch-cifar100."""

    def __init__(self, inputs, width, stride, expansion, in_sequence):
        super().__init__()
        outputs = width * expansion
        shapes = [(inputs, width, 3, stride), (width, outputs, 3, 1)]
        if expansion > 1:
            shapes = [(inputs, width, 1, 1), (width, width, 3, stride), (width, outputs, 1, 1)]
        layers = []
        for number, (i, o, kernel, step) in enumerate(shapes, 1):
            pair = nn.Conv2d(i, o, kernel, step, kernel // 2, bias=False), nn.BatchNorm2d(o)
            layers += [*pair, nn.ReLU()]
            if not in_sequence:
                setattr(self, f"conv{number}", pair[0])
                setattr(self, f"bn{number}", pair[1])
        steps = nn.Sequential(*layers[:-1])
        if in_sequence:
            self.residual_function = steps
        self.steps = [steps]  # in a list, so that its names are not registered twice
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        return torch.relu(self.steps[0](x) + self.shortcut(x))


class CIFARResNet(nn.Module):
    """ResNet for small images with the names of either repository."""

    def __init__(self, blocks, expansion, in_sequence, width=8):
        super().__init__()
        stem = nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        self.conv1 = nn.Sequential(*stem, nn.ReLU()) if in_sequence else stem[0]
        if not in_sequence:
            self.bn1 = stem[1]
        self.stem = [nn.Sequential(*stem, nn.ReLU())]
        self.stages, inputs = [], width
        for stage, count in enumerate(blocks):
            stride, layers = min(stage, 1) + 1, []
            for _ in range(count):
                layers.append(CIFARBlock(inputs, width << stage, stride, expansion, in_sequence))
                inputs, stride = (width << stage) * expansion, 1
            self.stages.append(nn.Sequential(*layers))
            setattr(self, f"conv{stage + 2}_x" if in_sequence else f"layer{stage + 1}", self.stages[-1])
        self.head = "fc" if in_sequence else "linear"
        setattr(self, self.head, nn.Linear(inputs, 10))

    def forward(self, x):
        x = self.stem[0](x)
        for stage in self.stages:
            x = stage(x)
        return getattr(self, self.head)(x.mean((2, 3)))


def small_convnext():
    block = torchvision.models.convnext.CNBlockConfig
    return torchvision.models.ConvNeXt([block(8, 16, 1), block(16, 24, 2), block(24, None, 1)], num_classes=10)


def timm_convnext(**options):
    return timm.models.convnext.ConvNeXt(num_classes=10, depths=(1, 1, 2, 1), dims=(8, 16, 24, 40), **options)


def resized_vit(name, size, model):
    """The network for images of another size."""
    other = timm_model(name, img_size=size)
    other.load_state_dict(timm.models.vision_transformer.checkpoint_filter_fn(model.state_dict(), other))
    return other


def small_swin(**options):
    return torchvision.models.SwinTransformer(
        patch_size=[4, 4], embed_dim=16, depths=[1, 2], num_heads=[1, 2], window_size=[3, 3], num_classes=10, **options)


def small_swin_v2():
    module = torchvision.models.swin_transformer
    return small_swin(block=module.SwinTransformerBlockV2, downsample_layer=module.PatchMergingV2)


def timm_swin():
    return timm.models.swin_transformer.SwinTransformer(
        img_size=(44, 36), patch_size=4, embed_dim=16, depths=(2, 2), num_heads=(1, 2), window_size=3, num_classes=10)


# name: (builder, height, width, architecture to pass or None[, builder of the network for another size])
MODELS = {
    "vgg": (small_vgg, 64, 70, None),
    "densenet": (
        lambda: torchvision.models.DenseNet(
            growth_rate=8, block_config=(2, 3, 2), num_init_features=16, bn_size=2, num_classes=10), 49, 64, None),
    "mobilenet_v2": (lambda: torchvision.models.MobileNetV2(num_classes=10, width_mult=0.25), 64, 71, None),
    "mobilenet_v3_large": (lambda: small_v3("large"), 64, 71, None),
    "mobilenet_v3_small": (lambda: small_v3("small"), 64, 71, None),
    "efficientnet": (small_b, 64, 71, None),
    "efficientnet_v2": (
        lambda: small_efficientnet(
            40, FusedMBConvConfig(1, 3, 1, 8, 8, 2), FusedMBConvConfig(4, 3, 2, 8, 16, 2),
            MBConvConfig(4, 3, 2, 16, 24, 2), eps=1e-3), 64, 71, None),
    "regnet_x": (
        lambda: torchvision.models.RegNet(
            BlockParams.from_init_params(depth=6, w_0=16, w_a=16.5, w_m=2.2, group_width=8), num_classes=10),
        64, 71, None),
    "regnet_y": (
        lambda: torchvision.models.RegNet(
            BlockParams.from_init_params(depth=6, w_0=24, w_a=16.5, w_m=2.2, group_width=12, se_ratio=0.25),
            num_classes=10), 64, 71, None),
    "regnet-timm": (lambda: timm_model("regnety_002"), 64, 71, None),
    "mnasnet": (lambda: torchvision.models.MNASNet(0.25, num_classes=10), 64, 71, None),
    "shufflenet_v2": (
        lambda: torchvision.models.ShuffleNetV2([4, 8, 4], [24, 24, 48, 96, 64], num_classes=10), 64, 71, None),
    "googlenet": (
        lambda: torchvision.models.GoogLeNet(num_classes=10, aux_logits=True, init_weights=False), 64, 71, None),
    "resnet-d-se": (
        lambda: timm.models.resnet.ResNet(
            timm.models.resnet.Bottleneck, [1, 2, 1, 1], num_classes=10, stem_width=8, stem_type="deep", avg_down=True,
            base_width=8, cardinality=2, channels=(8, 12, 16, 20), block_args={"attn_layer": "se"}), 63, 71, None),
    "mobilenetv2-timm": (lambda: timm_model("mobilenetv2_050"), 64, 71, None),
    "mobilenetv3-timm": (lambda: timm_model("mobilenetv3_small_050"), 64, 71, "mobilenetv3_small_050"),
    "mobilenetv3-tf": (lambda: timm_model("tf_mobilenetv3_small_075"), 65, 70, "tf_mobilenetv3_small_075"),
    "mnasnet-timm": (lambda: timm_model("mnasnet_small"), 64, 71, None),
    "convnext": (small_convnext, 64, 71, None),
    "convnext-timm": (lambda: timm_convnext(conv_mlp=True, stem_type="overlap_tiered"), 64, 71, None),
    "convnext-v2": (lambda: timm_convnext(use_grn=True, ls_init_value=None), 96, 71, None),
    "swin": (small_swin, 44, 37, None),
    "swin-v2": (small_swin_v2, 44, 37, None),
    "swin-timm": (timm_swin, 44, 36, None),
    "vit": (lambda: timm_model("test_vit"), 160, 160, None),
    "vit-larger": (
        lambda: timm_model("test_vit2"), 208, 208, "test_vit2", lambda model: resized_vit("test_vit2", 208, model)),
    "vit-smaller": (
        lambda: timm_model("test_vit"), 96, 96, None, lambda model: resized_vit("test_vit", 96, model)),
    "efficientnet-lite-tf": (lambda: timm_model("tf_efficientnet_lite0"), 65, 70, "tf_efficientnet_lite0"),
    "efficientnet-edge": (lambda: timm_model("efficientnet_em"), 64, 71, "efficientnet_em"),
    "efficientnet-lite-pytorch": (
        lambda: EfficientNet.from_name("efficientnet-lite0", image_size=None, num_classes=10), 65, 70, None),
    "resnet-cifar-layers": (lambda: CIFARResNet([2, 2, 2, 2], 1, False), 32, 37, "resnet18-cifar"),
    "resnet-cifar-sequences": (lambda: CIFARResNet([1, 2, 1, 1], 4, True), 32, 37, "resnet-cifar"),
}


def main():
    directory = Path(__file__).parent.parent / "NetworkTests" / "Goldens"
    directory.mkdir(exist_ok=True)
    for name in sys.argv[1:] or MODELS:
        build, height, width, architecture, *resize = MODELS[name]
        model = build()
        state = model.state_dict()
        names = sorted((k for k in state if state[k].is_floating_point()), key=lambda k: k.encode())
        for seed, key in enumerate(names):
            if key.endswith("relative_coords_table"):
                continue  # constants of the window, which nothing learns
            state[key] = values(key, tuple(state[key].shape), seed)
        model.load_state_dict(state)
        for other in resize:
            model = other(model)
        model = model.double().eval()
        x = 2 * uniform(1_000_000, 2 * height * width * 3) - 1
        x = torch.from_numpy(x.astype(np.float32)).reshape(2, height, width, 3).permute(0, 3, 1, 2).double()
        with torch.no_grad():
            logits = model(x)
            batch_logits, _ = batch_statistics(model, x)
        golden = {
            "versions": f"torch {torch.__version__}, torchvision {torchvision.__version__}, timm {timm.__version__}",
            "architecture": architecture,
            "height": height,
            "width": width,
            "tensors": [[key, list(state[key].shape)] for key in names],
            "logits": [float(f"{v:.9g}") for v in logits.flatten().tolist()],
            "batch_logits": [float(f"{v:.9g}") for v in batch_logits.flatten().tolist()],
        }
        (directory / f"{name}.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
        print(name, sum(math.prod(state[k].shape) for k in names), flush=True)


if __name__ == "__main__":
    main()
