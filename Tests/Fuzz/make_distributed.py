"""Writes the corpus of the target `distributed`: metadata as torch.distributed.checkpoint pickles them, without PyTorch.

    python Tests/Fuzz/make_distributed.py

Classes of the names that PyTorch has are pickled by Python's own protocol 4. Made with Python 3.11.
"""

import pickle
import sys
import types
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "corpus" / "distributed"


def module(name):
    found = types.ModuleType(name)
    sys.modules[name] = found
    if "." in name:
        parent, child = name.rsplit(".", 1)
        setattr(sys.modules.get(parent) or module(parent), child, found)
    return found


def kind(where, name, base=object):
    made = type(name, (base,), {"__module__": where.__name__})
    setattr(where, name, made)
    return made


torch = module("torch")
serialization = module("torch.serialization")
metadata = module("torch.distributed.checkpoint.metadata")
filesystem = module("torch.distributed.checkpoint.filesystem")

Size = kind(torch, "Size", tuple)
Size.__reduce__ = lambda self: (Size, (tuple(self),))


class Dtype:
    """Pickled as the name of a global, as torch.dtype is."""

    def __init__(self, name):
        self.name = name
        setattr(torch, name, self)

    def __reduce__(self):
        return self.name

    __module__ = "torch"


F32, BF16, F8 = Dtype("float32"), Dtype("bfloat16"), Dtype("float8_e4m3fn")


def _get_layout(name):
    return Layout()


class Layout:
    def __reduce__(self):
        return (_get_layout, ("torch.strided",))


_get_layout.__module__ = "torch.serialization"
serialization._get_layout = _get_layout

Metadata = kind(metadata, "Metadata")
TensorStorageMetadata = kind(metadata, "TensorStorageMetadata")
BytesStorageMetadata = kind(metadata, "BytesStorageMetadata")
ChunkStorageMetadata = kind(metadata, "ChunkStorageMetadata")
MetadataIndex = kind(metadata, "MetadataIndex")
MetadataIndex.__hash__ = lambda self: hash((self.fqn, getattr(self, "offset", None)))
TensorProperties = kind(metadata, "TensorProperties")
TensorProperties.__getstate__ = lambda self: (self.dtype, Layout(), False, 0, False)
StorageInfo = kind(filesystem, "_StorageInfo")


def make(cls, **members):
    made = cls()
    made.__dict__.update(members)
    return made


def write(name, tensors, transforms=None, mcore=None):
    state, storage, planner = {}, {}, {}
    position = 0
    for path, dtype, shape, chunks in tensors:
        fqn = ".".join(path)
        planner[fqn] = path
        if chunks is None:
            state[fqn] = BytesStorageMetadata()
            storage[make(MetadataIndex, fqn=fqn, index=None)] = make(
                StorageInfo, relative_path="__0_0.distcp", offset=position, length=64)
            continue
        state[fqn] = make(
            TensorStorageMetadata, properties=make(TensorProperties, dtype=dtype), size=Size(shape),
            chunks=[make(ChunkStorageMetadata, offsets=Size(o), sizes=Size(s)) for o, s in chunks])
        for rank, (offsets, _) in enumerate(chunks):
            info = make(StorageInfo, relative_path=f"__{rank}_0.distcp", offset=position, length=512)
            if transforms:
                info.transform_descriptors = transforms
            storage[make(MetadataIndex, fqn=fqn, offset=Size(offsets), index=rank)] = info
            position += 512
    root = make(Metadata, state_dict_metadata=state, planner_data=planner, storage_data=storage)
    if mcore:
        root.mcore_data = mcore
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / name).write_bytes(pickle.dumps(root, protocol=4))


ROWS = [((0, 0), (2, 6)), ((2, 0), (2, 6))]
COLUMNS = [((0, 0), (4, 3)), ((0, 3), (4, 3))]
PINWHEEL = [((0, 0), (1, 2)), ((0, 2), (2, 1)), ((2, 1), (1, 2)), ((1, 0), (2, 1)), ((1, 1), (1, 1))]

write("fsdp", [
    (("model", "a.weight"), F32, (4, 6), ROWS), (("model", "b.weight"), BF16, (4, 6), COLUMNS),
    (("model", "count"), F8, (), [((), ())]), (("model", "c"), F32, (1, 3), [((0, 0), (1, 3)), ((1, 0), (0, 3))]),
    (("optimizer", "state", "a.weight", "exp_avg"), F32, (4, 6), ROWS), (("step",), None, (), None),
])
write("pinwheel", [(("w",), F32, (3, 3), PINWHEEL), (("huge",), F8, (1 << 40, 1 << 18), [((0, 0), (1 << 40, 1 << 18))])])
write("overlap", [(("w",), F32, (4, 6), ROWS + [((1, 1), (2, 2))]), (("hole",), F32, (4, 6), ROWS[:1])])
write("transformed", [(("w",), F32, (4, 6), ROWS)], transforms=["zstd"])
write("megatron", [(("w",), F32, (4, 6), ROWS)], mcore={"w": {"nd_reformulated_orig_global_shape": (24,)}})
