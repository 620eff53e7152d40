#!/usr/bin/env python3
"""ckpt-average on directories of many ranks: peak memory, bytes read over bytes stored, and speed beside `cat` and PyTorch.

    python3 Benchmarks/distributed.py BIN_FOLDER [--folder DIR] [--gigabytes 20] [--ranks 64] [--checkpoints 2] [--rounds 3]
                                       [--peer PYTHON [--peer-gigabytes 2]]

Writes synthetic directories of torch.distributed.checkpoint in the safetensors serialization: tensors of 64 MiB that are cut
along the first or, every third, along the second dimension, in sparse files, so that 20 GB take no disk. The contestants
alternate in one run, and the best of each counts: `cat` of all data files, ckpt-average of all directories, and ckpt-convert
of one. That needs the standard library only. With --peer, a Python that has PyTorch, two smaller directories follow, which
PyTorch writes (its converter cannot read the safetensors serialization): ckpt-average of both beside `dcp_to_torch_save` of
each and a script that averages the two files.
"""

import argparse
import json
import os
import pickle
import struct
import subprocess
import sys
import tempfile
import time
import types
from pathlib import Path


def classes():
    """Stand-ins of the classes that PyTorch pickles, by their names."""
    made = {}
    for where, names in {
        "torch": ["Size"], "torch.distributed.checkpoint.metadata": [
            "Metadata", "TensorStorageMetadata", "ChunkStorageMetadata", "MetadataIndex", "TensorProperties"],
        "torch.distributed.checkpoint.filesystem": ["_StorageInfo"],
    }.items():
        module = sys.modules[where] = types.ModuleType(where)
        for name in names:
            made[name] = type(name, (tuple,) if name == "Size" else (), {"__module__": where})
            setattr(module, name, made[name])
    for parent, child in (("torch", "distributed"), ("torch.distributed", "checkpoint")):
        sys.modules.setdefault(f"{parent}.{child}", types.ModuleType(f"{parent}.{child}"))
    made["Size"].__reduce__ = lambda self: (made["Size"], (tuple(self),))
    made["MetadataIndex"].__hash__ = lambda self: hash((self.fqn, self.offset))

    class Dtype:
        def __reduce__(self):
            return "float32"

    Dtype.__module__ = "torch"
    sys.modules["torch"].float32 = made["float32"] = Dtype()
    layout = types.ModuleType("torch.serialization")
    sys.modules["torch.serialization"] = layout

    def _get_layout(name):
        raise NotImplementedError

    _get_layout.__module__, _get_layout.__qualname__ = "torch.serialization", "_get_layout"
    layout._get_layout = _get_layout

    class Layout:
        def __reduce__(self):
            return (_get_layout, ("torch.strided",))

    class Format(int):
        def __reduce__(self):
            return (int, (0,))

    made["TensorProperties"].__getstate__ = lambda self: (made["float32"], Layout(), False, Format(), False)
    return made


def write_directory(path, tensors, ranks, made, mark):
    """Writes a directory of zeros whose first number in every file is `mark`, so that no two directories are equal."""
    def make(name, **members):
        instance = made[name]()
        instance.__dict__.update(members)
        return instance

    size = made["Size"]
    rows, columns = 4096, 4096
    state, storage, planner = {}, {}, {}
    headers = [({}, {}, 0) for _ in range(ranks)]
    for number in range(tensors):
        fqn, dimension = f"model.layer{number:04}.weight", 1 if number % 3 == 2 else 0
        chunks = []
        for rank in range(ranks):
            extent = [rows, columns]
            extent[dimension] //= ranks
            offsets = [0, 0]
            offsets[dimension] = rank * extent[dimension]
            count = 4 * extent[0] * extent[1]
            entries, info, end = headers[rank]
            entries[fqn] = {"dtype": "F32", "shape": extent, "data_offsets": [end, end + count]}
            info[fqn] = {"saved_offsets": offsets}
            headers[rank] = (entries, info, end + count)
            chunks.append(make("ChunkStorageMetadata", offsets=size(offsets), sizes=size(extent)))
            storage[make("MetadataIndex", fqn=fqn, offset=size(offsets), index=rank)] = make(
                "_StorageInfo", relative_path=f"__{rank}_0.distcp", offset=0, length=count)
        state[fqn] = make(
            "TensorStorageMetadata", properties=make("TensorProperties"), size=size((rows, columns)), chunks=chunks)
        planner[fqn] = ("model", fqn.removeprefix("model."))
    path.mkdir(parents=True)
    stored = 0
    for rank, (entries, info, end) in enumerate(headers):
        text = json.dumps(
            {"__metadata__": {"DCP_SHARDING_INFO": json.dumps(info), "DCP_VERSION": "1.0"}, **entries}).encode()
        with open(path / f"__{rank}_0.distcp", "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text + struct.pack("<f", mark))
            file.truncate(8 + len(text) + end)
        stored += 8 + len(text) + end
    root = make("Metadata", state_dict_metadata=state, planner_data=planner, storage_data=storage)
    (path / ".metadata").write_bytes(pickle.dumps(root, protocol=4))
    return stored


def run(command):
    """Seconds, peak resident memory in MiB and bytes read of a process; its files are dropped from no cache."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    seconds = time.monotonic() - start
    fields = dict(line.split(": ") for line in Path(f"/proc/{process.pid}/io").read_text().splitlines())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, (command, process.returncode)
    return seconds, usage.ru_maxrss / 1024, int(fields["rchar"])


def measure(contestants, rounds, title):
    """Prints the best of each: a command and the bytes that it has to read."""
    best = {}
    for _ in range(rounds):
        for name, (command, size) in contestants.items():
            result = run([str(word) for word in command])
            if name not in best or result[0] < best[name][0]:
                best[name] = result
    print(f"{title}, {max(size for _, size in contestants.values()) / 1e9:.1f} GB")
    print(f"{'':34}{'s':>8}{'MB/s':>9}{'MiB':>8}{'read/stored':>13}")
    for name, (seconds, peak, read) in best.items():
        size = contestants[name][1]
        print(f"{name:34}{seconds:8.2f}{size / seconds / 1e6:9.0f}{peak:8.0f}{read / size:13.4f}", flush=True)


WRITE = """
import sys, torch, torch.distributed.checkpoint as dcp
path, tensors, mark = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
state = {f"layer{n}.weight": torch.full((4096, 4096), n + mark) for n in range(tensors)}
dcp.save(state, storage_writer=dcp.FileSystemWriter(path, single_file_per_rank=False), no_dist=True)
"""
AVERAGE = """
import sys, torch
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save
folders, out = sys.argv[1:3], sys.argv[3]
for folder in folders:
    dcp_to_torch_save(folder, folder + ".pt")
first, second = (torch.load(folder + ".pt", weights_only=True) for folder in folders)
torch.save({name: (value + second[name]) / 2 for name, value in first.items()}, out)
"""


def peer(scratch, options):
    """The same work by PyTorch's converter and a script, on directories that PyTorch wrote."""
    tensors = max(3, int(options.peer_gigabytes * 1e9 / (1 << 26)))
    folders = [scratch / "peer-0", scratch / "peer-1"]
    for number, folder in enumerate(folders):
        run([options.peer, "-c", WRITE, str(folder), str(tensors), str(number)])
    size = sum(file.stat().st_size for folder in folders for file in folder.glob("*.distcp"))
    out = scratch / "mean"
    contestants = {
        "ckpt-average": ([options.bin / "ckpt-average", *folders, "--digest", "none", "-q", "-o", f"{out}.pth"], size),
        "dcp_to_torch_save and a script": ([options.peer, "-c", AVERAGE, *folders, f"{out}.pt"], size),
    }
    measure(contestants, options.rounds, "2 directories of PyTorch")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=Path)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--gigabytes", type=float, default=20)
    parser.add_argument("--ranks", type=int, default=64)
    parser.add_argument("--checkpoints", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer")
    parser.add_argument("--peer-gigabytes", type=float, default=2)
    options = parser.parse_args()
    made = classes()
    with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
        scratch = Path(scratch)
        tensors = max(3, int(options.gigabytes * 1e9 / (1 << 26)))
        paths = [scratch / f"step-{number}" for number in range(options.checkpoints)]
        stored = [write_directory(path, tensors, options.ranks, made, 1.0 + n) for n, path in enumerate(paths)]
        data = [str(file) for path in paths for file in sorted(path.glob("*.distcp"))]
        contestants = {
            "cat": (["cat", *data], sum(stored)),
            "ckpt-average": (
                [options.bin / "ckpt-average", *paths, "--digest", "none", "-q", "-o", "/dev/null"], sum(stored)),
            "ckpt-convert": ([options.bin / "ckpt-convert", paths[0], "-q", "-o", "/dev/null"], stored[0]),
        }
        measure(contestants, options.rounds, f"{options.checkpoints} directories of {options.ranks} ranks")
        if options.peer:
            peer(scratch, options)


if __name__ == "__main__":
    main()
