#!/usr/bin/env python3
"""Writes a wheel of the executables, libraries, manual pages and schemas in a folder that bundle.sh filled.

usage: wheel.py ROOT VERSION OUTPUT_FOLDER        (needs readelf)

The wheel holds no Python. Executables are its scripts, all else is its data, so that an installer puts bin, lib and share
next to each other and the executables find the libraries in ../lib/ckpt-tools. The format: packaging.python.org,
"Binary distribution format"; the tag: PEP 600.
"""

import base64
import hashlib
import os
import re
import subprocess
import sys
import time
import zipfile

# Versions of libstdc++ that the distributions with a version of glibc have at least, of auditwheel's manylinux policies.
LIBSTDCXX = [  # glibc, GLIBCXX, CXXABI
    ((2, 28), (3, 4, 24), (1, 3, 11)),
    ((2, 31), (3, 4, 28), (1, 3, 12)),
    ((2, 34), (3, 4, 29), (1, 3, 13)),
    ((2, 35), (3, 4, 30), (1, 3, 13)),
    ((2, 39), (3, 4, 33), (1, 3, 15)),
]

METADATA = """\
Metadata-Version: 2.4
Name: ckpt-tools
Version: {version}
Summary: Post-process neural-network checkpoints in shell pipelines
License-Expression: Apache-2.0
License-File: LICENSE
Keywords: checkpoint,averaging,BatchNorm,FixRes,safetensors,PyTorch
Classifier: Environment :: Console
Classifier: Intended Audience :: Science/Research
Classifier: Operating System :: POSIX :: Linux
Classifier: Topic :: Scientific/Engineering :: Artificial Intelligence
Description-Content-Type: text/markdown

The ckpt tools average a series of checkpoints, recompute the BatchNorm statistics that averaging invalidates, fine-tune the
last layers at test resolution and choose the inference size. They are executables that need neither Python nor a framework:

```sh
ckpt-average run/*.safetensors |
  ckpt-bnfix  --data train/ |
  ckpt-fixres --data train/ --crop 288 |
  ckpt-sweep  --data val/ --resize 288:352:8 --crop 288 -o final.safetensors
```

`ckpt help` lists the tools, `ckpt help average` and `man ckpt-average` explain one. The libraries in `lib/ckpt-tools` are
shared by the tools and have licenses of their own, in `share/doc/ckpt-tools/licenses`.
"""


def version_of(text):
    return tuple(int(part) for part in text.split("."))


def is_elf(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def platform_tag(files):
    """The tag for the newest symbols of glibc and libstdc++ that any of the files asks for."""
    needs = subprocess.run(
        ["readelf", "--version-info", "--wide", *files], check=True, capture_output=True, text=True).stdout

    def newest(library):
        return max(map(version_of, re.findall(rf"Name: {library}_([0-9.]+)\b", needs)), default=(0,))

    glibc = newest("GLIBC")[:2]
    for policy, glibcxx, cxxabi in LIBSTDCXX:
        if newest("GLIBCXX") <= glibcxx and newest("CXXABI") <= cxxabi:
            return "manylinux_{}_{}_{}".format(*max(glibc, policy), os.uname().machine)
    return f"linux_{os.uname().machine}"


def contents(root):
    """Path in the wheel's data folder, path on disk and mode of every file."""
    for folder, scheme in [("bin", "scripts"), ("lib", "data/lib"), ("share", "data/share")]:
        for place, folders, names in os.walk(os.path.join(root, folder)):
            folders.sort()
            for name in sorted(names):
                path = os.path.join(place, name)
                mode = 0o755 if folder == "bin" else 0o644
                yield f"{scheme}/{os.path.relpath(path, os.path.join(root, folder))}", path, mode


def main():
    root, version, output = sys.argv[1:]
    files = list(contents(root))
    tag = "py3-none-" + platform_tag([path for _, path, _ in files if is_elf(path)])
    name = f"ckpt_tools-{version}"
    wheel = os.path.join(output, f"{name}-{tag}.whl")
    moment = time.gmtime(max(int(os.environ.get("SOURCE_DATE_EPOCH", 0)), 315532800))[:6]
    record = []

    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        def add(path, data, mode=0o644):
            entry = zipfile.ZipInfo(path, moment)
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{path},sha256={digest},{len(data)}\n")

        for place, path, mode in files:
            with open(path, "rb") as file:
                add(f"{name}.data/{place}", file.read(), mode)
        add(f"{name}.dist-info/METADATA", METADATA.format(version=version).encode())
        with open(os.path.join(os.path.dirname(__file__), "..", "LICENSE"), "rb") as file:
            add(f"{name}.dist-info/licenses/LICENSE", file.read())
        add(f"{name}.dist-info/WHEEL",
            f"Wheel-Version: 1.0\nGenerator: ckpt-tools\nRoot-Is-Purelib: false\nTag: {tag}\n".encode())
        record.append(f"{name}.dist-info/RECORD,,\n")
        archive.writestr(zipfile.ZipInfo(f"{name}.dist-info/RECORD", moment), "".join(record).encode())
    print(wheel)


main()
