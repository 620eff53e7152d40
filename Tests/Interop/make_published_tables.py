"""Writes Sources/Networks/NetworkGraphs/Recognition/Tables/*.swift: the networks that timm and torchvision publish for
families whose tensors do not show all that they compute.

    python Tests/Interop/make_published_tables.py [FAMILY…]

A line is a name, the digest of the layout of its state dict (as in make_published_names.py, with `*` also for shapes that
depend on the size of the images), and the settings that only the name tells, read off the built network. Networks with
parts that the Swift family does not compute are left out, so that they stay unknown.
"""

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
    if kind == "GELU" and module.approximate == "tanh":
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
    require(kind in ("VisionTransformer", "Beit", "Eva"), kind)
    require(kind != "VisionTransformer" or row(name, model) is None, "plain")
    block = model.blocks[0]
    form = {
        "Block": "pre-norm", "EvaBlock": "pre-norm", "ResPostBlock": "post-norm", "EvaBlockPostNorm": "post-norm",
        "ParallelThingsBlock": "parallel-layers", "ParallelScalingBlock": "parallel-parts",
    }.get(type(block).__name__)  # fmt: skip
    require(form, type(block).__name__)
    attention = block.attns[0].attn if form == "parallel-layers" else block if form == "parallel-parts" else block.attn
    require(type(attention).__name__ in ("Attention", "EvaAttention", "AttentionRope", "ParallelScalingBlock"), "attn")
    mlp = block.ffns[0].mlp if form == "parallel-layers" else getattr(block, "mlp", None)
    settings = {"heads": attention.num_heads, "blocks": len(model.blocks), "block": form, **norm_settings(model)}
    settings |= mlp_settings(mlp) if mlp is not None else {"act": activation(block.mlp_act)}
    prefix = 1 if kind == "Beit" else model.num_prefix_tokens
    settings["prefix"] = prefix
    if model.pos_embed is not None:
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


def timm_names(*modules):
    return [("timm", name) for module in modules for name in timm.list_models(module=module)]


# family: (Swift type, names, settings of a network, ends of the names of tensors that depend on the size of images)
FAMILIES = {
    "tokens": ("TokenTransformer", lambda: timm_names("vision_transformer", "beit", "eva", "deit"), tokens,
               ["pos_embed", "relative_position_bias_table"]),
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
    lines, heads = {}, set()
    for source, name in names():
        try:
            model = build(source, name, CLASSES)
            settings = settings_of(name, model)
        except Unsupported as reason:
            print(f"{name}: {reason}", flush=True)
            continue
        rows, own = layout(model, resizable)
        heads.add(tuple(own))
        words = [key if value is None else f"{key}={value}" for key, value in settings.items()]
        lines[name] = " ".join([name, digest(rows), *words])
    require(len(heads) == 1, f"heads {heads}")
    quoted = ", ".join(f'"{head}"' for head in sorted(heads.pop(), key=lambda head: (len(head), head)))
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
