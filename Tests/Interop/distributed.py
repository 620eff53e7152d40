"""Checkpoints of real ranks: directories written by PyTorch, DeepSpeed's layout and the Hugging Face storage.

    python Tests/Interop/distributed.py BIN_FOLDER

Two and four processes with the gloo backend write models that are cut by FSDP2, along the first and the second dimension,
replicated, and in several dimensions, with both serializations. ckpt-convert must equal PyTorch's own converter
(`dcp_to_torch_save`) bit for bit; averages of mixed layouts must equal NumPy's float64, rounded once. Folders of DeepSpeed
are written by DeepSpeed where it is installed, and compared with its own `zero_to_fp32`.
"""

import importlib.util
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
import torch.multiprocessing as mp
from safetensors.torch import load_file
from torch.distributed.checkpoint import HuggingFaceStorageWriter
from torch.distributed.checkpoint.filesystem import FileSystemWriter, SerializationFormat
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Replicate, Shard, distribute_tensor

TOOLS = Path(sys.argv[1]).resolve()
LAYOUTS = ("fsdp2", "rows", "columns", "replicated", "grid", "safetensors", "titan")


def network(seed):
    """Sizes that ranks do not divide, several element types, a buffer and a scalar."""
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Linear(13, 10), torch.nn.BatchNorm1d(10), torch.nn.Linear(10, 3, bias=False).to(torch.bfloat16)
    )


def placed(state, mesh, placements):
    """The state dict with matrices distributed, and everything else as it is."""
    return {
        name: distribute_tensor(value, mesh, placements) if value.ndim == 2 else value for name, value in state.items()
    }


def save(state, path, layout):
    if layout == "safetensors":
        writer = FileSystemWriter(path, serialization_format=SerializationFormat.SAFETENSORS)
        dcp.save(state, storage_writer=writer)
    else:
        dcp.save(state, checkpoint_id=path)


def rank_main(rank, ranks, port, jobs):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=ranks)
    torch.set_num_threads(1)
    for folder, layout, seed in jobs:
        write_layout(ranks, folder, layout, seed)
    dist.destroy_process_group()


def write_layout(ranks, folder, layout, seed):
    model = network(seed)
    state = model.state_dict()
    mesh = init_device_mesh("cpu", (ranks,))
    if layout == "fsdp2":
        from torch.distributed.checkpoint.state_dict import get_state_dict
        from torch.distributed.fsdp import fully_shard

        float_model = torch.nn.Sequential(model[0], model[1])
        fully_shard(float_model, mesh=mesh)
        optimizer = torch.optim.AdamW(float_model.parameters(), lr=1e-3)
        float_model(torch.randn(4, 13)).sum().backward()
        optimizer.step()
        weights, optim = get_state_dict(float_model, optimizer)
        whole = {"model": weights, "optimizer": optim, "step": 7}
    elif layout in ("rows", "safetensors"):
        whole = {"model": placed(state, mesh, [Shard(0)])}
    elif layout == "columns":
        whole = {"app": {"model": placed(state, mesh, [Shard(1)]), "optimizer": {"lr": 0.1}}}
    elif layout == "replicated":
        whole = {"model": placed(state, mesh, [Replicate()])}
    elif layout == "hub":
        dcp.save(
            placed(state, mesh, [Shard(0)]), storage_writer=HuggingFaceStorageWriter(path=folder, save_distributed=True))
        return
    elif layout == "grid":
        grid = init_device_mesh("cpu", (ranks // 2, 2))
        whole = {"model": placed(state, grid, [Shard(0), Shard(1)])}
    else:
        whole = {**placed(state, mesh, [Shard(0)]), "train_state": {"step": torch.tensor(3)}}
    save(whole, folder, layout)


def spawn(main, ranks, *arguments):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    mp.spawn(main, (ranks, port, *arguments), nprocs=ranks)


def series(scratch):
    """Paths, layouts and numbers of ranks of the checkpoints of a mixed series."""
    layouts = [("rows", 4), ("grid", 2), ("safetensors", 4), ("replicated", 2)]
    return [(scratch / "series" / f"step-{number}", *layout) for number, layout in enumerate(layouts)]


def write_all(scratch):
    """Every directory, by two and by four processes, which take longer to begin than to write."""
    for ranks in (2, 4):
        jobs = [(str(scratch / f"{layout}-{ranks}" / "step-10"), layout, ranks) for layout in LAYOUTS]
        jobs += [(str(path), layout, seed) for seed, (path, layout, n) in enumerate(series(scratch)) if n == ranks]
        if ranks == 4:
            jobs.append((str(scratch / "hub"), "hub", 3))
        spawn(rank_main, ranks, jobs)


def tool(name, *arguments):
    done = subprocess.run([TOOLS / name, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, (name, arguments, done.stderr)
    return done.stdout


def converted(path, out, *options):
    tool("ckpt-convert", path, *options, "-q", "-o", out)
    return load_file(out)


def peer(path, scratch):
    """PyTorch's own converter; the state dict of the model."""
    out = scratch / "peer.pt"
    dcp_to_torch_save(path, out)
    loaded = torch.load(out, weights_only=False)
    while "model" in loaded or "app" in loaded:
        loaded = loaded.get("model") or loaded["app"]
    return {name: value for name, value in loaded.items() if torch.is_tensor(value)}


def expect_equal(label, found, expected):
    assert found.keys() == expected.keys(), (label, found.keys() ^ expected.keys())
    for name, value in expected.items():
        assert found[name].dtype == value.dtype and found[name].shape == value.shape, (label, name)
        assert torch.equal(found[name].view(-1).view(torch.uint8), value.contiguous().view(-1).view(torch.uint8)), (
            label, name)


def directories(scratch):
    for layout in LAYOUTS:
        for ranks in (2, 4):
            path = scratch / f"{layout}-{ranks}" / "step-10"
            # PyTorch's converter reads all serializations but its own of safetensors.
            has_peer = layout != "safetensors"
            expected = peer(path, scratch) if has_peer else network(ranks).state_dict()
            options = ("--key", "app.model") if layout == "columns" else ()
            expect_equal(layout, converted(path, scratch / "whole.safetensors", *options), expected)
            if options:
                # The only state dict is taken without a key, too.
                expect_equal(layout, converted(path, scratch / "whole.safetensors"), expected)
            listed = json.loads(tool("ckpt-info", path, "--format", "json"))
            assert {row["name"] for row in listed["rows"]} == expected.keys(), layout
            tool("ckpt-info", "verify", path)
            judge = "dcp_to_torch_save" if has_peer else "the model that was saved"
            print(f"{layout}, {ranks} ranks: {len(expected)} tensors equal {judge}")


def mixed(scratch):
    """A directory of 4 ranks, one of 2 cut the other way, a safetensors one: exactly the float64 mean."""
    paths = [path for path, *_ in series(scratch)]
    states = [network(seed).state_dict() for seed in range(len(paths))]
    tool("ckpt-average", *paths, "--buffers", "average", "-q", "-o", scratch / "mean.safetensors")
    mean = load_file(scratch / "mean.safetensors")
    for name, last in states[-1].items():
        if not last.is_floating_point():
            assert torch.equal(mean[name], last)
            continue
        values = np.stack([state[name].double().numpy() for state in states])
        expected = torch.from_numpy(values.sum(axis=0) / len(values)).to(last.dtype)
        assert torch.equal(mean[name], expected), name
    print("mixed series: equals float64")


def rank_shards(scratch):
    """The Hugging Face storage, one file per rank, against the same tensors."""
    path = scratch / "hub"
    expect_equal("hub", converted(path, scratch / "hub.safetensors"), network(3).state_dict())
    print("rank shards of the Hugging Face storage: equal")


def zero_main(rank, ranks, port, folder, stage):
    import deepspeed

    os.environ.update(
        MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), RANK=str(rank), WORLD_SIZE=str(ranks), LOCAL_RANK=str(rank),
        DS_ACCELERATOR="cpu")
    deepspeed.init_distributed("gloo")
    torch.manual_seed(5)
    model = torch.nn.Sequential(torch.nn.Linear(13, 10), torch.nn.BatchNorm1d(10), torch.nn.Linear(10, 3))
    model[2].bias.requires_grad_(False)
    engine, *_ = deepspeed.initialize(
        model=model, model_parameters=[p for p in model.parameters() if p.requires_grad],
        config={
            "train_micro_batch_size_per_gpu": 4, "bf16": {"enabled": True}, "zero_optimization": {"stage": stage},
            "optimizer": {"type": "AdamW", "params": {"lr": 1e-3, "torch_adam": True}},
        })
    engine.backward(engine(torch.randn(4, 13, dtype=torch.bfloat16)).float().sum())
    engine.step()
    engine.save_checkpoint(folder, tag="global_step1")
    dist.destroy_process_group()


def zero(scratch):
    if importlib.util.find_spec("deepspeed") is None:
        print("DeepSpeed is not installed: its folders are left to the fixtures of make test")
        return
    from deepspeed.utils.zero_to_fp32 import get_fp32_state_dict_from_zero_checkpoint

    for stage in (1, 2, 3):
        path = scratch / f"zero-{stage}"
        spawn(zero_main, 2, str(path), stage)
        expected = get_fp32_state_dict_from_zero_checkpoint(str(path))
        found = converted(path, scratch / "zero.safetensors")
        # There integers become floats, too.
        found = {n: v if v.is_floating_point() else v.float() for n, v in found.items()}
        expect_equal(f"ZeRO {stage}", found, {n: v.contiguous() for n, v in expected.items()})
        print(f"ZeRO stage {stage}: {len(expected)} tensors equal zero_to_fp32")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_all(folder)
        directories(folder)
        mixed(folder)
        rank_shards(folder)
        zero(folder)
