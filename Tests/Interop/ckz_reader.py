"""Reads the compressed container of ckpt-format(5) with nothing but the standard library.

Written from the manual page; proves that the page is enough to write a reader from.
"""
import json
import struct
import zlib

MAGIC = bytes([0x89, 0x43, 0x4B, 0x5A, 0x0D, 0x0A, 0x1A, 0x0A])
DTYPES = ("BOOL F4 F6_E2M3 F6_E3M2 U8 I8 F8_E5M2 F8_E4M3 F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ "
          "I16 U16 F16 BF16 I32 U32 F32 C64 F64 I64 U64").split()


def decode_blob(blob, base=None):
    """(dtype, shape, data) of a blob; `base` holds the base tensor's data for a difference."""
    assert blob[:8] == MAGIC and blob[8] == 1
    dtype, transform, width = DTYPES[blob[9]], blob[10], blob[11]
    rank, zero, per_block, blocks, size, crc, base_crc = struct.unpack_from("<HHIIQII", blob, 12)
    shape = list(struct.unpack_from(f"<{rank}Q", blob, 40))
    at = 40 + 8 * rank
    end = at + 4 * blocks * (width + 1)
    assert zero == 0 and zlib.crc32(blob[:end]) == struct.unpack_from("<I", blob, end)[0]
    if transform in (3, 4):
        assert zlib.crc32(base) == base_crc
    words, position, data = size // width, end + 4, bytearray()
    for block in range(blocks):
        *planes, stored_crc = struct.unpack_from(f"<{width + 1}I", blob, at)
        at += 4 * (width + 1)
        count = min(per_block, words - block * per_block)
        start, columns = position, []
        for entry in planes:
            length = entry & 0x7FFFFFFF
            stored = blob[position:position + length]
            position += length
            columns.append(zlib.decompress(stored, -15) if entry >> 31 else stored)
            assert len(columns[-1]) == count
        last = block == blocks - 1
        assert zlib.crc32(blob[start:len(blob) if last else position]) == stored_crc
        interleaved = bytearray(count * width)
        for k, column in enumerate(columns):
            interleaved[k::width] = column
        data += restore(interleaved, transform, width, base, block * per_block * width)
    assert not any(blob[position:]) and len(blob) % 8 == 0 and zlib.crc32(data) == crc
    return dtype, shape, bytes(data)


def restore(words, transform, width, base, offset):
    if transform < 2:
        return words
    bits, form = 8 * width, {1: "B", 2: "H", 4: "I", 8: "Q"}[width]
    top, mask = 1 << bits - 1, (1 << bits) - 1
    values = struct.unpack(f"<{len(words) // width}{form}", words)
    if transform == 2:
        restored = [u >> 1 | (u & 1) << bits - 1 for u in values]
    else:
        olds = struct.unpack_from(f"<{len(values)}{form}", base, offset)
        differences = [u >> 1 ^ (mask if u & 1 else 0) for u in values]
        if transform == 4:
            restored = [d + b & mask for d, b in zip(differences, olds)]
        else:
            ranks = [d + (b ^ mask if b & top else b | top) & mask for d, b in zip(differences, olds)]
            restored = [r ^ top if r & top else r ^ mask for r in ranks]
    return struct.pack(f"<{len(values)}{form}", *restored)


def read(path, base=None):
    """Tensors of a file by name, as (dtype, shape, data); `base` is the result for the base checkpoint."""
    with open(path, "rb") as file:
        contents = file.read()
    length, = struct.unpack_from("<Q", contents)
    header = json.loads(contents[8:8 + length])
    metadata = header.pop("__metadata__", {})
    tensors, natives = {}, []
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = entry["data_offsets"]
        data = contents[8 + length + begin:8 + length + end]
        if entry["dtype"] == "U8" and len(entry["shape"]) == 1 and data[:8] == MAGIC:
            tensors[name] = decode_blob(data, base[name][2] if base and name in base else None)
        else:
            tensors[name] = (entry["dtype"], entry["shape"], data)
            natives.append(data)
    if "ckz" in metadata:
        check_metadata(header, metadata, natives)
    return tensors


def check_metadata(header, metadata, natives):
    groups, group = [], b""
    for data in filter(None, natives):
        group += data
        if len(group) >= 65536:
            groups, group = groups + [group], b""
    groups += [group] if group else []
    assert metadata["ckz.crc32"] == "".join(f"{zlib.crc32(group):08x}" for group in groups)
    announced = metadata.pop("ckz")
    ordered = {"__metadata__": dict(sorted(metadata.items(), key=lambda item: item[0].encode()))}
    ordered |= dict(sorted(header.items(), key=lambda item: item[1]["data_offsets"]))
    text = json.dumps(ordered, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    assert announced == f"1 {zlib.crc32(struct.pack('<Q', len(text)) + text):08x}"
