"""Writes Sources/Networks/NetworkGraphs/Recognition/Tables/*.swift: the networks that timm and torchvision publish for
families whose tensors do not show all that they compute.

    python Tests/Interop/make_published_tables.py [FAMILY…]

A line is a name, the digest of the layout of its state dict (as in make_published_names.py, with `*` also for shapes that
depend on the size of the images), and the settings that only the name tells, read off the built network. Networks with
parts that the Swift family does not compute are left out, so that they stay unknown.
"""

import functools
import math
import re
import sys
import warnings
from pathlib import Path

import timm
import torch
import torchvision
from torch import nn

from make_published_names import digest

FOLDER = Path(__file__).resolve().parents[2] / "Sources/Networks/NetworkGraphs/Recognition/Tables"
ACTIVATIONS = {
    "GELU": "gelu", "GELUTanh": "geluTanh", "QuickGELU": "quickGelu", "SiLU": "silu", "ReLU": "relu", "ReLU6": "relu6",
    "Hardswish": "hardswish", "HardSwish": "hardswish", "Sigmoid": "sigmoid", "Identity": "identity",
    "Hardsigmoid": "hardsigmoid", "HardSigmoid": "hardsigmoid",
}  # fmt: skip


class Unsupported(Exception):
    """A network has a part that the Swift family does not compute."""


def require(condition, what):
    if not condition:
        raise Unsupported(what)


def activation(module):
    """The Swift name of an activation."""
    kind = type(module).__name__
    if kind == "GELU" and getattr(module, "approximate", "none") == "tanh":
        return "geluTanh"
    require(kind in ACTIVATIONS, f"activation {kind}")
    return ACTIVATIONS[kind]


def one(values, what):
    """The only one of some values."""
    values = set(values)
    require(len(values) == 1, f"{what} {values}")
    return values.pop()


def present(module):
    return module is not None and not isinstance(module, nn.Identity)


def activates(module):
    """True for the known activations."""
    return type(module).__name__ in ACTIVATIONS and type(module).__name__ != "Identity"


def norm_settings(model):
    """The kind and eps of all layer norms."""
    norms = [m for m in model.modules() if hasattr(m, "eps") and getattr(m, "weight", None) is not None]
    kind = one({"rms" if "Rms" in type(m).__name__ else "layer" for m in norms}, "norms")
    require(all("LayerNorm" in type(m).__name__ or type(m).__name__ == "RmsNorm" for m in norms), "other norms")
    return {"eps": f"{one({m.eps for m in norms}, 'eps'):g}", **({"rms": None} if kind == "rms" else {})}


def mlp_settings(mlp):
    kind = type(mlp).__name__
    require(kind in ("Mlp", "GluMlp", "SwiGLU"), kind)
    require(kind != "GluMlp" or not mlp.gate_last, "gate in the second half")
    form = {"Mlp": "plain", "GluMlp": "packed", "SwiGLU": "gated"}[kind]
    return {"mlp": form, "act": activation(mlp.act)}


def rope_settings(rope):
    kind = type(rope).__name__
    if rope is None:
        return {}
    if kind == "RotaryEmbeddingMixed":
        return {"rope": "mixed", **({"xy": None} if rope.grid_indexing == "xy" else {})}
    settings = {"temperature": f"{rope.temperature:g}"}
    if rope.grid_indexing == "xy":
        settings["xy"] = None
    if kind == "RotaryEmbeddingDinoV3":
        require(rope.normalize_coords == "separate" and rope.grid_offset == 0 and rope.min_period is None, "rope")
        return {"rope": "centered", **settings}
    require(kind == "RotaryEmbeddingCat" and rope.grid_type == "index", kind)
    if rope.ref_feat_shape is not None:
        settings["reference"] = one(rope.ref_feat_shape, "reference")
    if rope.grid_offset:
        settings["offset"] = f"{rope.grid_offset:g}"
    return {"rope": "axial", **settings}


def tokens(name, model):
    """TokenTransformer."""
    from make_transformer_names import row

    kind = type(model).__name__
    require(kind in ("VisionTransformer", "Beit", "Eva", "VisionTransformerRelPos"), kind)
    require(kind != "VisionTransformer" or row(name, model) is None, "plain")
    block = model.blocks[0]
    form = {
        "Block": "pre-norm", "EvaBlock": "pre-norm", "ResPostBlock": "post-norm", "EvaBlockPostNorm": "post-norm",
        "RelPosBlock": "pre-norm", "ResPostRelPosBlock": "post-norm", "ParallelThingsBlock": "parallel-layers",
        "ParallelScalingBlock": "parallel-parts",
    }.get(type(block).__name__)  # fmt: skip
    require(form, type(block).__name__)
    attention = block.attns[0].attn if form == "parallel-layers" else block if form == "parallel-parts" else block.attn
    kinds = ("Attention", "EvaAttention", "AttentionRope", "ParallelScalingBlock", "RelPosAttention")
    require(type(attention).__name__ in kinds, type(attention).__name__)
    mlp = block.ffns[0].mlp if form == "parallel-layers" else getattr(block, "mlp", None)
    settings = {"heads": attention.num_heads, "blocks": len(model.blocks), "block": form, **norm_settings(model)}
    settings |= mlp_settings(mlp) if mlp is not None else {"act": activation(block.mlp_act)}
    prefix = 1 if kind == "Beit" else model.num_prefix_tokens
    settings["prefix"] = prefix
    positions = getattr(model, "shared_rel_pos", None) or getattr(attention, "rel_pos", None)
    if positions is not None:
        require(type(positions).__name__ in ("RelPosBias", "RelPosMlp"), type(positions).__name__)
        require(getattr(positions, "pretrained_window_size", (0, 0)) == (0, 0), "window")
        if getattr(positions, "mode", "cr") != "cr":
            settings["swin-positions"] = None
    if positions is not None or getattr(attention, "relative_position_bias_table", None) is not None:
        settings["grid"] = one(model.patch_embed.grid_size, "grid")
    if getattr(model, "pos_embed", None) is not None:
        grid = model.patch_embed.grid_size
        require(grid[0] == grid[1], "grid")
        bare = model.pos_embed.shape[1] == grid[0] * grid[1]
        require(bare or model.pos_embed.shape[1] == grid[0] * grid[1] + prefix, "positions")
        if not bare:
            settings["embedded"] = None
    require(getattr(model, "rel_pos_bias", None) is None, "shared bias")
    settings["pool"] = model.global_pool
    require(model.global_pool in ("avg", "token", "map"), model.global_pool)
    if getattr(model, "attn_pool", None) is not None:
        pool = model.attn_pool
        require(type(pool).__name__ == "AttentionPoolLatent" and pool.pool == "token", "pool")
        require(pool.latent_len == 1 and pool.pos_embed is None and not present(pool.q_norm), "pool")
        settings |= {"pool-heads": pool.num_heads, "pool-act": activation(pool.mlp.act)}
    if getattr(model, "pool_include_prefix", False) or (kind == "Eva" and model.global_pool == "map"):
        settings["pools-prefix"] = None
    if getattr(model, "rope", None) is not None:
        settings |= rope_settings(model.rope)
        if getattr(attention, "rotate_half", False):
            settings["halves"] = None
    for other in model.blocks:
        part = other.attns[0].attn if form == "parallel-layers" else other if mlp is None else other.attn
        require(part.num_heads == attention.num_heads, "heads")
    return settings


def mixer(name, model):
    """Mixer."""
    require(type(model).__name__ == "MlpMixer", "kind")
    block = model.blocks[0]
    kind = type(block).__name__
    require(kind in ("MixerBlock", "ResBlock", "SpatialGatingBlock"), kind)
    mlp = block.mlp_channels
    settings = {"tokens": model.stem.num_patches, "blocks": len(model.blocks), "act": activation(mlp.act)}
    if kind == "SpatialGatingBlock":
        require(type(mlp).__name__ == "GatedMlp" and not present(mlp.norm), "mlp")
        settings |= {"gated": None, "gate-eps": f"{mlp.gate.norm.eps:g}", "eps": f"{model.norm.eps:g}"}
        return settings
    if type(mlp).__name__ == "GluMlp":
        require(mlp.gate_last and not present(mlp.norm), "gate")
        settings["glu"] = None
    else:
        require(type(mlp).__name__ == "Mlp", "mlp")
    if type(model.norm).__name__ != "Affine":
        settings["eps"] = norm_settings(model)["eps"]
    return settings


def metaformer(name, model):
    """MetaFormer."""
    blocks = [block for stage in model.stages for block in stage.blocks]
    parts = {
        "block": [norm for block in blocks for norm in (block.norm1, block.norm2)],
        "downsample": [model.stem.norm, *(stage.downsample.norm for stage in model.stages if present(stage.downsample))],
        "output": [model.head.norm], "head": [getattr(model.head.fc, "norm", None)],
    }  # fmt: skip
    settings = {"blocks": ",".join(str(len(stage.blocks)) for stage in model.stages)}
    for part, norms in parts.items():
        norms = [norm for norm in norms if present(norm)]
        if not norms:
            continue
        kinds = one({"group" if "GroupNorm1" in type(norm).__name__ else "layer" for norm in norms}, "norms")
        require(kinds == "group" or all("LayerNorm" in type(norm).__name__ for norm in norms), "norms")
        settings[f"{part}-eps"] = f"{one({norm.eps for norm in norms}, 'eps'):g}"
        if kinds == "group":
            settings[f"{part}-group"] = None
    for block in blocks:
        mixer = block.token_mixer
        require(type(mixer).__name__ in ("Pooling", "SepConv", "Attention"), type(mixer).__name__)
        if type(mixer).__name__ == "Attention":
            settings["head-width"] = mixer.head_dim
        if type(mixer).__name__ == "SepConv":
            require(type(mixer.act1).__name__ == "StarReLU" and not present(mixer.act2), "activations")
    if type(blocks[0].mlp.act).__name__ != "StarReLU":
        settings["act"] = one({activation(block.mlp.act) for block in blocks}, "activations")
    if hasattr(model.head.fc, "act"):
        require(type(model.head.fc.act).__name__ == "SquaredReLU", "head")
    return settings


def norm_free(name, model):
    """NormFreeNet."""
    convolutions = [m for m in model.modules() if hasattr(m, "gain")]
    stem = [m for m in model.stem if hasattr(m, "gain")]
    act = model.final_act
    settings = {
        "stem": ",".join(str(m.stride[0]) for m in stem),
        "blocks": ",".join(str(len(stage)) for stage in model.stages),
        "alpha": f"{one({block.alpha for stage in model.stages for block in stage}, 'alpha'):g}",
        "eps": f"{one({m.eps for m in convolutions}, 'eps'):g}",
        "first-stride": model.stages[0][0].conv2.stride[0],
    }
    if any(type(m).__name__ == "MaxPool2d" for m in model.stem):
        settings["stem-pool"] = None
    if type(act).__name__ == "GammaAct":
        settings |= {"act": act.act_fn.__name__, "gamma": repr(act.gamma), "gamma-in-act": None}
        require(settings["act"] in ACTIVATIONS.values(), settings["act"])
    else:
        gamma = [m.scale * m.weight[0].numel() ** 0.5 for m in convolutions]
        require(max(gamma) - min(gamma) < 1e-12, "gamma")
        settings |= {"act": activation(act), "gamma": f"{gamma[0]:.12g}"}
    if type(stem[0]).__name__.endswith("Same"):
        settings["same"] = None
    variance = 1.0
    for stage in model.stages:
        for index, block in enumerate(stage):
            require(abs(block.beta - variance**-0.5) < 1e-9 and block.conv2.dilation == (1, 1), "block")
            variance = (1.0 if index == 0 else variance) + block.alpha**2
    block = model.stages[0][0]
    gate = block.attn if present(block.attn) else block.attn_last
    if present(gate):
        require(type(gate).__name__ in ("SEModule", "EcaModule"), type(gate).__name__)
        settings["gate-gain"] = f"{block.attn_gain:g}"
        if type(gate).__name__ == "SEModule":
            require(not gate.add_maxpool and activation(gate.gate) == "sigmoid", "gate")
            settings["gate-act"] = activation(gate.act)
    return settings


def pool_kind(pool):
    """Name of a pooling, and true if it fills maps up as TensorFlow does."""
    kind = type(pool).__name__
    kernel = one(pool.kernel_size, "kernel") if isinstance(pool.kernel_size, tuple) else pool.kernel_size
    require(kernel in (2, 3), kernel)
    require(kind in ("AvgPool2d", "MaxPool2d", "AvgPool2dSame", "MaxPool2dSame"), kind)
    return ("max" if kind.startswith("Max") else "avg") + ("2" if kernel == 2 else "")


def maxxvit(name, model):
    """MaxViT."""
    settings = {"blocks": ",".join(str(len(stage.blocks)) for stage in model.stages)}
    modules = list(model.modules())
    kinds = {type(m).__name__ for m in modules}
    mobile = [m for m in modules if type(m).__name__ == "MbConvBlock"]
    next_ = [m for m in modules if type(m).__name__ == "ConvNeXtBlock"]
    attention = [m for m in modules if type(m).__name__ in ("Attention2d", "AttentionCl")]
    transformers = [m for m in modules if type(m).__name__ == "TransformerBlock2d"]
    parts = [m for m in modules if type(m).__name__ in ("PartitionAttentionCl", "PartitionAttention2d")]
    parallel = [m for m in modules if type(m).__name__ == "ParallelPartitionAttention"]
    require("StdConv2d" not in kinds and "GroupNormAct" not in kinds, "norms")
    stem = model.stem
    settings["conv-act"] = activation(stem.norm1.act)
    conv_norms = [stem.norm1, *(n for m in mobile for n in (m.pre_norm, m.norm1, m.norm2)), *(m.norm for m in next_)]
    settings["conv-eps"] = f"{one({n.eps for n in conv_norms}, 'conv eps'):g}"
    if type(stem.conv1).__name__ == "Conv2dSame":
        settings["same"] = None
    else:
        require(stem.conv1.padding == (1, 1) and type(stem.conv1).__name__ == "Conv2d", "stem")
    if mobile:
        for m in mobile:
            require(type(m.norm1).__name__ in ("BatchNormAct2d", "LayerNormAct2d"), type(m.norm1).__name__)
            require(activation(m.norm1.act) == activation(m.norm2.act) == settings["conv-act"], "activations")
        pre = one({present(m.pre_norm.act) for m in mobile}, "pre-norm")
        if pre:
            settings["pre-act"] = None
        first = [m for m in mobile if present(m.shortcut)]
        if first:
            settings["conv-pool"] = one({pool_kind(m.shortcut.pool) for m in first}, "pool")
            m = first[0]
            mode = "pool" if present(m.down) else "1x1" if m.conv1_1x1.stride[0] == 2 else "dw"
            settings["stride-mode"] = mode
            if mode == "pool":
                settings["down-pool"] = one({pool_kind(m.down.pool) for m in first}, "pool")
        gates = [g for m in mobile for g in (m.se, m.se_early) if present(g)]
        for gate in gates:
            require(type(gate).__name__ in ("SEModule", "EcaModule"), type(gate).__name__)
        if gates and type(gates[0]).__name__ == "SEModule":
            require(not any(g.add_maxpool or present(g.bn) for g in gates), "gate")
            settings["gate-act"] = one({activation(g.act) for g in gates}, "gate")
    if next_:
        first = [m for m in next_ if type(m.shortcut).__name__ == "Downsample2d"]
        require(all(pool_kind(m.shortcut.pool) == "avg2" for m in first), "pool")
        mode = one({"pool" if present(m.down) else "dw" for m in first}, "mode")
        settings["stride-mode"] = mode
        if mode == "pool":
            settings["down-pool"] = one({pool_kind(m.down.pool) for m in first}, "pool")
        require(one({activation(m.mlp.act) for m in next_}, "act") == settings["conv-act"], "act")
        require(all(type(m.norm).__name__.startswith("LayerNorm") for m in next_), "norm")
        require(not any("Norm" in type(n).__name__ for m in next_ for n in [m.mlp.norm] if hasattr(m.mlp, "norm") and present(n)), "mlp norm")  # noqa: E501
    settings["head-width"] = one({m.dim_head for m in attention}, "heads")
    if one({m.head_first for m in attention}, "head-first"):
        settings["head-first"] = None
    positions = {type(m.rel_pos).__name__ for m in attention if m.rel_pos is not None}
    require(positions <= {"RelPosBias", "RelPosBiasTf", "RelPosMlp"}, positions)
    require(all(m.rel_pos.mode == "cr" for m in attention if type(m.rel_pos).__name__ == "RelPosMlp"), "positions")
    blocks = transformers + parts + parallel
    settings["act"] = one({activation(m.mlp.act) for m in blocks}, "act")
    norms = [n for m in blocks for n in (m.norm1, m.norm2)]
    norms = [n.norm if isinstance(n, nn.Sequential) else n for n in norms]
    norms.append(model.head.norm if hasattr(model.head, "pre_logits") else model.norm)
    form = one({"BatchNorm2d" if type(n).__name__ == "BatchNorm2d" else type(n).__name__[:9] for n in norms}, "norms")
    require(form in ("LayerNorm", "BatchNorm2d"), form)
    require(all(n.momentum == 0.1 for n in modules if "BatchNorm" in type(n).__name__), "momentum")
    settings["norm-eps"] = f"{one({n.eps for n in norms}, 'norm eps'):g}"
    if hasattr(model.head, "pre_logits"):
        require(type(model.head.pre_logits.act).__name__ == "Tanh", "head")
    if transformers:
        settings["only"] = one(model.img_size, "size")
        first = [m for m in transformers if present(m.shortcut)]
        if first:
            settings["attention-pool"] = one({pool_kind(m.shortcut.pool) for m in first}, "pool")
    if parts or parallel:
        require(not transformers, "both")
        settings["window"] = one({s for m in parts + parallel for s in m.partition_size}, "window")
    return settings


def xcit(name, model):
    """XCiT."""
    require(activation(model.patch_embed.proj[1]) == "gelu", "act")
    require(model.global_pool == "token", "pool")
    for block in model.blocks:
        require(activation(block.mlp.act) == activation(block.local_mp.act) == "gelu", "act")
    if model.pos_embed is not None:
        require(model.pos_embed.temperature == 10000 and model.pos_embed.hidden_dim == 32, "positions")
    norms = [n for block in model.blocks for n in (block.norm1, block.norm2, block.norm3)]
    norms += [n for block in model.cls_attn_blocks for n in (block.norm1, block.norm2)] + [model.norm]
    settings = {
        "heads": one({b.attn.num_heads for b in [*model.blocks, *model.cls_attn_blocks]}, "heads"),
        "eps": f"{one({n.eps for n in norms}, 'eps'):g}", "blocks": len(model.blocks),
        "class-blocks": len(model.cls_attn_blocks),
    }  # fmt: skip
    if one({block.tokens_norm for block in model.cls_attn_blocks}, "norms"):
        settings["tokens-norm"] = None
    return settings


def cait(name, model):
    """CaiT."""
    blocks = [*model.blocks, *model.blocks_token_only]
    require(all(activation(block.mlp.act) == "gelu" for block in blocks) and model.global_pool == "token", "act")
    return {
        "heads": one({block.attn.num_heads for block in blocks}, "heads"), "eps": norm_settings(model)["eps"],
        "blocks": len(model.blocks), "class-blocks": len(model.blocks_token_only),
        "grid": one(model.patch_embed.grid_size, "grid"),
    }  # fmt: skip


def swin_cr(name, model):
    """SwinTransformerCR."""
    blocks = [block for stage in model.stages for block in stage.blocks]
    require(model.patch_size == 4 and all(activation(block.mlp.act) == "gelu" for block in blocks), "parts")
    for stage in model.stages:
        for index, block in enumerate(stage.blocks):
            window = one(block.window_size, "window")
            require(not block.attn.sequential_attn, "sequential")
            require(one(block.shift_size, "shift") in (0, window // 2 if index % 2 else 0), "shift")
    return {
        "blocks": ",".join(str(len(stage.blocks)) for stage in model.stages), "eps": norm_settings(model)["eps"],
        "windows": ",".join(str(stage.blocks[0].window_size[0]) for stage in model.stages),
        "only": one(model.img_size, "size"),
    }  # fmt: skip


def pyramid(name, model):
    """PyramidTransformer."""
    is_twins = type(model).__name__ == "Twins"
    stages = list(model.blocks) if is_twins else [stage.blocks for stage in model.stages]
    blocks = [block for stage in stages for block in stage]
    inner = [n.norm for n in model.modules() if type(n).__name__ in ("OverlapPatchEmbed", "PatchEmbed")]
    inner += [block.attn.norm for block in blocks if getattr(block.attn, "norm", None) is not None]
    outer = [n for block in blocks for n in (block.norm1, block.norm2)]
    outer += [model.norm] if is_twins else [stage.norm for stage in model.stages]
    require(all("LayerNorm" in type(n).__name__ for n in inner + outer), "norms")
    require(all(activation(block.mlp.act) == "gelu" for block in blocks), "act")
    settings = {
        "blocks": ",".join(str(len(stage)) for stage in stages),
        "heads": ",".join(str(one({block.attn.num_heads for block in stage}, "heads")) for stage in stages),
        "eps": f"{one({n.eps for n in outer}, 'eps'):g}", "inner-eps": f"{one({n.eps for n in inner}, 'eps'):g}",
    }  # fmt: skip
    if is_twins:
        settings["twins"] = None
        windows = {block.attn.ws for block in blocks if type(block.attn).__name__ == "LocallyGroupedAttn"}
        if windows:
            settings["window"] = one(windows, "windows")
    elif one({block.attn.pool is not None for block in blocks}, "linear"):
        require(all(block.attn.pool.output_size == 7 for block in blocks), "pool")
        settings["linear"] = None
    return settings


def focalnet(name, model):
    """FocalNet."""
    settings = {"blocks": ",".join(str(len(stage.blocks)) for stage in model.layers), "eps": norm_settings(model)["eps"]}
    blocks = [block for stage in model.layers for block in stage.blocks]
    require(all(activation(block.mlp.act) == activation(block.modulation.act) == "gelu" for block in blocks), "act")
    if one({block.modulation.normalize_modulator for block in blocks}, "normalized"):
        settings["normalized"] = None
    if hasattr(model.head, "pre_logits"):
        require(type(model.head.pre_logits.act).__name__ == "Tanh", "head")
    return settings


def levit(name, model):
    """LeViT."""
    attention = [m for m in model.modules() if type(m).__name__ in ("Attention", "AttentionDownsample")]
    acts = [m.act for m in model.modules() if type(m).__name__ == "LevitMlp"]
    acts += [m.proj.act for m in attention] + [m for key, m in model.stem.named_children() if key.startswith("act")]
    for m in attention:
        down = m.q.down if type(m).__name__ == "AttentionDownsample" else None
        if down is not None:
            require(getattr(down, "pool", None) is None, "pool")
            require(m.stride == 2 and (not m.use_conv or down.kernel_size == 1), "stride")
    strides = {2 ** len([1 for key, _ in model.stem.named_children() if key.startswith("conv")])}
    resolution = one(model.stages[0].blocks[0].attn.resolution, "resolution")
    return {
        "blocks": ",".join(str(len(stage.blocks)) for stage in model.stages), "act": one(map(activation, acts), "act"),
        "key-width": one({m.key_dim for m in attention}, "keys"), "only": resolution * one(strides, "stride"),
    }  # fmt: skip


def mambaout(name, model):
    """MambaOut."""
    norms = norm_settings(model)
    blocks = [block for stage in model.stages for block in stage.blocks]
    settings = {
        "blocks": ",".join(str(len(stage.blocks)) for stage in model.stages), "eps": norms["eps"],
        "act": one({activation(m) for m in [model.stem.act, *(block.act for block in blocks)]}, "act"),
    }  # fmt: skip
    kinds = one({type(stage.downsample).__name__ for stage in list(model.stages)[1:]}, "downsample")
    if kinds == "DownsampleNormFirst":
        settings["norm-first"] = None
    act = model.head.pre_logits.act
    return settings | ({"head-tanh": None} if type(act).__name__ == "Tanh" else {"head-act": activation(act)})


def inception_next(name, model):
    """InceptionNeXt."""
    norms = [m for m in model.modules() if type(m).__name__ == "BatchNorm2d"]
    blocks = [block for stage in model.stages for block in stage.blocks]
    for block in blocks:
        require(type(block.token_mixer).__name__ in ("InceptionDWConv2d", "Conv2d"), type(block.token_mixer).__name__)
        require(activation(block.mlp.act) == "gelu" and not present(block.mlp.norm), "mlp")
    require(activation(model.head.act) == "gelu", "head")
    return {
        "blocks": ",".join(str(len(stage.blocks)) for stage in model.stages),
        "eps": f"{one({n.eps for n in norms}, 'eps'):g}", "head-eps": f"{model.head.norm.eps:g}",
    }  # fmt: skip


def convolutional(model, eps=1e-5, others=()):
    """Requires convolutions that pad by half their kernels, and BatchNorms of one eps; and of other norms none but some."""
    for m in model.modules():
        kind = type(m).__name__
        if isinstance(m, nn.Conv2d):
            require(kind == "Conv2d" and m.dilation == (1, 1), kind)
            require(tuple(m.padding) == tuple((k - 1) // 2 for k in m.kernel_size), f"padding {m.padding}")
        own = kind in others
        require(own or not any(norm in kind for norm in ("EvoNorm", "GroupNorm", "FilterResponse")), kind)
        if "BatchNorm" in kind:
            require(m.eps == eps and m.momentum == 0.1, f"{kind} of eps {m.eps}")


def norm_activations(model):
    """The activations that follow a BatchNorm directly."""
    return [m.act for m in model.modules() if type(m).__name__ == "BatchNormAct2d" and present(m.act)]


def gate_settings(gates, outer="sigmoid"):
    """Activations of gates of channels; those that are not named are ReLU and `outer`."""
    settings = {}
    for gate in gates:
        kind = type(gate).__name__
        require(kind in ("SEModule", "EcaModule", "GlobalContext", "EffectiveSEModule", "SqueezeExcite"), kind)
        require(not getattr(gate, "add_maxpool", False), "gate")
        if kind == "EcaModule":
            require(gate.conv2 is None and activation(gate.gate) == "sigmoid", "gate")
        if kind == "GlobalContext":
            require(gate.conv_attn is not None and activation(gate.gate) == "sigmoid", "context")
            for mlp in (gate.mlp_add, gate.mlp_scale):
                if mlp is not None:
                    require(activation(mlp.act) == "relu" and mlp.norm.eps == 1e-6, "context")
        own = {}
        if kind in ("SEModule", "SqueezeExcite"):
            own["gate-act"] = activation(gate.act if kind == "SEModule" else gate.act1)
        if kind not in ("EcaModule", "GlobalContext"):
            own["gate"] = activation(gate.gate)
        for key, value in own.items():
            require(settings.setdefault(key, value) == value, f"{key} {value}")
    if outer and settings.get("gate") == outer:
        del settings["gate"]
    return settings


def strides_of(module, without=("shortcut",)):
    """The largest stride of the convolutions and pools in a module."""
    kinds = (nn.Conv2d, nn.AvgPool2d)
    own = [m for key, m in module.named_modules() if isinstance(m, kinds) and not key.startswith(without)]
    return max(m.stride if isinstance(m.stride, int) else m.stride[0] for m in own)


def joined(values):
    return ",".join(str(value) for value in values)


def evolved_settings(model):
    """The kind of EvoNorms, where these take the place of all other norms."""
    norms = [m for m in model.modules() if type(m).__name__.startswith("EvoNorm")]
    if not norms:
        return {}
    kind = one({type(m).__name__ for m in norms}, "norms")
    require(kind in ("EvoNorm2dS0", "EvoNorm2dS0a"), kind)
    require(not any(isinstance(m, (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)) for m in model.modules()), "norms")
    groups = {m.groups for m in norms}
    settings = {"evolved-groups": one(groups, "groups")} if len(groups) == 1 else {
        "evolved-width": one({len(m.weight) // m.groups for m in norms}, "groups")}  # fmt: skip
    settings["evolved-eps"] = f"{one({m.eps for m in norms}, 'eps'):g}"
    return settings | ({"evolved-always": None} if kind == "EvoNorm2dS0a" else {})


def byobnet(name, model):
    """ByobNet."""
    evolved = evolved_settings(model)
    convolutional(model, others=("EvoNorm2dS0a",))
    kinds = {type(m).__name__ for m in model.modules()}
    require(kinds.isdisjoint({"SelfAttnBlock", "BatNonLocalAttn", "RotAttentionPool2d"}), kinds)
    blocks = [block for stage in model.stages for block in stage]
    own = {"BasicBlock", "BottleneckBlock", "DarkBlock", "EdgeBlock", "RepVggBlock", "MobileOneBlock"}
    require({type(block).__name__ for block in blocks} <= own, "blocks")
    acts = norm_activations(model) + [block.act for block in blocks if present(block.act)]
    settings = {
        "act": one(map(activation, acts), "act") if not evolved or acts else "silu",
        "blocks": joined(len(stage) for stage in model.stages),
        "strides": joined(strides_of(stage[0]) for stage in model.stages),
        **evolved,
    }
    for stage in model.stages:
        require(all(strides_of(block) == 1 for block in list(stage)[1:]), "strides")
    if type(model.stem).__name__ == "Stem":
        layers = [m for key, m in model.stem.named_children() if key.startswith("conv")]
        settings["stem"] = joined(strides_of(m) for m in layers)
        pool = getattr(model.stem, "pool", None)
        if pool is not None:
            settings["stem-pool"] = pool_kind(pool)
    else:
        require(strides_of(model.stem) == 2, "stem")
    linear = {not present(block.act) for block in blocks}
    if one(linear, "last activations"):
        settings["linear"] = None
    if any(getattr(m, "aa", None) is not None for m in model.modules()):
        pools = {type(m.aa).__name__ for m in model.modules() if getattr(m, "aa", None) is not None}
        require(pools == {"AvgPool2d"}, pools)
        settings["pooled-strides"] = None
    gates = [g for m in [*blocks, model.stem] for g in (getattr(m, "attn", None), getattr(m, "attn_last", None)) if present(g)]
    settings |= gate_settings(gates)
    require("gate" not in settings, "gate")
    head = model.head
    if type(head).__name__ == "AttentionPool2d":
        require(head.pool_type == "token" and head.cls_token is None and head.qkv is None, "head")
        settings |= {"pool-heads": head.num_heads, "only": 32 * one(head.feat_size, "size")}
    elif type(head).__name__ == "NormMlpClassifierHead":
        require(activation(head.pre_logits.act) == settings["act"], "head")
    return settings


def leaky(acts):
    """The only activation as settings; timm's older networks have leaky ones."""
    if {type(m).__name__ for m in acts} == {"LeakyReLU"}:
        return {"slope": f"{one({m.negative_slope for m in acts}, 'slope'):g}"}
    return {"act": one(map(activation, acts), "act")}


def cspnet(name, model):
    """CSPNet."""
    convolutional(model)
    require(all(getattr(m, "aa", None) is None for m in model.modules()), "blur")
    blocks = [block for stage in model.stages for block in stage.blocks]
    exits = [block.act3 for block in blocks if hasattr(block, "act3")]
    layers = [m for key, m in model.stem.named_children() if key.startswith("conv")]
    settings = leaky(norm_activations(model) + exits) | {
        "stem": joined(strides_of(m) for m in layers),
        "strides": joined(strides_of(stage) for stage in model.stages),
    }
    if hasattr(model.stem, "pool"):
        require(type(model.stem.pool).__name__ == "MaxPool2d" and pool_kind(model.stem.pool) == "max", "pool")
        settings["stem-pool"] = None
    expansions = {present(stage.conv_exp.bn.act) for stage in model.stages if hasattr(stage, "conv_exp")}
    if expansions and not one(expansions, "expansion"):
        settings["cross-linear"] = None
    gates = [g for m in blocks for g in (getattr(m, key, None) for key in ("attn", "attn2", "attn3")) if present(g)]
    return settings | gate_settings(gates)


def dla(name, model):
    """DeepLayerAggregation."""
    convolutional(model)
    roots = {m.shortcut for m in model.modules() if type(m).__name__ == "DlaRoot"}
    return {"root-shortcut": None} if one(roots, "roots") else {}


def vovnet(name, model):
    """VoVNet."""
    evolved = evolved_settings(model)
    convolutional(model, others=("EvoNorm2dS0",))
    blocks = [block for stage in model.stages for block in stage.blocks]
    settings = {
        "act": one(map(activation, norm_activations(model)), "act") if not evolved else "silu",
        "stem": joined(strides_of(m) for m in model.stem),
        "blocks": joined(len(stage.blocks) for stage in model.stages),
        **evolved,
    }
    if model.stages[0].pool is not None:
        settings["first-pool"] = None
    residual = [block.residual for stage in model.stages for block in list(stage.blocks)[1:]]
    require(not any(stage.blocks[0].residual for stage in model.stages), "residual")
    if residual and one(residual, "residual"):
        settings["residual"] = None
    return settings | gate_settings([block.attn for block in blocks if present(block.attn)])


def hrnet(name, model):
    """HighResolutionNet."""
    convolutional(model)
    require(type(model).__name__ == "HighResolutionNet" and len(model.incre_modules) == 4, "head")
    blocks = [m for m in model.modules() if type(m).__name__ in ("BasicBlock", "Bottleneck")]
    require(not any(present(m.se) or present(m.aa) for m in blocks), "blocks")
    require(all(activation(m.act1) == "relu" for m in [model, *blocks]), "act")
    return {}


def dpn(name, model):
    """DualPathNet."""
    convolutional(model, eps=1e-3)
    features = dict(model.features.named_children())
    stem, last = features["conv1_1"].bn.act, features["conv5_bn_ac"].bn.act
    blocks = {key: m for key, m in features.items() if type(m).__name__ == "DualPathBlock"}
    acts = [act for block in blocks.values() for act in norm_activations(block)]
    settings = {
        "eps": "0.001", "act": one(map(activation, acts), "act"), "stem-act": activation(stem),
        "blocks": joined(sum(key.startswith(f"conv{stage}_") for key in blocks) for stage in (2, 3, 4, 5)),
    }  # fmt: skip
    if type(last).__name__ == "ELU":
        require(last.alpha == 1, "elu")
        return settings | {"last-elu": None}
    return settings | {"last-act": activation(last)}


def ghostnet(name, model):
    """GhostNet."""
    convolutional(model)
    blocks = [m for m in model.modules() if type(m).__name__.startswith(("GhostBottleneck", "RepGhostBottleneck"))]
    gates = [m.se for m in blocks if present(m.se)]
    ghosts = [m for m in model.modules() if type(m).__name__.startswith(("GhostModule", "RepGhostModule"))]
    for block in blocks:
        require(block.stride in (1, 2), "stride")
    for m in ghosts:
        require(m.out_chs % 2 == 0, "odd channels")
    require(activation(model.act1) == activation(model.act2) == "relu", "act")
    last = model.blocks[-1][0]
    require(type(last).__name__ == "ConvBnAct" and activation(last.bn1.act) == "relu", "last")
    require(not any(present(getattr(m, "aa", None)) for m in model.modules()), "blur")
    settings = {"blocks": joined(len(stage) for stage in model.blocks)}
    return settings | gate_settings(gates, outer=None)


def repvit(name, model):
    """RepViT."""
    convolutional(model)
    mlps = [m for m in model.modules() if type(m).__name__ == "RepVitMlp"]
    blocks = [m for m in model.modules() if type(m).__name__ == "RepViTBlock"]
    require(not model.head.distilled_training, "head")
    settings = {
        "act": one(map(activation, [model.stem.act1, *(m.act for m in mlps)]), "act"),
        "blocks": joined(len(stage.blocks) for stage in model.stages),
    }
    settings |= gate_settings([m.se for m in blocks if present(m.se)])
    require("gate" not in settings, "gate")
    return settings


def rexnet(name, model):
    """ReXNet."""
    convolutional(model)
    blocks = list(model.features)[:-1]
    for block in blocks:
        kept = strides_of(block) == 1 and block.in_channels <= block.out_channels
        require(block.use_shortcut == kept, "shortcut")
    settings = {
        "act": one(map(activation, norm_activations(model)), "act"),
        "depthwise-act": one({activation(block.act_dw) for block in blocks}, "act"),
        "strides": joined(strides_of(block) for block in blocks),
    }
    settings |= gate_settings([block.se for block in blocks if present(block.se)])
    require("gate" not in settings, "gate")
    return settings


def selecsls(name, model):
    """SelecSLS."""
    convolutional(model)
    return {
        "strides": joined(strides_of(block) for block in model.features),
        "head-strides": joined(strides_of(layer) for layer in model.head),
    }


# Networks that `MobileBlocks` knows; tables leave out whatever has their tensors.
MOBILE_BLOCKS = re.compile(
    r"(tf_)?(mobilenetv3_(large_075|large_100|small_075|small_100)|efficientnet_(b[0-8]|lite[0-4]|e[sml])"
    r"|efficientnetv2_(s|m|l|b[0-3]))"
    r"|mobilenetv2_(050|100|110d|120d|140)|mobilenetv3_small_050|mnasnet_(050|075|100|140|small)"
    r"|semnasnet_(050|075|100|140)|spnasnet_100|fbnetc_100|efficientnetv2_rw_[tsm]")


@functools.cache
def layouts_of_mobile_blocks():
    """Digests of the networks that `MobileBlocks` knows."""
    lines = (FOLDER.parent / "PublishedNames.swift").read_text().splitlines()
    rows = [line.split() for line in lines if re.fullmatch(r"    \w+( [0-9a-f]{16})+", line)]
    return {value for name, *values in rows if MOBILE_BLOCKS.fullmatch(name) for value in values}


def anti_aliasing(layer):
    """What replaces a stride, and the stride."""
    kind = type(layer).__name__
    if kind == "AvgPool2d":
        stride = layer.stride if isinstance(layer.stride, int) else one(layer.stride, "stride")
        require(layer.kernel_size in (stride, (stride, stride)) and not layer.ceil_mode, "mean")
        return "mean", stride
    require(kind == "BlurPool2d" and layer.filt_size == 3 and layer.padding == [1] * 4, kind)
    require(layer.pad_mode in ("reflect", "constant"), layer.pad_mode)
    return ("blur" if layer.pad_mode == "reflect" else "blur-zeros"), layer.stride


def strides(module, smoothing):
    """The stride of a convolution with or without a layer that replaces it."""
    convolution = getattr(module, "conv", module)
    if isinstance(convolution, nn.ModuleDict):
        convolution = convolution["0"]
    stride = one(convolution.stride, "stride")
    layer = getattr(module, "aa", None)
    if not present(layer):
        return stride
    kind, other = anti_aliasing(layer)
    require(stride == 1, "stride")
    smoothing.add(kind)
    return other


def mobile(name, model):
    """MobileNetwork."""
    require(type(model).__name__ in ("EfficientNet", "MobileNetV3"), type(model).__name__)
    require(digest(layout(model, [])[0]) not in layouts_of_mobile_blocks(), "known to MobileBlocks")
    norms = [m for m in model.modules() if "Norm" in type(m).__name__ and hasattr(m, "eps")]
    form = ",".join(sorted({type(n).__name__ for n in norms}))
    is_group, evolved = form == "GroupNormAct", evolved_settings(model)
    require(is_group or evolved or form in ("LayerNormAct2d", "BatchNormAct2d", "BatchNorm2d,BatchNormAct2d"), form)
    for norm in norms if evolved else []:  # the sigmoid of the norm stands for the activation
        norm.act = nn.SiLU() if norm.apply_act else nn.Identity()
    act = activation(model.bn1.act)
    require(model.global_pool.pool_type == "avg" and model.conv_stem.stride == (2, 2), "stem or pool")
    heads = [getattr(model, key, None) for key in ("bn2", "norm_head")]
    ends = [head.act for head in heads if present(head)] + [m for m in [getattr(model, "act2", None)] if present(m)]
    require(all(activation(m) == act for m in ends), "head")
    require(len(ends) == (1 if present(model.conv_head) else 0), "head")
    smoothing, gates, others, stages, key_strides, numbers_of_heads = set(), set(), set(), [], set(), set()
    for stage in model.blocks:
        codes = []
        for block in stage:
            kind = type(block).__name__
            acts, inactive, stride, parts = [], [], 1, []
            if kind == "ConvBnAct":
                parts, acts = [block.conv], [block.bn1]
            elif kind == "DepthwiseSeparableConv":
                parts, acts = [block.conv_dw], [block.bn1] + ([block.bn2] if block.has_pw_act else [])
                inactive = [] if block.has_pw_act else [block.bn2]
            elif kind == "InvertedResidual":
                parts, acts, inactive = [block.conv_dw], [block.bn1, block.bn2], [block.bn3]
            elif kind == "EdgeResidual":
                parts, acts, inactive = [block.conv_exp], [block.bn1], [block.bn2]
            elif kind == "UniversalInvertedResidual":
                middle = [block.dw_mid] if present(block.dw_mid) else []
                outer = [m for m in (block.dw_start, block.dw_end) if present(m)]
                parts, acts = middle + outer, [m.bn for m in [block.pw_exp, *middle]]
                inactive = [m.bn for m in [block.pw_proj, *outer]]
            else:
                require(kind == "MobileAttention" and block.conv_cpe_dw is None, kind)
                inactive = [block.norm]
                attention = block.attn
                if type(attention).__name__ == "Attention2d":
                    require(not attention.head_first, "heads")
                    numbers_of_heads.add(attention.num_heads)
                else:
                    require(not attention.has_query_strides, "query strides")
                    if attention.kv_stride > 1:
                        key_strides.add(attention.kv_stride)
            for part in parts:
                stride *= strides(part, smoothing)
            if present(getattr(block, "aa", None)):
                require(stride == 1, "stride")
                replaced, stride = anti_aliasing(block.aa)
                smoothing.add(replaced)
            if getattr(block, "conv_s2d", None) is not None:
                require(activation(block.bn_s2d.act) == activation(acts[0].act), "act")
            require(not any(present(norm.act) for norm in inactive), "act")
            own = one({activation(norm.act) for norm in acts}, "act") if acts else act
            if own not in (act, "relu"):
                others.add(own)
            if present(getattr(block, "se", None)):
                require(type(block.se).__name__ == "SqueezeExcite", type(block.se).__name__)
                gates.add((activation(block.se.act1), activation(block.se.gate), own))
            codes.append(
                f"{stride}" + ("s" if block.has_skip else "")
                + ("p" if getattr(block, "has_pw_act", False) else "")
                + ("" if own == act else "r" if own == "relu" else "o"))
        stages.append(",".join(codes))
    settings = {"blocks": "/".join(stages), "act": act, "eps": f"{one({n.eps for n in norms}, 'eps'):g}"}
    if is_group:
        settings["group-size"] = one({n.num_channels // n.num_groups for n in norms}, "groups")
    elif form == "LayerNormAct2d":
        settings["layer-norms"] = None
    elif evolved:
        settings |= evolved
    else:
        settings["momentum"] = f"{one({n.momentum for n in norms}, 'momentum'):g}"
    if gates:
        settings["gate"] = one({gate for _, gate, _ in gates}, "gate")
        if not all(inner == own for inner, _, own in gates):
            settings["gate-act"] = one({inner for inner, _, _ in gates}, "gate")
    if others:
        settings["other-act"] = one(others, "act")
    if smoothing:
        settings["aa"] = one(smoothing, "smoothing")
    if key_strides:
        settings["key-stride"] = one(key_strides, "strides")
    if numbers_of_heads:
        settings["heads"] = one(numbers_of_heads, "heads")
    wide = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m.kernel_size[0] > 1 and m.kernel_size[0] % 2]
    require(all(m.dilation == (1, 1) for m in wide), "dilation")
    if one({type(m).__name__ == "Conv2dSame" for m in wide if m.stride != (1, 1)}, "padding"):
        settings["same"] = None
    return settings


def resnet_v2(name, model):
    """ResNetV2."""
    blocks = [block for stage in model.stages for block in stage.blocks]
    kind = one({type(block).__name__ for block in blocks}, "blocks")
    require(kind in ("PreActBasic", "PreActBottleneck"), kind)
    norms = [m for m in model.modules() if hasattr(m, "eps") and type(m).__name__ != "StdConv2d"]
    form = one({type(m).__name__ for m in norms}, "norms")
    require(form in ("BatchNormAct2d", "GroupNormAct", "EvoNorm2dS0", "FilterResponseNormTlu2d"), form)
    acts = {activation(m.act) for m in norms} if form.endswith(("Act2d", "Act")) else {"silu"}
    require(form.endswith(("Act2d", "Act")) or all(m.apply_act for m in norms), "act")
    settings = {
        "blocks": ",".join(str(len(stage.blocks)) for stage in model.stages),
        "act": one(acts, "act"), "eps": f"{one({m.eps for m in norms}, 'eps'):g}", **evolved_settings(model),
    }  # fmt: skip
    if form == "FilterResponseNormTlu2d":
        settings["response"] = None
    if form == "GroupNormAct":
        settings["groups"] = one({m.num_groups for m in norms}, "groups")
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m is not model.head.fc]
    layer = one({type(m).__name__ for m in convolutions}, "convolutions")
    require(layer in ("Conv2d", "StdConv2d"), layer)
    if layer == "StdConv2d":
        settings["standardized"] = f"{one({m.eps for m in convolutions}, 'eps'):g}"
    require(all(m.dilation == (1, 1) and m.groups == 1 for m in convolutions), "convolutions")
    pool = model.stem.pool
    require(type(pool).__name__ == "MaxPool2d" and pool.kernel_size == 3 and pool.stride == 2, "pool")
    if hasattr(model.stem, "pad"):
        require(pool.padding == 0, "pool")
        settings["zeros"] = None
    downsamples = {type(block.downsample).__name__ for block in blocks if block.downsample is not None}
    if one(downsamples, "downsample") == "DownsampleAvg":
        settings["means"] = None
    return settings


def fastvit(name, model):
    """FastViT."""
    require(type(model).__name__ == "FastVit", type(model).__name__)
    norms = [m for m in model.modules() if "BatchNorm" in type(m).__name__]
    ones = [m for m in model.modules() if type(m).__name__ == "MobileOneBlock"]
    mixers = [m for m in model.modules() if type(m).__name__ == "RepMixer"]
    mlps = [m for m in model.modules() if type(m).__name__ == "ConvMlp"]
    large = [m for m in model.modules() if type(m).__name__ == "ReparamLargeKernelConv"]
    require(not any(m.inference_mode for m in ones + mixers), "fused")
    require({activation(m.act) for m in [*ones, *mlps] if present(m.act)} == {"gelu"}, "act")
    for mixer in mixers:
        require(not present(mixer.mixer.act) and not present(mixer.norm.act), "act")
    require(all(present(m.act) for m in [*model.stem, model.final_conv]), "act")
    require(all(m.stride == 2 for m in large) and [m.stride for m in model.stem] == [2, 2, 1], "stride")
    require(all(m.stride == 1 for m in ones if m not in list(model.stem)), "stride")
    settings = {
        "blocks": ",".join(str(len(stage.blocks)) for stage in model.stages),
        "eps": f"{one({n.eps for n in norms}, 'eps'):g}",
    }  # fmt: skip
    attention = {m.head_dim for m in model.modules() if type(m).__name__ == "Attention"}
    settings["head-width"] = one(attention, "heads") if attention else 32
    active = {present(m.act) for m in large}
    if one(active, "act"):
        require({activation(m.act) for m in large} == {"gelu"}, "act")
        settings["large-act"] = None
    return settings


def aligned_xception(name, model):
    """AlignedXception."""
    norms = [m for m in model.modules() if "BatchNorm" in type(m).__name__]
    acts = [m for key, m in model.named_modules() if key.rsplit(".", 1)[-1].startswith("act") and present(m)]
    require({activation(m) for m in acts} == {"relu"}, "act")
    codes = []
    for block in model.blocks:
        stack = dict(block.stack.named_children())
        convolutions = [stack[f"conv{index}"] for index in (1, 2, 3)]
        strides = [one(m.conv_dw.stride, "stride") for m in convolutions]
        require(strides[:2] == [1, 1] and all(m.conv_dw.dilation == (1, 1) for m in convolutions), "stride")
        starts = "act1" in stack
        if type(block).__name__ == "XceptionModule":
            require(all(present(m.act_dw) != starts and present(m.act_pw) != starts for m in convolutions), "act")
        else:
            require(type(block).__name__ == "PreXceptionModule", type(block).__name__)
        codes.append(f"{strides[2]}" + ("" if block.no_skip else "s") + ("r" if starts else ""))
    return {"blocks": ",".join(codes), "eps": f"{one({n.eps for n in norms}, 'eps'):g}"}


def starnet(name, model):
    """StarNet."""
    convolutional(model)
    acts = [model.stem[1]] + [m.act for m in model.modules() if type(m).__name__ == "Block"]
    require({activation(m) for m in acts} == {"relu6"}, "act")
    return {}


def convmixer(name, model):
    """ConvMixer."""
    acts = [model.stem[1]] + [m for block in model.blocks for m in (block[0].fn[1], block[2])]
    kernels = [block[0].fn[0].kernel_size[0] for block in model.blocks]
    require(all(kernel % 2 == 1 for kernel in kernels), "even kernels")
    require(all(m.eps == 1e-5 for m in model.modules() if type(m).__name__ == "BatchNorm2d"), "eps")
    return {"act": one(map(activation, acts), "act")}


def fasternet(name, model):
    """FasterNet."""
    blocks = [block for stage in model.stages for block in stage.blocks]
    require(all(block.layer_scale is None for block in blocks), "layer scale")
    require(all(m.eps == 1e-5 for m in model.modules() if type(m).__name__ == "BatchNorm2d"), "eps")
    require(model.patch_embed.proj.kernel_size == model.patch_embed.proj.stride == (4, 4), "patches")
    return {"act": one(map(activation, [model.act, *(block.mlp[2] for block in blocks)]), "act")}


def shvit(name, model):
    """SHViT."""
    convolutional(model, others=("GroupNorm1",))
    kinds = ("ReLU", "GELU", "SiLU", "Hardswish")
    require({type(m).__name__ for m in model.modules() if type(m).__name__ in kinds} == {"ReLU"}, "act")
    require(all(m.eps == 1e-5 for m in model.modules() if type(m).__name__ == "GroupNorm1"), "eps")
    for m in model.modules():
        if type(m).__name__ == "SHSA":
            require(m.scale == m.qk_dim**-0.5, "scale")
        if type(m).__name__ == "PatchMerging":
            require(gate_settings([m.se]) == {"gate-act": "relu"}, "gate")
    return {}


def edgenext(name, model):
    """EdgeNeXt."""
    blocks = [list(stage.blocks) for stage in model.stages]
    attention = [[m.xca.num_heads for m in stage if type(m).__name__ == "SplitTransposeBlock"] for stage in blocks]
    norms = [m for m in model.modules() if "Norm" in type(m).__name__ and hasattr(m, "eps")]
    require(all(type(m).__name__.startswith("LayerNorm") for m in norms), "norms")
    for m in model.modules():
        if type(m).__name__ == "PositionalEncodingFourier":
            require(m.temperature == 10000 and m.hidden_dim == 32, "positions")
    return {
        "blocks": joined(map(len, blocks)), "heads": joined(one(heads, "heads") if heads else 1 for heads in attention),
        "act": one({activation(m.mlp.act) for stage in blocks for m in stage}, "act"),
        "eps": f"{one({m.eps for m in norms}, 'eps'):g}",
    }  # fmt: skip


def rdnet(name, model):
    """RDNet."""
    norms = [m for m in model.modules() if "Norm" in type(m).__name__ and hasattr(m, "eps")]
    require(all(type(m).__name__ == "LayerNorm2d" for m in norms), "norms")
    require(len(model.stem) == 2 and not present(model.norm_pre) and not present(model.head.pre_logits), "stem or head")
    blocks = [m.layers.layers for m in model.modules() if type(m).__name__ == "DenseBlock"]
    gates = [block[5] for block in blocks if len(block) > 5]
    require(gate_settings(gates, outer="hardsigmoid") == {}, "gates")
    return {
        "stages": len(model.dense_stages), "act": one({activation(block[3]) for block in blocks}, "act"),
        "eps": f"{one({m.eps for m in norms}, 'eps'):g}",
    }  # fmt: skip


def tresnet(name, model):
    """TResNet."""
    convolutional(model)
    blocks = [block for key, layer in model.body.named_children() if key.startswith("layer") for block in layer]
    slopes = [act.negative_slope for block in blocks for act in norm_activations(block)]
    require(all(activation(block.act) == "relu" for block in blocks), "act")
    for m in model.modules():
        if type(m).__name__ == "BlurPool2d":
            require(m.filt_size == 3 and m.pad_mode == "reflect" and m.stride == 2, "blur")
        if type(m).__name__ == "SEModule":
            require(gate_settings([m]) == {"gate-act": "relu"}, "gate")
    return {"stem-slope": f"{model.body.conv1.bn.act.negative_slope:g}", "slope": f"{one(slopes, 'slope'):g}"}


def pit(name, model):
    """PoolingTransformer."""
    blocks = [list(stage.blocks) for stage in model.transformers]
    every = [block for stage in blocks for block in stage]
    require(all(activation(block.mlp.act) == "gelu" and not present(block.ls1) for block in every), "blocks")
    require(not any(present(block.attn.q_norm) or present(stage.norm) for block in every for stage in model.transformers), "norm")
    return {
        "heads": joined(one({block.attn.num_heads for block in stage}, "heads") for stage in blocks),
        "eps": norm_settings(model)["eps"], "stride": one(model.patch_embed.conv.stride, "stride"),
        "only": one(model.patch_embed.img_size, "size"),
    }  # fmt: skip


def batch_norms(model):
    """The eps of all BatchNorms."""
    norms = [m for m in model.modules() if type(m).__name__.startswith("BatchNorm")]
    require(all(m.momentum == 0.1 for m in norms), "momentum")
    return f"{one({m.eps for m in norms}, 'eps'):g}"


def layer_norms(model):
    """The eps of all LayerNorms."""
    return f"{one({m.eps for m in model.modules() if type(m).__name__.startswith('LayerNorm')}, 'eps'):g}"


def efficientformer(name, model):
    """EfficientFormer."""
    require(batch_norms(model) == "1e-05", "eps")
    blocks = [block for stage in model.stages for block in stage.blocks if type(block).__name__ != "Flat"]
    attention = [block.token_mixer for block in blocks if type(block).__name__ == "MetaBlock1d"]
    pools = [block.token_mixer.pool for block in blocks if type(block).__name__ == "MetaBlock2d"]
    require(all(pool.kernel_size == 3 and not pool.count_include_pad for pool in pools), "pool")
    require(activation(model.stem.act1) == activation(model.stem.act2) == "relu", "stem")
    require({activation(block.mlp.act) for block in blocks} == {"gelu"} and not model.distilled_training, "act")
    return {
        "blocks": joined(len(stage.blocks) for stage in model.stages), "eps": layer_norms(model),
        "key-width": one({m.key_dim for m in attention}, "keys"),
        "side": one({round(m.attention_biases.shape[1] ** 0.5) for m in attention}, "side"),
    }  # fmt: skip


def nextvit(name, model):
    """NextViT."""
    attention = [m for m in model.modules() if type(m).__name__ == "EfficientAttention"]
    stages = [[m for m in stage.modules() if type(m).__name__ == "EfficientAttention"] for stage in model.stages]
    acts = [m.act for m in model.modules() if type(m).__name__ in ("ConvNormAct", "ConvAttention", "ConvMlp")]
    require(not any(m.is_fused for m in model.modules() if hasattr(m, "is_fused")), "fused")
    for m in model.modules():
        if type(m).__name__ == "ConvMlp":
            require(not present(m.norm), "mlp")
    embeds = [stage.blocks[0].patch_embed for stage in model.stages]
    return {
        "act": one(map(activation, acts), "act"), "eps": batch_norms(model),
        "stem": joined(one(m.conv.stride, "stride") for m in model.stem),
        "strides": joined(2 if present(m.pool) else 1 for m in embeds),
        "pools": joined(one({m.sr_ratio for m in stage}, "pool") if stage else 1 for stage in stages),
        "head-width": one({m.head_dim for m in attention}, "heads"),
    }  # fmt: skip


def visformer(name, model):
    """Visformer."""
    blocks = [*model.stage1, *model.stage2, *model.stage3]
    acts = [m for block in blocks for m in (block.mlp.act1, block.mlp.act2) if m is not None]
    for stage in (1, 2, 3):
        proj = getattr(model, f"patch_embed{stage}").proj
        require(proj.kernel_size == proj.stride and proj.padding == (0, 0), "patches")
        require(getattr(model, f"pos_embed{stage}") is not None, "positions")
    require(activation(model.stem[2]) == "relu" and model.stem[0].stride == (2, 2), "stem")
    attention = [block.attn for block in blocks if block.attn is not None]
    require(all(m.scale == m.head_dim**-0.5 for m in attention), "scale")
    return {
        "act": one(map(activation, acts), "act"), "eps": batch_norms(model),
        "heads": one({m.num_heads for m in attention}, "heads"), "only": one(model.img_size, "size"),
    }  # fmt: skip


def mobilevit(name, model):
    """MobileViT."""
    convolutional(model, others=("GroupNorm1",))
    kinds = {type(m).__name__ for stage in model.stages for m in stage}
    require(kinds <= {"BottleneckBlock", "MobileVitBlock", "MobileVitV2Block"}, kinds)
    mobile = [m for stage in model.stages for m in stage if type(m).__name__ != "BottleneckBlock"]
    plain = [m for stage in model.stages for m in stage if type(m).__name__ == "BottleneckBlock"]
    require(not any(present(m.attn) or present(m.attn_last) or present(m.act) for m in plain), "blocks")
    for m in plain:
        kept = m.conv2_kxk.conv.stride == (1, 1) and m.conv1_1x1.conv.in_channels == m.conv3_1x1.conv.out_channels
        require((m.shortcut is not None) == kept and not present(getattr(m.shortcut, "conv", None)), "shortcut")
    inner = [block for m in mobile for block in m.transformer]
    linear = one({type(block).__name__ == "LinearTransformerBlock" for block in inner}, "attention")
    require(linear or not any(present(block.ls1) or present(block.attn.q_norm) for block in inner), "attention")
    require(len([key for key, _ in model.stem.named_children() if key.startswith("conv")]) == 1, "stem")
    norms = [n for m in mobile for n in [m.norm, *(n for block in m.transformer for n in (block.norm1, block.norm2))]]
    settings = {
        "act": one(map(activation, [*norm_activations(model), *(block.mlp.act for block in inner)]), "act"),
        "eps": f"{one({n.eps for n in norms}, 'eps'):g}", "patch": one({s for m in mobile for s in m.patch_size}, "patch"),
        "strides": joined(strides_of(stage[0]) for stage in model.stages),
    }  # fmt: skip
    return settings | ({} if linear else {"heads": one({block.attn.num_heads for block in inner}, "heads")})


def tiny_vit(name, model):
    """TinyViT."""
    convolutional(model)
    stages = [[m for m in stage.blocks if type(m).__name__ == "TinyVitBlock"] for stage in model.stages]
    windows = [one({m.window_size for m in stage}, "windows") if stage else 1 for stage in stages]
    acts = [m for key, m in model.named_modules() if key.rsplit(".", 1)[-1] in ("act", "act1", "act2", "act3") and present(m)]
    return {
        "act": one(map(activation, acts), "act"), "eps": layer_norms(model), "windows": joined(windows),
        "multiple": math.lcm(*(window << (index + 2) for index, window in enumerate(windows))),
    }  # fmt: skip


def davit(name, model):
    """DaViT."""
    blocks = [list(stage.blocks) for stage in model.stages]
    pairs = [list(block) for stage in blocks for block in stage]
    require(all([type(m).__name__ for m in pair] == ["SpatialBlock", "ChannelBlock"] for pair in pairs), "blocks")
    every = [m for pair in pairs for m in pair]
    require(all(m.ffn and activation(m.mlp.act) == "gelu" for m in every), "mlp")
    require(not any(present(cpe.act) for m in every for cpe in (m.cpe1, m.cpe2)), "positions")
    require(not present(model.norm_pre) and not present(model.head.pre_logits), "head")
    heads = [one({m.attn.num_heads if type(m.attn).__name__ != "ChannelAttentionV2" else m.attn.groups
                  for block in stage for m in block}, "heads") for stage in blocks]  # fmt: skip
    settings = {
        "blocks": joined(map(len, blocks)), "heads": joined(heads), "eps": layer_norms(model),
        "window": one({size for pair in pairs for size in pair[0].window_size}, "window"),
    }  # fmt: skip
    if one({type(pair[1].attn).__name__ == "ChannelAttentionV2" for pair in pairs}, "version"):
        require(all(pair[1].attn.dynamic_scale for pair in pairs), "scale")
        settings["v2"] = None
    return settings


def swiftformer(name, model):
    """SwiftFormer."""
    convolutional(model)
    acts = [m.act for m in model.modules() if type(m).__name__ in ("ConvEncoder", "Mlp", "LocalRepresentation")]
    require(activation(model.stem[2]) == activation(model.stem[5]) == "relu" and not model.distilled_training, "stem")
    return {
        "act": one(map(activation, acts), "act"), "eps": batch_norms(model),
        "blocks": joined(len(stage.blocks) for stage in model.stages),
        "only": getattr(model, "default_cfg", {}).get("input_size", (3, 224, 224))[1],
    }  # fmt: skip


def iformer(name, model):
    """IFormer."""
    convolutional(model)
    attention = [m for m in model.modules() if type(m).__name__ == "SHMA"]
    require(all(not m.window_size and m.scale == m.q.c.out_channels**-0.5 for m in attention), "attention")
    acts = [model.stem.act1, model.stem.act2]
    acts += [m[-2] for m in model.modules() if isinstance(m, nn.Sequential) and len(m) in (3, 4) and type(m[0]).__name__ == "ConvNorm"]  # noqa: E501
    require(not model.head.distilled_training, "head")
    return {"act": one(map(activation, acts), "act"), "blocks": joined(len(stage.blocks) for stage in model.stages)}


def lcnetv2(name, model):
    """LCNetV2."""
    convolutional(model)
    blocks = [list(stage) for stage in model.stages]
    acts = norm_activations(model) + [block.dw_act for stage in blocks for block in stage if present(block.dw_act)]
    act = one(map(activation, [*acts, model.act2]), "act")
    gates = [block.se for stage in blocks for block in stage if present(block.se)]
    require(gate_settings(gates) in ({}, {"gate-act": act}), "gate")
    return {
        "act": act, "blocks": joined(map(len, blocks)),
        "shortcuts": joined(int(any(block.use_shortcut for block in stage)) for stage in blocks),
    }  # fmt: skip


def cspnext(name, model):
    """CSPNeXt."""
    norms = [m for m in model.modules() if "BatchNorm" in type(m).__name__]
    gates = [m for m in model.modules() if type(m).__name__ == "EffectiveSEModule"]
    require(gate_settings(gates, outer="hardsigmoid") == {}, "gates")
    for m in model.modules():
        if isinstance(m, nn.Conv2d):
            require(m.dilation == (1, 1) and m.padding == tuple(k // 2 for k in m.kernel_size), "convolutions")
    layers = [list(stage) for stage in model.stages]
    require([len(stage) for stage in layers] == [2] * (len(layers) - 1) + [3], "stages")
    require([pool.kernel_size for pool in layers[-1][1].poolings] == [5, 9, 13], "pools")
    for index, stage in enumerate(layers):
        require(all(block.add_identity == (index < len(layers) - 1) for block in stage[-1].blocks), "shortcuts")
    return {
        "act": one(map(activation, norm_activations(model)), "act"), "eps": f"{one({m.eps for m in norms}, 'eps'):g}",
        "momentum": f"{one({m.momentum for m in norms}, 'momentum'):g}",
    }  # fmt: skip


def nest(name, model):
    """NestedTransformer."""
    blocks = [block for level in model.levels for block in level.transformer_encoder]
    require(all(activation(block.mlp.act) == "gelu" for block in blocks), "act")
    pools = [level.pool for level in model.levels if present(level.pool)]
    same = one({type(pool.pool).__name__ == "MaxPool2dSame" for pool in pools}, "padding")
    for pool in pools:
        require(same or pool.pool.padding == 1 or pool.pool.padding == (1, 1), "padding")
    settings = {
        "heads": joined(one({block.attn.num_heads for block in level.transformer_encoder}, "heads") for level in model.levels),
        "eps": norm_settings(model)["eps"], "block": model.block_size, "only": one(model.patch_embed.img_size, "size"),
    }  # fmt: skip
    return settings | ({"same": None} if same else {})


def efficientformer_v2(name, model):
    """EfficientFormerV2."""
    convolutional(model)
    acts = [m.act for m in model.modules() if type(m).__name__ in ("Attention2d", "Attention2dDownsample")]
    require(not model.distilled_training, "head")
    size = 4 * model.stages[2].blocks[-1].token_mixer.resolution[0] * 8
    return {
        "act": one(map(activation, acts + norm_activations(model)), "act"), "eps": batch_norms(model),
        "blocks": joined(len(stage.blocks) for stage in model.stages), "only": size,
    }  # fmt: skip


def volo(name, model):
    """VOLO."""
    stages = [stage for stage in model.network if type(stage).__name__ == "Sequential"]
    outlooks = [block.attn for stage in stages for block in stage if type(block).__name__ == "Outlooker"]
    require(all((m.kernel_size, m.padding, m.stride) == (3, 1, 2) for m in outlooks), "outlook")
    require(type(model.network[1]).__name__ == "Downsample" and model.global_pool == "token", "network")
    require(model.aux_head is not None and len(model.patch_embed.conv) == 9, "parts")
    blocks = [block for stage in [*stages, model.post_network] for block in stage]
    require({activation(block.mlp.act) for block in blocks} == {"gelu"}, "act")
    heads = [one({block.attn.num_heads for block in stage}, "heads") for stage in stages]
    require({block.attn.num_heads for block in model.post_network} == {heads[-1]}, "heads")
    stride = one(model.patch_embed.conv[0].stride, "stride")
    side = stride * model.patch_embed.proj.stride[0] * model.network[1].proj.stride[0]
    return {
        "heads": joined(heads), "eps": layer_norms(model), "conv-eps": batch_norms(model), "stride": stride,
        "only": side * one(model.pos_embed.shape[1:3], "size"),
    }  # fmt: skip


def coat(name, model):
    """CoaT."""
    require(model.global_pool == "token" and not model.return_interm_layers, "head")
    attention = [m for m in model.modules() if type(m).__name__ == "FactorAttnConvRelPosEnc"]
    mlps = [m for m in model.modules() if type(m).__name__ == "Mlp"]
    require({activation(m.act) for m in mlps} == {"gelu"}, "act")
    embeds = [getattr(model, f"patch_embed{stage}") for stage in (1, 2, 3, 4)]
    inner = [m.norm for m in embeds]
    outer = [m for m in model.modules() if type(m).__name__.startswith("LayerNorm") and m not in inner]
    require([one(m.patch_size, "patch") for m in embeds] == [4, 2, 2, 2], "patches")
    return {
        "heads": one({m.num_heads for m in attention}, "heads"), "eps": f"{one({m.eps for m in outer}, 'eps'):g}",
        "embed-eps": f"{one({m.eps for m in inner}, 'eps'):g}",
    }  # fmt: skip


def regnet_vz(name, model):
    """RegNetVZ."""
    convolutional(model)
    blocks = [block for stage in (model.s1, model.s2, model.s3, model.s4) for block in stage.children()]
    first = one({type(block).__name__ == "PreBottleneck" for block in blocks}, "blocks")
    acts = norm_activations(model) + [m for m in [model.final_conv] if type(m).__name__ in ACTIVATIONS and present(m)]
    linear = not first and one({not present(block.act3) for block in blocks}, "act")
    acts += [block.act3 for block in blocks if not first and present(block.act3)]
    act = one(map(activation, acts), "act")
    require(first or linear or act != "relu", "known to RegNet")
    require(gate_settings([block.se for block in blocks if present(block.se)]) in ({}, {"gate-act": act}), "gate")
    settings = {"act": act}
    if first:
        settings["norm-first"] = None
    if linear:
        settings["linear"] = None
    if type(model.final_conv).__name__ in ACTIVATIONS and present(model.final_conv):
        settings["final-act"] = None
    return settings


def hiera(name, model):
    """Hiera."""
    require(model.pos_embed_win is None and model.pos_embed_spatial is None, "positions")
    require(tuple(model.q_stride) == (2, 2) and model.q_pool == len(model.stage_ends) - 1, "pools")
    unit = one(model.mask_unit_size, "unit")
    starts = [0, *(end + 1 for end in model.stage_ends)]
    stages = [list(model.blocks[first:end]) for first, end in zip(starts, starts[1:])]
    local = []
    for stage, blocks in enumerate(stages):
        rest = blocks[1:] if stage else blocks
        if rest:
            local.append(one({block.attn.use_mask_unit_attn for block in rest}, "units"))
        else:
            require(stage + 1 < len(stages), "stages")
            local.append(stages[stage + 1][0].attn.use_mask_unit_attn)
        require(stage == 0 or blocks[0].attn.use_mask_unit_attn == local[stage - 1], "units")
        require(all(block.attn.q_stride == (4 if stage and index == 0 else 1) for index, block in enumerate(blocks)), "pools")
        for block in blocks:
            require(not block.attn.use_mask_unit_attn or block.attn.window_size == (unit >> stage) ** 2, "units")
            require(activation(block.mlp.act) == "gelu", "act")
    require(not present(model.head.pre_logits), "head")
    return {
        "blocks": joined(map(len, stages)), "heads": joined(one({block.attn.heads for block in blocks}, "heads") for blocks in stages),
        "local": joined(map(int, local)), "unit": unit, "eps": norm_settings(model)["eps"],
        "only": 4 * one(model.tokens_spatial_shape, "size"),
    }  # fmt: skip


def gcvit(name, model):
    """GCViT."""
    windows = [one({size for block in stage.blocks for size in block.window_size}, "windows") for stage in model.stages]
    levels = [sum(type(m).__name__ == "MaxPool2d" for m in stage.global_block.blocks) for stage in model.stages]
    for stage, window, level in zip(model.stages, windows, levels):
        require(one(stage.feat_size, "size") == window << level, "windows")
        require(not present(stage.global_norm), "norm")
        require(sum(type(m).__name__ == "MbConvBlock" for m in stage.global_block.blocks) == max(level, 1), "summary")
        require(all(block.attn.use_global == (index % 2 == 1) for index, block in enumerate(stage.blocks)), "queries")
        require({activation(block.mlp.act) for block in stage.blocks} == {"gelu"}, "act")
    for m in model.modules():
        if type(m).__name__ == "MbConvBlock":
            require(activation(m.act) == "gelu" and gate_settings([m.se]) == {"gate-act": "gelu"}, "gate")
    return {
        "blocks": joined(len(stage.blocks) for stage in model.stages), "windows": joined(windows), "levels": joined(levels),
        "eps": layer_norms(model), "only": 4 * one(model.stages[0].feat_size, "size"),
    }  # fmt: skip


def nasnet(name, model):
    """NASNet and PNASNet."""
    require(batch_norms(model) == "0.001", "eps")
    acts = [m for m in model.modules() if type(m).__name__ in ACTIVATIONS and present(m)]
    require({activation(m) for m in acts} == {"relu"}, "act")
    wide = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m.stride == (2, 2) and m.kernel_size != (1, 1)]
    require(all(type(m).__name__ == "Conv2dSame" for m in wide if m.groups > 1), "padding")
    return {}


def squeezenet(name, model):
    """SqueezeNet."""
    pools = [index for index, m in enumerate(model.features) if type(m).__name__ == "MaxPool2d"]
    for index in pools:
        m = model.features[index]
        require((m.kernel_size, m.stride, m.padding, m.ceil_mode) == (3, 2, 0, True), "pool")
    require(model.features[0].stride == (2, 2) and model.features[0].padding == (0, 0), "stem")
    return {"layers": len(model.features), "pools": joined(pools)}


def maxvit_torchvision(name, model):
    """MaxViTTorchvision."""
    norms = [m for m in model.modules() if type(m).__name__ == "BatchNorm2d"]
    attention = [m for m in model.modules() if type(m).__name__ == "PartitionAttentionLayer"]
    require({activation(m) for m in model.modules() if type(m).__name__ in ("GELU", "ReLU")} == {"gelu"}, "act")
    require(type(model.classifier[4]).__name__ == "Tanh", "head")
    for m in attention:
        require(m.attn_layer[1].scale_factor == (m.attn_layer[1].n_heads * m.head_dim) ** -0.5, "scale")
    windows = {m.p if m.partition_type == "window" else m.g for m in attention}
    return {
        "blocks": joined(len(block.layers) for block in model.blocks), "window": one(windows, "windows"),
        "only": 4 * one(model.blocks[0].grid_size, "size"), "conv-eps": f"{one({n.eps for n in norms}, 'eps'):g}",
        "momentum": f"{one({n.momentum for n in norms}, 'momentum'):g}", "eps": layer_norms(model),
    }  # fmt: skip


def hybrid(name, model):
    """HybridTransformer."""
    require(type(model).__name__ == "VisionTransformer", type(model).__name__)
    embed = model.patch_embed
    backbone = embed.backbone
    kinds = {"ConvStem": "stem", "MbConvStages": "mobile", "ResNetV2": "residual", "Sequential": "residual"}
    require(type(backbone).__name__ in kinds, type(backbone).__name__)
    for block in model.blocks:
        require(type(block).__name__ == "Block" and type(block.attn).__name__ == "Attention", "blocks")
        require(type(block.mlp).__name__ in ("Mlp", "GeGluMlp"), "mlp")
        require(not any(present(m) for m in (block.attn.q_norm, block.attn.norm, block.ls1)), "norms")
    parts = [*model.blocks, *(m for m in (model.norm, model.fc_norm) if present(m))]
    require(not present(model.norm_pre) and model.attn_pool is None and model.reg_token is None, "parts")
    grid = embed.grid_size
    bare = model.pos_embed is None or model.pos_embed.shape[1] == grid[0] * grid[1]
    settings = {
        "backbone": kinds[type(backbone).__name__], "heads": one({block.attn.num_heads for block in model.blocks}, "heads"),
        "eps": one({norm_settings(part)["eps"] for part in map(nn.Sequential, parts)}, "eps"),
        "act": one({activation(block.mlp.act) for block in model.blocks}, "act"), "pool": model.global_pool,
        "patch": one((size // side for size, side in zip(embed.img_size, grid)), "patch"),
    } | ({} if bare else {"embedded": None})  # fmt: skip
    require(model.global_pool in ("avg", "token"), model.global_pool)
    require(not getattr(model, "pool_include_prefix", False), "pool")
    require(model.cls_token is None or model.global_pool == "token", "pool")
    if settings["backbone"] == "stem":
        for m in backbone:
            require(m.conv.kernel_size == m.conv.stride and m.conv.padding == (0, 0), "stem")
        settings["act"] = one([settings["act"], *(activation(m) for m in norm_activations(backbone))], "act")
        require(all(m.eps == 1e-5 for m in backbone.modules() if "BatchNorm" in type(m).__name__), "eps")
        return settings
    norms = [m for m in backbone.modules() if "Norm" in type(m).__name__ and hasattr(m, "eps")]
    settings["conv-eps"] = f"{one({m.eps for m in norms}, 'eps'):g}"
    if settings["backbone"] == "mobile":
        acts = [backbone.stem.norm1.act] + [m for key, m in backbone.named_modules() if key.endswith((".act1", ".act2"))]
        require({activation(m) for m in acts} == {"gelu"}, "act")
        return settings
    convolutions = [m for m in backbone.modules() if isinstance(m, nn.Conv2d)]
    require(all(type(m).__name__ == "StdConv2dSame" and m.dilation == (1, 1) for m in convolutions), "convolutions")
    require(all(type(m).__name__ == "GroupNormAct" for m in norms), "norms")
    require({activation(m.act) for m in norms if present(m.act)} == {"relu"}, "act")
    pool = backbone.pool if hasattr(backbone, "pool") else backbone.stem.pool
    require(type(pool).__name__ == "MaxPool2dSame", "pool")
    groups = one({m.num_groups for m in norms}, "groups")
    return settings | {"groups": groups, "standardized": f"{one({m.eps for m in convolutions}, 'eps'):g}"}


def efficientvit_msra(name, model):
    """EfficientViTMSRA."""
    convolutional(model)
    mixers = [m for m in model.modules() if type(m).__name__ == "LocalWindowAttention"]
    acts = [m for m in model.modules() if activates(m) and type(m).__name__ != "Sigmoid"]
    require(all(activation(m) == "relu" for m in acts), "act")
    require(gate_settings([m for m in model.modules() if type(m).__name__ == "SEModule"]) == {"gate-act": "relu"}, "gate")
    require(all(m.attn.scale == m.attn.key_dim**-0.5 for m in mixers), "scale")
    require(model.global_pool.pool_type == "avg", "pool")
    return {"window": one({m.window_resolution for m in mixers}, "windows")}


def crossvit(name, model):
    """CrossViT."""
    require(model.global_pool == "token" and not model.crop_scale and len(model.patch_embed) == 2, "form")
    patches = [one(embed.patch_size, "patch") for embed in model.patch_embed]
    require(all(patch in (12, 16) for patch in patches), "patches")
    settings = {"eps": layer_norms(model), "patches": joined(patches), "only": one(model.img_size, "size")}
    heads = [set(), set()]
    for block in model.blocks:
        require(all(type(m).__name__ == "CrossAttentionBlock" for m in block.fusion), "fusion")
        require(all(activation(proj[1]) == "gelu" for proj in [*block.projs, *block.revert_projs]), "act")
        for branch in range(2):
            for own in block.blocks[branch]:
                require(type(own).__name__ == "Block" and activation(own.mlp.act) == "gelu", "block")
                require(not any(present(m) for m in (own.ls1, own.ls2, own.attn.q_norm, own.mlp.norm)), "block")
                heads[branch].add(own.attn.num_heads)
            heads[1 - branch].add(block.fusion[branch].attn.num_heads)
    settings["heads"] = joined(one(own, "heads") for own in heads)
    settings["sizes"] = joined(one(size, "size") for size in model.img_size_scaled)
    return settings


def resnet_gn(name, model):
    """GroupNormResNet."""
    convolutional(model, others=("GroupNorm",))
    norms = [m for m in model.modules() if isinstance(m, nn.GroupNorm)]
    require(not any("BatchNorm" in type(m).__name__ for m in model.modules()), "norms")
    blocks = [block for stage in (model.layer1, model.layer2, model.layer3, model.layer4) for block in stage]
    require({type(block).__name__ for block in blocks} == {"Bottleneck"}, "blocks")
    require(not any(present(block.se) or present(block.aa) for block in blocks), "blocks")
    acts = [model.act1] + [act for block in blocks for act in (block.act1, block.act2, block.act3)]
    require(all(activation(act) == "relu" for act in acts), "act")
    require(type(model.maxpool).__name__ == "MaxPool2d" and model.global_pool.pool_type == "avg", "pool")
    return {"groups": one({m.num_groups for m in norms}, "groups"), "eps": f"{one({m.eps for m in norms}, 'eps'):g}"}


def convit(name, model):
    """ConViT."""
    require(model.global_pool == "token" and model.use_pos_embed, "form")
    local = [block.use_gpsa for block in model.blocks]
    require(local == sorted(local, reverse=True) and not local[-1], "blocks")
    require(type(model.patch_embed).__name__ == "PatchEmbed" and not present(model.patch_embed.norm), "patches")
    require(all(activation(block.mlp.act) == "gelu" and not present(block.mlp.norm) for block in model.blocks), "mlp")
    size = one(model.patch_embed.img_size, "size")
    return {"heads": one({block.attn.num_heads for block in model.blocks}, "heads"), "eps": layer_norms(model), "only": size}


def lowformer(name, model):
    """LowFormer."""
    convolutional(model, others=("GroupNorm1",))
    require(model.global_pool.pool_type == "avg", "pool")
    norms = [m for m in model.modules() if type(m).__name__ in ("GroupNorm1", "LayerNorm")]
    acts = {activation(m.act) for m in model.modules() if type(m).__name__ == "ConvLayer" and present(m.act)}
    heads = []
    for stage in model.stages:
        blocks = list(stage)
        require(type(blocks[0]).__name__ == "ResidualBlock" and blocks[0].shortcut is None, "first block")
        require(strides_of(blocks[0]) == 2, "stride")
        attention = [m for m in stage.modules() if type(m).__name__ == "ConvAttention"]
        for m in attention:
            kernel, stride = m.upsampling.kernel_size[0], one(m.upsampling.stride, "stride")
            require(not present(m.o_proj), "projection")
            require(stride == m.att_stride and kernel == (3 if stride == 1 else 2 * stride), "stride")
            require(one(m.upsampling.padding, "padding") == max(1, stride // 2) and m.conv_proj.conv.stride[0] == stride, "stride")
            require(one(m.upsampling.output_padding, "padding") == 0 and m.upsampling.bias is not None, "padding")
        perceptrons = [block.mlp for block in blocks if present(getattr(block, "mlp", None))]
        require(all(activation(mlp.main[2]) == "gelu" for mlp in perceptrons), "mlp")
        heads.append(one({m.num_heads for m in attention}, "heads") if attention else 0)
    return {
        "act": one(acts | {activation(model.pre_classifier[2])}, "act"), "eps": f"{one({m.eps for m in norms}, 'eps'):g}",
        "heads": joined(heads),
    }  # fmt: skip


def hieradet(name, model):
    """HieraDet."""
    embed = model.patch_embed
    require(type(embed).__name__ == "HieraPatchEmbed" and embed.proj.kernel_size == (7, 7), "patches")
    require(embed.proj.stride == (4, 4) and embed.proj.padding == (3, 3), "patches")
    require(model.head.pool_type == "avg" and not present(model.head.pre_logits), "head")
    for block in model.blocks:
        require(activation(block.mlp.act) == "gelu" and not present(block.mlp.norm), "mlp")
        require((block.dim != block.dim_out) == (block.q_stride is not None), "strides")
        require(block.q_stride in (None, (2, 2)) and (block.q_stride is None or block.is_windowed), "strides")
        require(block.q_stride is None or one(block.window_size, "window") % 2 == 0, "window")
    return {
        "windows": joined(one(block.window_size, "window") for block in model.blocks), "eps": layer_norms(model),
        "head-width": one({block.dim_out // block.attn.num_heads for block in model.blocks}, "heads"),
    }  # fmt: skip


def mvitv2(name, model):
    """MultiscaleViT."""
    has_token = model.cls_token is not None
    require(model.pos_embed is None and model.global_pool == ("token" if has_token else "avg"), "positions or pool")
    patches = model.patch_embed.proj
    require((patches.kernel_size, patches.stride, patches.padding) == ((7, 7), (4, 4), (3, 3)), "patches")
    settings = {"heads": [], "strides": [], "key-strides": []}
    size = model.stages[0].feat_size[0]
    for stage in model.stages:
        blocks = list(stage.blocks)
        for index, block in enumerate(blocks):
            attention = block.attn
            require(type(attention).__name__ == "MultiScaleAttention" and attention.mode == "conv", "attention")
            require(attention.rel_pos_type == "spatial" and attention.residual_pooling, "attention")
            pools = [attention.pool_q, attention.pool_k, attention.pool_v]
            require(all(pool.kernel_size == (3, 3) and pool.padding == (1, 1) for pool in pools), "pool")
            require(pools[1].stride == pools[2].stride and (index == 0 or pools[0].stride == (1, 1)), "strides")
            skip, stride = block.shortcut_pool_attn, one(pools[0].stride, "stride")
            require((skip is None) == (stride == 1), "shortcut")
            require(skip is None or (skip.kernel_size, skip.padding) == ([stride + 1] * 2, [(stride + 1) // 2] * 2), "shortcut")
            require(activation(block.mlp.act) == "gelu" and not present(block.mlp.norm), "mlp")
        settings["heads"].append(one({block.attn.num_heads for block in blocks}, "heads"))
        settings["strides"].append(one(blocks[0].attn.pool_q.stride, "stride"))
        settings["key-strides"].append(one({s for block in blocks for s in block.attn.pool_k.stride}, "stride"))
    settings = {key: joined(values) for key, values in settings.items()}
    settings |= {"eps": layer_norms(model), "only": 4 * size * int(settings["strides"].split(",")[0])}
    return settings | ({"token": None} if has_token else {})


def timm_names(*modules):
    return [("timm", name) for module in modules for name in timm.list_models(module=module)]


def torchvision_names(*names):
    return [("torchvision", name) for name in names]


# family: (Swift type, names, settings of a network, ends of the names of tensors that depend on the size of images)
FAMILIES = {
    "tokens": ("TokenTransformer", lambda: timm_names("vision_transformer", "beit", "eva", "deit", "vision_transformer_relpos"),
               tokens, ["pos_embed"]),
    "mixer": ("Mixer", lambda: timm_names("mlp_mixer"), mixer, []),
    "metaformer": ("MetaFormer", lambda: timm_names("metaformer"), metaformer, []),
    "nfnet": ("NormFreeNet", lambda: timm_names("nfnet"), norm_free, []),
    "maxxvit": ("MaxViT", lambda: timm_names("maxxvit"), maxxvit, []),
    "xcit": ("XCiT", lambda: timm_names("xcit"), xcit, []),
    "swin_cr": ("SwinTransformerCR", lambda: timm_names("swin_transformer_v2_cr"), swin_cr, []),
    "pyramid": ("PyramidTransformer", lambda: timm_names("pvt_v2", "twins"), pyramid, []),
    "focalnet": ("FocalNet", lambda: timm_names("focalnet"), focalnet, []),
    "levit": ("LeViT", lambda: timm_names("levit"), levit, []),
    "mambaout": ("MambaOut", lambda: timm_names("mambaout"), mambaout, []),
    "inception_next": ("InceptionNeXt", lambda: timm_names("inception_next"), inception_next, []),
    "mobile": ("MobileNetwork", lambda: timm_names("efficientnet", "mobilenetv3", "hardcorenas"), mobile, []),
    "resnet_v2": ("ResNetV2", lambda: timm_names("resnetv2"), resnet_v2, []),
    "fastvit": ("FastViT", lambda: timm_names("fastvit"), fastvit, []),
    "xception": ("AlignedXception", lambda: timm_names("xception_aligned"), aligned_xception, []),
    "cait": ("CaiT", lambda: timm_names("cait"), cait, []),
    "byobnet": ("ByobNet", lambda: timm_names("byobnet"), byobnet, []),
    "cspnet": ("CSPNet", lambda: timm_names("cspnet"), cspnet, []),
    "dla": ("DeepLayerAggregation", lambda: timm_names("dla"), dla, []),
    "vovnet": ("VoVNet", lambda: timm_names("vovnet"), vovnet, []),
    "hrnet": ("HighResolutionNet", lambda: timm_names("hrnet"), hrnet, []),
    "dpn": ("DualPathNet", lambda: timm_names("dpn"), dpn, []),
    "ghostnet": ("GhostNet", lambda: timm_names("ghostnet", "repghost"), ghostnet, []),
    "repvit": ("RepViT", lambda: timm_names("repvit"), repvit, []),
    "rexnet": ("ReXNet", lambda: timm_names("rexnet"), rexnet, []),
    "selecsls": ("SelecSLS", lambda: timm_names("selecsls"), selecsls, []),
    "starnet": ("StarNet", lambda: timm_names("starnet"), starnet, []),
    "convmixer": ("ConvMixer", lambda: timm_names("convmixer"), convmixer, []),
    "fasternet": ("FasterNet", lambda: timm_names("fasternet"), fasternet, []),
    "shvit": ("SHViT", lambda: timm_names("shvit"), shvit, []),
    "edgenext": ("EdgeNeXt", lambda: timm_names("edgenext"), edgenext, []),
    "rdnet": ("RDNet", lambda: timm_names("rdnet"), rdnet, []),
    "tresnet": ("TResNet", lambda: timm_names("tresnet"), tresnet, []),
    "pit": ("PoolingTransformer", lambda: timm_names("pit"), pit, []),
    "efficientformer": ("EfficientFormer", lambda: timm_names("efficientformer"), efficientformer, []),
    "nextvit": ("NextViT", lambda: timm_names("nextvit"), nextvit, []),
    "visformer": ("Visformer", lambda: timm_names("visformer"), visformer, []),
    "mobilevit": ("MobileViT", lambda: timm_names("mobilevit"), mobilevit, []),
    "tiny_vit": ("TinyViT", lambda: timm_names("tiny_vit"), tiny_vit, []),
    "davit": ("DaViT", lambda: timm_names("davit"), davit, []),
    "hybrid": ("HybridTransformer", lambda: timm_names("vision_transformer_hybrid", "vitamin"), hybrid, ["pos_embed"]),
    "iformer": ("IFormer", lambda: timm_names("iformer"), iformer, []),
    "lcnetv2": ("LCNetV2", lambda: timm_names("lcnetv2"), lcnetv2, []),
    "cspnext": ("CSPNeXt", lambda: timm_names("cspnext"), cspnext, []),
    "nest": ("NestedTransformer", lambda: timm_names("nest"), nest, []),
    "efficientformer_v2": ("EfficientFormerV2", lambda: timm_names("efficientformer_v2"), efficientformer_v2, []),
    "volo": ("VOLO", lambda: timm_names("volo"), volo, []),
    "coat": ("CoaT", lambda: timm_names("coat"), coat, []),
    "regnet_vz": ("RegNetVZ", lambda: timm_names("regnet"), regnet_vz, []),
    "hiera": ("Hiera", lambda: timm_names("hiera"), hiera, []),
    "gcvit": ("GCViT", lambda: timm_names("gcvit"), gcvit, []),
    "nasnet": ("NASNet", lambda: timm_names("nasnet"), nasnet, []),
    "pnasnet": ("PNASNet", lambda: timm_names("pnasnet"), nasnet, []),
    "squeezenet": ("SqueezeNet", lambda: torchvision_names("squeezenet1_0", "squeezenet1_1"), squeezenet, []),
    "maxvit_torchvision": ("MaxViTTorchvision", lambda: torchvision_names("maxvit_t"), maxvit_torchvision, []),
    "efficientvit_msra": ("EfficientViTMSRA", lambda: timm_names("efficientvit_msra"), efficientvit_msra, []),
    "crossvit": ("CrossViT", lambda: timm_names("crossvit"), crossvit, []),
    "resnet_gn": ("GroupNormResNet", lambda: [("timm", "resnet50_gn")], resnet_gn, []),
    "convit": ("ConViT", lambda: timm_names("convit"), convit, []),
    "lowformer": ("LowFormer", lambda: timm_names("lowformer"), lowformer, []),
    "hieradet": ("HieraDet", lambda: timm_names("hieradet_sam2"), hieradet, []),
    "mvitv2": ("MultiscaleViT", lambda: timm_names("mvitv2"), mvitv2, []),
    "swiftformer": ("SwiftFormer", lambda: timm_names("swiftformer"), swiftformer, []),
}


def build(source, name, classes):
    if source == "torchvision":
        return torchvision.models.get_model(name, weights=None, num_classes=classes)
    try:
        with torch.device("meta"):
            return timm.create_model(name, num_classes=classes)
    except (NotImplementedError, RuntimeError):  # an initializer that reads values
        return timm.create_model(name, num_classes=classes)


def layout(model, resizable):
    """Names and shapes of all floating-point tensors, and the last layers of those whose extents are classes."""
    rows, heads = [], []
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            continue
        shape = list(tensor.shape)
        if any(name.endswith(end) for end in resizable):
            shape = [None] * len(shape)
        elif CLASSES in shape[:1] and name.rsplit(".", 1)[-1] in ("weight", "bias"):
            shape[0] = None
            heads.append(name.rsplit(".", 1)[0])
        rows.append((name, shape))
    return rows, sorted(set(heads))


CLASSES = 997  # a prime that no layer has for its width


def write(family):
    struct, names, settings_of, resizable = FAMILIES[family]
    lines, heads, others = {}, set(), {}
    for source, name in names():
        model = build(source, name, CLASSES)
        rows, own = layout(model, resizable)
        try:
            settings = settings_of(name, model)
        except Unsupported as reason:
            print(f"{name}: {reason}", flush=True)
            if str(reason) != "known to MobileBlocks":
                others[digest(rows)] = name
            continue
        heads.add(tuple(own))
        words = [key if value is None else f"{key}={value}" for key, value in settings.items()]
        lines[name] = " ".join([name, digest(rows), *words])
    # Nothing tells a network from another of the same tensors that is not computed.
    for name in [name for name, line in lines.items() if line.split()[1] in others]:
        print(f"{name}: has the tensors of {others[lines.pop(name).split()[1]]}", flush=True)
    lists = (", ".join(f'"{head}"' for head in sorted(own, key=lambda head: (len(head), head))) for own in sorted(heads))
    quoted = ", ".join(f"[{own}]" for own in lists)
    ends = ", ".join(f'"{end}"' for end in resizable)
    text = "\n".join(f"    {lines[name]}" for name in sorted(lines))
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{struct}Table.swift").write_text(f'''// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision {torchvision.__version__} and timm
// {timm.__version__}: see `PublishedTable`.

extension {struct} {{
  static let table = PublishedTable(heads: [{quoted}], resizable: [{ends}], """
{text}
    """)
}}
''')
    print(f"{family}: {len(lines)} names", flush=True)


def main():
    warnings.simplefilter("ignore")
    # Values do not matter, and drawing them takes most of the time.
    for name in ("trunc_normal_", "normal_", "uniform_", "xavier_uniform_", "kaiming_normal_", "kaiming_uniform_"):
        setattr(nn.init, name, lambda tensor, *args, **options: tensor)
    for family in sys.argv[1:] or FAMILIES:
        write(family)


if __name__ == "__main__":
    main()
