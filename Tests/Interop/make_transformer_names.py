"""Writes Sources/Networks/NetworkGraphs/Recognition/TransformerNames.swift: the vision transformers that timm publishes, with
what their tensors show and what only their names tell.

    python Tests/Interop/make_transformer_names.py

Networks with other blocks than the plain one (parallel, gated, with other norms or pooled by attention) are left out, so
that they stay unknown.
"""

from pathlib import Path

import timm
import torch
from torch.nn import Identity
from timm.models.vision_transformer import Attention, Block, VisionTransformer

OUTPUT = Path(__file__).resolve().parents[2] / "Sources/Networks/NetworkGraphs/Recognition/TransformerNames.swift"
ACTIVATIONS = {"GELU(approximate='none')": "gelu", "GELUTanh()": "geluTanh", "QuickGELU()": "quickGelu"}


def row(name, model):
    """The line of a network; None if it is not made of plain blocks."""
    block = model.blocks[0]
    if type(block) is not Block or type(block.attn) is not Attention or type(block.mlp).__name__ != "Mlp":
        return None
    norms = [block.norm1, block.norm2, model.norm, model.fc_norm, model.norm_pre]
    norms = [norm for norm in norms if not isinstance(norm, Identity)]
    if any("LayerNorm" not in type(norm).__name__ for norm in norms) or len({norm.eps for norm in norms}) != 1:
        return None
    parts = [block.attn.q_norm, block.attn.norm, block.mlp.norm, model.patch_embed.norm]
    if not all(isinstance(part, Identity) for part in parts) or block.attn.gate is not None:
        return None
    final = [norm for norm in (model.norm, model.fc_norm) if not isinstance(norm, Identity)]
    if len(final) != 1 or model.global_pool not in ("token", "avg") or model.pool_include_prefix:
        return None
    if str(block.mlp.act) not in ACTIVATIONS or model.pos_embed is None:
        return None
    flags = [
        (model.has_class_token, "class"), (hasattr(model, "dist_token"), "distilled"),
        (model.num_reg_tokens > 0, f"registers={model.num_reg_tokens}"), (model.no_embed_class, "bare-prefix"),
        (not isinstance(model.norm_pre, Identity), "pre-norm"), (not isinstance(model.fc_norm, Identity), "fc-norm"),
        (block.attn.qkv.bias is not None, "qkv-bias"), (not isinstance(block.ls1, Identity), "layer-scale"),
    ]  # fmt: skip
    numbers = [
        model.embed_dim, len(model.blocks), model.patch_embed.patch_size[0], block.mlp.fc1.out_features,
        block.attn.num_heads,
    ]  # fmt: skip
    words = [f"{norms[0].eps:g}", ACTIVATIONS[str(block.mlp.act)], model.global_pool]
    return " ".join([name, *map(str, numbers), *words, *(flag for holds, flag in flags if holds)])


def main():
    lines = []
    for module in ("vision_transformer", "deit"):
        for name in timm.list_models(module=module):
            with torch.device("meta"):
                model = timm.create_model(name, num_classes=10)
            line = row(name, model) if isinstance(model, VisionTransformer) else None
            if line:
                lines.append(line)
    rows = "\n".join(f"    {line}" for line in sorted(lines))
    OUTPUT.write_text(f'''// swift-format-ignore-file
// Written by Tests/Interop/make_transformer_names.py with timm {timm.__version__}: name, width, blocks, patch, hidden units,
// heads, eps, activation, pooling, and what else the tensors show.

extension VisionTransformer {{
  static let table = """
{rows}
    """
}}
''')
    print(len(lines), "names")


if __name__ == "__main__":
    main()
