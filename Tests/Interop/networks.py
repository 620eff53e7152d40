"""Networks for the scan: every name of timm and torchvision, and mutations that are none of them.

A mutation looks like a published network and computes something else, which its tensors or its config.json show. A tool
may measure it rightly or refuse it; the published network's number would be wrong.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import timm
import torch
import torchvision
from torch import nn

from lively import CLASSES


@dataclass
class Candidate:
    """A network and the ways it is handed to the tools.

    `bare` is a state dict that says nothing of itself, `named` the same with `--arch`, `folder` one beside the
    config.json that timm writes for it, and `training` a checkpoint of torchvision's reference scripts, which has the
    name in `args`.
    """

    source: str
    name: str
    family: str
    build: Callable[[], nn.Module]
    modes: tuple = ("bare", "named", "folder")
    model_args: dict = field(default_factory=dict)
    channels: int = 3


def timm_candidates():
    for name in timm.list_models():
        family = timm.model_entrypoint(name).__module__.rsplit(".", 1)[-1]
        yield Candidate("timm", name, family, lambda name=name: timm.create_model(name, num_classes=CLASSES))


def torchvision_network(name, **options):
    if name in ("googlenet", "inception_v3"):
        options["init_weights"] = False
    return torchvision.models.get_model(name, weights=None, num_classes=CLASSES, **options)


def torchvision_candidates():
    for name in torchvision.models.list_models(module=torchvision.models):
        family = torchvision.models.get_model_builder(name).__module__.rsplit(".", 1)[-1]
        modes = ("bare", "named", "training")
        yield Candidate("torchvision", name, family, lambda name=name: torchvision_network(name), modes)


# Mutations


def replaced(model, path, module):
    """The model with the submodule at the dotted path replaced."""
    parent, _, last = path.rpartition(".")
    setattr(model.get_submodule(parent), last, module)
    return model


def small_stem(name, stride=1, pool=False, kernel=3):
    """torchvision's ResNet with the stem that is customary for images of 32 pixels."""
    model = torchvision_network(name)
    replaced(model, "conv1", nn.Conv2d(3, 64, kernel, stride, kernel // 2, bias=False))
    return model if pool else replaced(model, "maxpool", nn.Identity())


def small_stem_densenet(stride):
    model = torchvision_network("densenet121")
    replaced(model, "features.conv0", nn.Conv2d(3, 64, 3, stride, 1, bias=False))
    return replaced(model, "features.pool0", nn.Identity()) if stride == 1 else model


def with_head(name, path, features, *layers):
    """torchvision's network with the classifier replaced by a sequence; `None` stands for the last linear layer."""
    modules, width = [], features
    for layer in layers:
        module = layer(width) if layer else nn.Linear(width, CLASSES)
        width = getattr(module, "out_features", width)
        modules.append(module)
    return replaced(torchvision_network(name), path, nn.Sequential(*modules))


def pruned_bottlenecks(name, widths=(40, 56)):
    """torchvision's ResNet with the inner channels of the first blocks of layer 1 and 2 cut down."""
    model = torchvision_network(name)
    for layer, width in zip((model.layer1, model.layer2), widths):
        block = layer[0]
        block.conv1 = nn.Conv2d(block.conv1.in_channels, width, 1, bias=False)
        block.bn1 = nn.BatchNorm2d(width)
        old = block.conv2
        inner = width - 8
        block.conv2 = nn.Conv2d(width, inner, 3, old.stride, 1, bias=False)
        block.bn2 = nn.BatchNorm2d(inner)
        block.conv3 = nn.Conv2d(inner, block.conv3.out_channels, 1, bias=False)
    return model


def pruned_basic(width=48):
    model = torchvision_network("resnet18")
    block = model.layer2[1]
    block.conv1, block.bn1 = nn.Conv2d(128, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
    block.conv2 = nn.Conv2d(width, 128, 3, 1, 1, bias=False)
    return model


class Scaled(nn.Module):
    """A block whose output is multiplied by a learned vector."""

    def __init__(self, channels):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))

    def forward(self, x):
        return x * self.scale[:, None, None]


def every_block(model, change):
    """Applies a change to every residual block of torchvision's or timm's ResNet."""
    for layer in (model.layer1, model.layer2, model.layer3, model.layer4):
        for block in layer:
            change(block)
    return model


def last_norm(block):
    return "bn3" if hasattr(block, "bn3") else "bn2"


def scaled_blocks(name, inside):
    """torchvision's ResNet with a learned scale on each block, in a module of its own or among the block's tensors."""

    def change(block):
        norm = getattr(block, last_norm(block))
        scale = Scaled(norm.num_features)
        if inside:
            block.gamma = scale.scale
            norm.register_forward_hook(lambda module, inputs, output, scale=scale: scale(output))
        else:
            setattr(block, last_norm(block), nn.Sequential(norm, scale))

    return every_block(torchvision_network(name), change)


def renormalised(name):
    """torchvision's ResNet with weight normalisation on every 3x3 convolution."""
    model = torchvision_network(name)
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
            nn.utils.parametrizations.weight_norm(module)
    return model


def additional_norm(name):
    """torchvision's ResNet with a BatchNorm more after each block's last one, in the block's own namespace."""

    def change(block):
        norm = getattr(block, last_norm(block))
        block.bn4 = nn.BatchNorm2d(norm.num_features)
        norm.register_forward_hook(lambda module, inputs, output, block=block: block.bn4(output))

    return every_block(torchvision_network(name), change)


def built_by_torchvision():
    """Names and builders of mutations of torchvision's networks, which have no configuration beside them."""
    dropout, relu, hidden = lambda width: nn.Dropout(0.2), lambda width: nn.ReLU(), lambda width: nn.Linear(width, 96)
    norm, layer_norm = lambda width: nn.BatchNorm1d(width), lambda width: nn.LayerNorm(width)
    for name, features in (("resnet18", 512), ("resnet50", 2048)):
        yield f"{name} 3x3 stem, stride 1, no pool", lambda name=name: small_stem(name)
        yield f"{name} 3x3 stem, stride 1, pool", lambda name=name: small_stem(name, pool=True)
        yield f"{name} 3x3 stem, stride 2, pool", lambda name=name: small_stem(name, stride=2, pool=True)
        yield f"{name} 5x5 stem, stride 2, pool", lambda name=name: small_stem(name, 2, True, 5)
        for text, layers in (
            ("dropout, linear", (dropout, None)),
            ("linear, relu, linear", (hidden, relu, None)),
            ("linear, linear", (hidden, None)),
            ("norm, linear", (norm, None)),
            ("linear, norm, relu, linear", (hidden, norm, relu, None)),
            ("layer norm, linear", (layer_norm, None)),
        ):
            yield f"{name} fc: {text}", lambda name=name, f=features, ls=layers: with_head(name, "fc", f, *ls)
        yield f"{name} scale of each block", lambda name=name: scaled_blocks(name, inside=True)
        yield f"{name} scale after each last norm", lambda name=name: scaled_blocks(name, inside=False)
        yield f"{name} weight norm", lambda name=name: renormalised(name)
        yield f"{name} one more norm in each block", lambda name=name: additional_norm(name)
    yield "densenet121 3x3 conv0, stride 1, no pool", lambda: small_stem_densenet(1)
    yield "densenet121 3x3 conv0, stride 2, pool", lambda: small_stem_densenet(2)
    yield "mobilenet_v2 classifier: linear", lambda: replaced(
        torchvision_network("mobilenet_v2"), "classifier", nn.Linear(1280, CLASSES))  # fmt: skip
    for name, path, features, text, layers in (
        ("densenet121", "classifier", 1024, "linear, relu, linear", (hidden, relu, None)),
        ("mobilenet_v2", "classifier", 1280, "linear, relu, linear", (hidden, relu, None)),
        ("mobilenet_v2", "classifier.1", 1280, "linear, relu, linear", (hidden, relu, None)),
        ("efficientnet_b0", "classifier.1", 1280, "dropout, linear", (dropout, None)),
        ("vgg11_bn", "classifier.6", 4096, "linear, relu, linear", (hidden, relu, None)),
    ):
        build = lambda name=name, path=path, f=features, ls=layers: with_head(name, path, f, *ls)  # noqa: E731
        yield f"{name} {path}: {text}", build
    yield "resnet50 pruned inside blocks", lambda: pruned_bottlenecks("resnet50")
    yield "wide_resnet50_2 pruned inside blocks", lambda: pruned_bottlenecks("wide_resnet50_2")
    yield "resnet18 pruned inside a block", pruned_basic


# timm's own options. Where tensors show them a bare file is tried too; where none does, only the folder, whose
# config.json tells them.
SHOWN = """
resnet18:block_args.attn_layer=eca resnet18:block_args.attn_layer=ese resnet18:block_args.attn_layer=cbam
resnet18:block_args.attn_layer=gc resnet18:block_args.attn_layer=gca
resnet18:block_args.attn_layer=bat resnet18:stem_type=deep resnet18:stem_type=deep_tiered resnet18:avg_down=True
resnet18:replace_stem_pool=True resnet18:stem_width=32 resnet50:cardinality=2 resnet50:base_width=48
resnet18:block_reduce_first=2 resnet50:block_args.attn_layer=se
vit_tiny_patch16_224:qk_norm=True vit_tiny_patch16_224:reg_tokens=4 vit_tiny_patch16_224:init_values=0.1
vit_tiny_patch16_224:class_token=False,global_pool=avg vit_tiny_patch16_224:global_pool=avg
vit_tiny_patch16_224:pre_norm=True vit_tiny_patch16_224:qkv_bias=False vit_tiny_patch16_224:mlp_ratio=2
convnext_atto:conv_mlp=False convnext_atto:use_grn=True convnext_atto:kernel_sizes=5 convnext_atto:ls_init_value=None
convnext_atto:stem_type=overlap convnext_atto:head_hidden_size=64 efficientnet_b0:se_layer=eca
vgg11_bn:mlp_ratio=0.5 densenet121:growth_rate=24 densenet121:bn_size=2 regnetx_002:se_ratio=0.25
mobilenetv3_small_100:head_bias=False
""".split()
TOLD = """
resnet18:output_stride=16 resnet18:output_stride=8 resnet50:output_stride=16 resnet18:global_pool=max
resnet18:global_pool=catavgmax resnet18:act_layer=silu
resnetv2_50:act_layer=gelu efficientnet_b0:output_stride=16 efficientnet_b0:act_layer=relu
efficientnet_b0:bn_eps=0.001 efficientnet_b0:pad_type=same efficientnet_b0:global_pool=max
mobilenetv3_small_100:act_layer=relu mobilenetv3_small_100:global_pool=max mobilenetv2_100:act_layer=silu
mobilenetv2_100:output_stride=16 mobilenetv2_100:bn_eps=0.001 regnety_002:act_layer=silu regnety_002:output_stride=16
densenet121:act_layer=silu vit_tiny_patch16_224:num_heads=6
vit_tiny_patch16_224:act_layer=quick_gelu vit_tiny_patch16_224:no_embed_class=True,reg_tokens=4
vit_tiny_patch16_224:img_size=96 vit_tiny_patch16_224:norm_layer=rmsnorm convnext_atto:act_layer=relu
convnext_atto:output_stride=16 swin_tiny_patch4_window7_224:img_size=96 swin_tiny_patch4_window7_224:window_size=4
""".split()

# Tried with images of one channel and of four.
OTHER_CHANNELS = """
resnet18 resnet18d efficientnet_b0 mobilenetv3_large_100 mobilenetv2_100 regnetx_002 densenet121 vgg11_bn mnasnet_100
tf_efficientnetv2_b0 convnext_atto vit_tiny_patch16_224
""".split()


def parsed(text):
    """A value of an option as Python has it."""
    if text in ("True", "False", "None"):
        return {"True": True, "False": False, "None": None}[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def options_of(text):
    options = {}
    for part in text.split(","):
        key, value = part.split("=")
        target = options
        *groups, key = key.split(".")
        for group in groups:
            target = target.setdefault(group, {})
        target[key] = parsed(value)
    return options


def mutation_candidates():
    for name, build in built_by_torchvision():
        yield Candidate("mutation", name, name.split()[0], build, ("bare",))
    for text in SHOWN + TOLD:
        name, options = text.split(":")
        arguments = options_of(options)
        modes = ("bare", "folder") if text in SHOWN else ("folder",)
        yield Candidate(
            "mutation", f"{name} {options}", name,
            lambda name=name, arguments=arguments: timm.create_model(name, num_classes=CLASSES, **arguments),
            modes, arguments)  # fmt: skip
    for name in OTHER_CHANNELS:
        for channels in (1, 4):
            yield Candidate(
                "mutation", f"{name} in_chans={channels}", name,
                lambda name=name, c=channels: timm.create_model(name, num_classes=CLASSES, in_chans=c),
                ("bare",), {}, channels)  # fmt: skip
