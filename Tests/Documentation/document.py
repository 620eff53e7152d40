#!/usr/bin/env python3
"""Builds the libraries' documentation with DocC from what was compiled, and fails on warnings and on gaps.

    python3 Tests/Documentation/document.py BUILD_FOLDER OUTPUT_FOLDER

BUILD_FOLDER is what `swift build --show-bin-path` prints. Every public declaration must have a comment of its own.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LIBRARIES = [
    "Platform", "Statistics", "TensorMath", "Checkpoint", "ImageData", "NetworkGraphs", "NetworkExecution", "Evaluation",
    "BatchNormCalibration", "Averaging", "FineTuning", "ResolutionSweep", "ModelSearch",
]


def symbol_graph(library, build, folder):
    """What the compiler knows of a library's public declarations."""
    folder.mkdir(parents=True)
    maps = sorted(ROOT.glob("Sources/SystemLibraries/*/module.modulemap"))
    maps += [build / f"{path.name}.build/module.modulemap" for path in sorted(ROOT.glob("Sources/Kernels/C*"))]
    subprocess.run(
        ["swift", "symbolgraph-extract", "-module-name", library, "-I", build / "Modules",
         "-minimum-access-level", "public", "-output-dir", folder, "-target", target()]
        + [argument for path in dict.fromkeys(maps) for argument in ("-Xcc", f"-fmodule-map-file={path}")]
        + [argument for path in sorted(ROOT.glob("Sources/Kernels/*/include")) for argument in ("-Xcc", f"-I{path}")],
        check=True)
    return json.loads((folder / f"{library}.symbols.json").read_text())


def target():
    info = json.loads(subprocess.run(["swift", "-print-target-info"], capture_output=True, check=True).stdout)
    return info["target"]["unversionedTriple"]


def undocumented(graph, library):
    """Public declarations without a comment, but for those that the compiler or a protocol gives."""
    inherited = {
        edge["source"] for edge in graph["relationships"]
        if "sourceOrigin" in edge or edge["kind"] in ("overrides", "requirementOf", "defaultImplementationOf")
    }
    for symbol in graph["symbols"]:
        lines = symbol.get("docComment", {}).get("lines", [])
        origin = symbol.get("docComment", {}).get("module", library)
        if symbol["identifier"]["precise"] in inherited and symbol["kind"]["identifier"] != "swift.method":
            continue
        if "::SYNTHESIZED::" in symbol["identifier"]["precise"] or origin != library:
            continue
        if not any(line["text"].strip() for line in lines):
            yield ".".join(symbol["pathComponents"])


def main():
    build, output = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    shutil.rmtree(output, ignore_errors=True)
    gaps = 0
    for library in LIBRARIES:
        graphs = output / "symbols" / library
        graph = symbol_graph(library, build, graphs)
        for name in sorted(set(undocumented(graph, library))):
            print(f"{library}: {name} has no documentation", file=sys.stderr)
            gaps += 1
        subprocess.run(
            ["docc", "convert", "--fallback-display-name", library, "--fallback-bundle-identifier",
             f"ckpt-tools.{library}", "--additional-symbol-graph-dir", graphs, "--warnings-as-errors",
             "--output-path", output / f"{library}.doccarchive"], check=True, stdout=subprocess.DEVNULL)
        print(f"{library}: {len(graph['symbols'])} public declarations")
    sys.exit(1 if gaps else 0)


if __name__ == "__main__":
    main()
