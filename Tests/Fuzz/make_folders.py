"""Writes the corpus of the target `folder`: checkpoints of several files, one after the other in one input.

    python Tests/Fuzz/make_folders.py

Folders of DeepSpeed's stages 2 and 3 and of safetensors shards of ranks, all with two ranks and a few numbers. The zip
archives have no checksums, which PyTorch may leave out too: no mutation would get past them. Made with PyTorch 2.15.
"""

import io
import json
import struct
from pathlib import Path

import torch

FOLDER = Path(__file__).resolve().parent / "corpus" / "folder"
WEIGHT, BIAS = torch.arange(6.0).reshape(2, 3), torch.tensor([1.0, 2.0])
RANKS = 2


def saved(value):
    """torch.save without checksums."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    data = bytearray(buffer.getvalue())
    for signature, place in ((b"PK\x03\x04", 14), (b"PK\x01\x02", 16)):
        at = data.find(signature)
        while at >= 0:
            data[at + place : at + place + 4] = bytes(4)
            at = data.find(signature, at + 4)
    return bytes(data)


def zero(stage):
    """The files of one stage: parameters in partitions, a buffer, a frozen parameter and an alias."""
    files = {}
    flat = torch.cat([WEIGHT.flatten(), BIAS])
    shapes = {"fc.weight": WEIGHT.shape, "fc.bias": BIAS.shape}
    for rank in range(RANKS):
        if stage == 3:
            own = torch.cat([WEIGHT.flatten()[3 * rank : 3 * rank + 3], BIAS[rank : rank + 1]])
        else:
            own = flat[4 * rank : 4 * rank + 4].clone()
        key = "fp32_flat_groups" if stage == 3 else "single_partition_of_fp32_groups"
        state = {"zero_stage": stage, "partition_count": RANKS if stage == 3 else [RANKS], key: [own]}
        files[f"bf16_zero_pp_rank_{rank}_mp_rank_00_optim_states.pt"] = saved({"optimizer_state_dict": state})
        if stage == 3 or rank == 0:
            placeholder = stage == 3
            module = {name: torch.zeros(0 if placeholder else shape) for name, shape in shapes.items()}
            module["count"] = torch.tensor(3.0)
            name = f"zero_pp_rank_{rank}_mp_rank_00_model_states.pt" if placeholder else "mp_rank_00_model_states.pt"
            frozen = torch.ones(1) if placeholder else torch.ones(2)
            files[name] = saved({
                "module": module, "buffer_names": ["count"], "param_shapes": [shapes],
                "frozen_param_shapes": {"scale": torch.Size([2])}, "frozen_param_fragments": {"scale": frozen},
                "shared_params": {"tied": "fc.weight"}, "ds_version": "0.18.0"})  # fmt: skip
    return files


def shards():
    """Each rank holds a row of the matrix; the first has the vector."""
    files = {}
    for rank in range(RANKS):
        parts = {"fc.weight": (WEIGHT[rank : rank + 1], [rank, 0])}
        if rank == 0:
            parts["fc.bias"] = BIAS, [0]
        info = json.dumps({name: {"saved_offsets": offsets} for name, (_, offsets) in parts.items()})
        header, data = {"__metadata__": {"DCP_SHARDING_INFO": info, "DCP_VERSION": "1.0"}}, b""
        for name, (value, _) in parts.items():
            content = value.numpy().tobytes()
            ends = [len(data), len(data) + len(content)]
            header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": ends}
            data += content
        text = json.dumps(header).encode()
        name = f"shard-{rank + 1:05}-model-00001-of-00001.safetensors"
        files[name] = struct.pack("<Q", len(text)) + text + data
    return files


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, files in (("stage-2", zero(2)), ("stage-3", zero(3)), ("shards", shards())):
        packed = b"".join(
            bytes([len(path)]) + path.encode() + struct.pack("<I", len(content)) + content
            for path, content in files.items())
        (FOLDER / name).write_bytes(packed)


if __name__ == "__main__":
    main()
