"""Round trips of checkpoints with safetensors and torch, both directions.

    python Tests/Interop/checkpoint_roundtrip.py .build/release
"""
import argparse
import collections
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import numpy
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import ckz_reader

TOOLS = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".build/release").resolve()
BOTH = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
        torch.uint8, torch.bool, torch.complex64]
ZIP_ONLY = [torch.uint16, torch.uint32, torch.uint64, torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz,
            torch.float8_e5m2fnuz, torch.float8_e8m0fnu]


def convert(source, target, *options, fails=None):
    result = subprocess.run([TOOLS / "ckpt-convert", source, "-o", target, "--quiet", *options], capture_output=True,
                            text=True)
    if fails is None:
        assert result.returncode == 0, result.stderr
    else:
        assert result.returncode != 0 and fails in result.stderr, result.stderr


def raw(tensor):
    return tensor.detach().clone(memory_format=torch.contiguous_format).reshape(-1).view(torch.uint8)


def same(found, wanted, what):
    assert found.keys() == wanted.keys(), (what, found.keys() ^ wanted.keys())
    for name, tensor in wanted.items():
        other = found[name]
        assert (other.dtype, other.shape) == (tensor.dtype, tensor.shape), (what, name, other.dtype, other.shape)
        assert torch.equal(raw(other), raw(tensor)), (what, name)


def every_type(types):
    tensors = {}
    for dtype in types:
        name = str(dtype).removeprefix("torch.")
        values = torch.randn(300, 40)
        values = values.abs() + 0.5 if dtype == torch.float8_e8m0fnu else values
        large = values.to(dtype) if dtype.is_floating_point or dtype.is_complex else (values * 50).abs().to(dtype)
        tensors |= {f"{name}.large": large, f"{name}.empty": large[:0].clone(), f"{name}.scalar": large[0, 0].clone()}
    return tensors


def safetensors_both_ways(folder):
    tensors = every_type(BOTH + ZIP_ONLY)
    save_file(tensors, folder / "stock.safetensors", metadata={"k": "v"})
    convert(folder / "stock.safetensors", folder / "plain.safetensors")
    # One metadata key leaves the reference writer no choice of order.
    assert (folder / "plain.safetensors").read_bytes() == (folder / "stock.safetensors").read_bytes()
    convert(folder / "plain.safetensors", folder / "packed.safetensors", "--compress")
    convert(folder / "packed.safetensors", folder / "again.safetensors")
    assert (folder / "again.safetensors").read_bytes() == (folder / "stock.safetensors").read_bytes()

    # Stock tools open the container, and drop its metadata when they save it.
    packed = load_file(folder / "packed.safetensors")
    assert packed["float32.large"].dtype == torch.uint8
    save_file(packed, folder / "resaved.safetensors")
    convert(folder / "resaved.safetensors", folder / "again.safetensors")
    same(load_file(folder / "again.safetensors"), tensors, "resaved")

    with safe_open(folder / "stock.safetensors", "pt") as stock:
        names = list(stock.keys())
    found = ckz_reader.read(folder / "packed.safetensors")
    plain = ckz_reader.read(folder / "plain.safetensors")
    assert sorted(names) == sorted(found) and found == plain


def differences(folder):
    old = {"f": torch.randn(70000), "h": torch.randn(200, 300).bfloat16(), "i": torch.arange(5000), "s": torch.ones(3)}
    new = {name: (tensor * 1.001).to(tensor.dtype) for name, tensor in old.items()}
    save_file(old, folder / "old.safetensors")
    save_file(new, folder / "new.safetensors")
    convert(folder / "new.safetensors", folder / "full.safetensors", "--compress")
    base = ["--base", folder / "old.safetensors"]
    convert(folder / "new.safetensors", folder / "delta.safetensors", "--compress", *base)
    sizes = [(folder / f"{name}.safetensors").stat().st_size for name in ("full", "delta")]
    assert sizes[1] < sizes[0], sizes
    convert(folder / "delta.safetensors", folder / "x.safetensors", fails="--base")
    convert(folder / "delta.safetensors", folder / "x.safetensors", *base)
    same(load_file(folder / "x.safetensors"), new, "delta")
    found = ckz_reader.read(folder / "delta.safetensors", ckz_reader.read(folder / "old.safetensors"))
    assert found == ckz_reader.read(folder / "new.safetensors")


def torch_to_safetensors(folder):
    block = torch.randn(8, 4, 3, 3)
    views = collections.OrderedDict(
        whole=block, channels_last=block.to(memory_format=torch.channels_last), transposed=block[0, 0].t(),
        part=block[2:5, 1], expanded=torch.tensor(3.0).expand(4, 5), empty=torch.zeros(0, 3), scalar=torch.tensor(5),
        stepped=torch.arange(20)[::3])
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    state = net.state_dict()
    optimizer = torch.optim.AdamW(net.parameters())
    net(torch.randn(2, 3, 8, 8)).sum().backward()
    optimizer.step()
    training = {"epoch": 3, "state_dict": net.state_dict(), "optimizer": optimizer.state_dict(),
                "args": argparse.Namespace(lr=0.1, path=pathlib.Path("x")), "defaults": collections.defaultdict(list)}
    wrapped = {"model": {"module._orig_mod." + name: tensor for name, tensor in state.items()}}
    for legacy in (False, True):
        cases = [(views, views), (every_type(BOTH), None), (training, state), (wrapped, state), (net, state)]
        if not legacy:
            cases.append((every_type(ZIP_ONLY), None))
        for contents, wanted in cases:
            torch.save(contents, folder / "x.pt", _use_new_zipfile_serialization=not legacy)
            convert(folder / "x.pt", folder / "x.safetensors")
            same(load_file(folder / "x.safetensors"), contents if wanted is None else wanted, f"legacy {legacy}")
        torch.save({"a": state, "b": state}, folder / "x.pt", _use_new_zipfile_serialization=not legacy)
        convert(folder / "x.pt", folder / "x.safetensors", fails='equally plausible state dicts: "a", "b"; --key chooses one')
        convert(folder / "x.pt", folder / "x.safetensors", "--key", "b")
        same(load_file(folder / "x.safetensors"), state, "key")


def safetensors_to_torch(folder):
    tensors = every_type(BOTH + ZIP_ONLY)
    save_file(tensors, folder / "x.safetensors")
    convert(folder / "x.safetensors", folder / "x.pt", "--format", "pytorch")
    same(torch.load(folder / "x.pt", weights_only=True), tensors, "torch.load")
    same(torch.load(folder / "x.pt", weights_only=True, mmap=True), tensors, "torch.load, mapped")
    with zipfile.ZipFile(folder / "x.pt") as archive:
        assert archive.testzip() is None


def safetensors_to_numpy(folder):
    tensors = every_type([dtype for dtype in BOTH + ZIP_ONLY[:3] if dtype != torch.bfloat16])
    tensors["a/b \u00e9"] = torch.randn(3, 1, 5)
    save_file(tensors, folder / "x.safetensors")
    convert(folder / "x.safetensors", folder / "x.npz")
    with numpy.load(folder / "x.npz", allow_pickle=False) as arrays:
        same({name: torch.from_numpy(arrays[name].copy()) for name in arrays.files}, tensors, "numpy.load")
    with zipfile.ZipFile(folder / "x.npz") as archive:
        assert archive.testzip() is None
    save_file(every_type([torch.bfloat16]), folder / "x.safetensors")
    convert(folder / "x.safetensors", folder / "y.npz", fails="a NumPy archive cannot hold BF16; --dtype f32 converts it")
    convert(folder / "x.safetensors", folder / "y.npz", "--dtype", "f32")


def element_types(folder):
    values = torch.cat([torch.randn(5000) * 10.0 ** k for k in range(-8, 5)])
    save_file({"w": values, "n": torch.arange(3)}, folder / "x.safetensors")
    for name, dtype in [("bf16", torch.bfloat16), ("f64", torch.float64)]:
        convert(folder / "x.safetensors", folder / "y.safetensors", "--dtype", name)
        same(load_file(folder / "y.safetensors"), {"w": values.to(dtype), "n": torch.arange(3)}, name)
    convert(folder / "x.safetensors", folder / "y.safetensors", "--dtype", "f16",
            fails="F16 cannot hold" if values.abs().max() > 65519 else None)
    convert(folder / "x.safetensors", folder / "y.safetensors", "--dtype", "f16", "--saturate")
    same(load_file(folder / "y.safetensors"), {"w": values.clamp(-65504, 65504).half(), "n": torch.arange(3)}, "f16")


def sharded_sets(folder):
    state = {f"layer.{index}.weight": torch.randn(50, 60) for index in range(7)}
    save_file(state, folder / "x.safetensors")
    convert(folder / "x.safetensors", folder / "set", "--max-shard-size", "25KB")
    shards = sorted((folder / "set").glob("*.safetensors"))
    assert len(shards) == 4, shards
    same({name: tensor for shard in shards for name, tensor in load_file(shard).items()}, state, "shards")
    convert(folder / "set", folder / "y.safetensors")
    assert (folder / "y.safetensors").read_bytes() == (folder / "x.safetensors").read_bytes()


if __name__ == "__main__":
    torch.manual_seed(0)
    for check in (safetensors_both_ways, differences, torch_to_safetensors, safetensors_to_torch, safetensors_to_numpy,
                  element_types, sharded_sets):
        with tempfile.TemporaryDirectory() as name:
            check(pathlib.Path(name))
        print("ok", check.__name__)
