"""Every classifier of timm and torchvision against the tools: right, refused, or wrong.

    python Tests/Interop/scan.py BIN_FOLDER [--family F,F] [--names N,N] [--mutations] [--small] [--sample N] …

Each network is built without pretrained weights, made lively (lively.py), saved, and measured by `ckpt-sweep` on a
few images; its loss must be PyTorch's. How a network is handed over (networks.py) is the mode: `bare`, a state dict that
says nothing of itself; `named`, the same with `--arch`; `folder`, with the config.json that timm writes; `training`, a
checkpoint of torchvision's scripts. Outcomes:

    right       the loss is PyTorch's
    refused     the tool says that it does not understand the file
    assumed     another loss, and a line on standard error names this network among those that the file may be; only of
                bare files, which cannot tell
    wrong       another loss
    failed      a crash, an internal error, or no end
    unmeasured  PyTorch itself gives no loss, or none that float32 can tell

Rows go to scan.tsv as they are made; names that it holds are left out unless `--again` is given, so a scan of everything
(hours) can be continued. The exit status is 1 where anything measured or selected from the table is wrong or failed.
"""

import argparse
import collections
import copy
import json
import multiprocessing
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import warnings
from multiprocessing.connection import wait
from pathlib import Path

import timm
import torch
import torchvision
from safetensors.torch import save_file

from lively import calibrated, image_folder, lively, sharp
from networks import mutation_candidates, timm_candidates, torchvision_candidates

# Odd and even maps on the way down; larger where a network needs it.
SIZES = (104, 96, 128, 160, 192, 224, 256, 299)
# timm stretches maps whose patches or windows do not fit, which the tools refuse to do.
FITTING = {"mobilevit": (128,), "davit": (96,), "tiny_vit": ()}
TOLERANCE = 1e-4
# The engine may round this much worse than PyTorch: it multiplies 3x3 kernels by Winograd's scheme.
ROUNDING = 30
SECONDS = 900
COLUMNS = ("source", "family", "name", "mode", "params", "size", "result", "error", "detail")
KINDS = ("right", "refused", "assumed", "wrong", "failed", "unmeasured")
DEFAULT_TABLE = Path(__file__).with_name("scan.tsv")

# What `--small` measures: networks whose layers differ, ports, some unlike all others, and mutations.
SMALL = """
timm/resnet18 timm/resnet50d timm/seresnet18 timm/ecaresnet50t timm/resnetaa34d timm/densenet121 timm/regnetx_002
timm/regnety_002 timm/mobilenetv2_050 timm/mobilenetv3_small_050 timm/tf_mobilenetv3_small_075 timm/mnasnet_small
timm/efficientnet_lite0 timm/tf_efficientnet_b0 timm/efficientnetv2_rw_t timm/test_efficientnet timm/lcnet_050
timm/repvgg_a0 timm/convnext_atto timm/vit_tiny_patch16_224 torchvision/resnet18 torchvision/googlenet
torchvision/shufflenet_v2_x0_5 torchvision/mobilenet_v3_small torchvision/squeezenet1_1
""".split()
SMALL += [
    "mutation/" + name for name in (
        "resnet18 3x3 stem, stride 1, no pool", "resnet18 block_args.attn_layer=eca", "resnet18 scale of each block",
        "resnet18 fc: linear, linear", "resnet18 in_chans=1", "resnet18 global_pool=max", "efficientnet_b0 bn_eps=0.001")
]  # fmt: skip


def relative(found, expected):
    return abs(found - expected) / max(abs(expected), 1e-12)


def shortened(text, folder):
    """The tool's own words in one cell, without the paths of this run."""
    text = text.replace(str(folder) + "/", "").replace("\t", " ")
    lines = [line for line in text.split("\n") if line.strip()]
    chosen = next((line for line in reversed(lines) if re.match(r"ckpt-\w+: ", line)), lines[0] if lines else "")
    chosen = re.sub(r"^(ckpt-\w+: )?(weights\.safetensors: |model(/model\.safetensors)?: |checkpoint\.pth: )?", "", chosen)
    return chosen[:100].strip()


def parameters(candidate):
    """Number of parameters, without making them where the network can be built so."""
    try:
        with torch.device("meta"):
            model = candidate.build()
    except Exception:  # noqa: BLE001: some constructors compute with their parameters
        model = candidate.build()
    return sum(parameter.numel() for parameter in model.parameters())


class Reference:
    """A lively network, images, and PyTorch's loss on them."""

    def __init__(self, candidate, folder):
        torch.manual_seed(0)
        self.model = lively(candidate.build())
        config = getattr(self.model, "pretrained_cfg", {})
        self.mean, self.std = config.get("mean", (0.485, 0.456, 0.406)), config.get("std", (0.229, 0.224, 0.225))
        if candidate.channels == 1:
            self.mean = self.std = (0.5, 0.5, 0.5)
        own = config.get("input_size", (3, 224, 224))[-1]
        self.size = candidate.model_args.get("img_size", own)
        sizes = (*FITTING.get(candidate.family, SIZES), self.size)
        self.sizes = (self.size,) if config.get("fixed_input_size") else sizes
        self.state = {name: t.detach().clone().contiguous() for name, t in self.model.state_dict().items()}
        self.images = folder / f"images-{self.size}"
        image_folder(self.images, self.size, grey=candidate.channels == 1)

    def measure(self, candidate, folder):
        """Statistics from images, a scaled classifier and the loss, at the first size that the network takes."""
        problem = None
        for size in dict.fromkeys(self.sizes):
            images = folder / f"images-{size}"
            pixels = image_folder(images, size, grey=candidate.channels == 1)
            x = (pixels - torch.tensor(self.mean)[:, None, None]) / torch.tensor(self.std)[:, None, None]
            x = torch.cat([x, x[:, :1]], 1) if candidate.channels == 4 else x[:, : candidate.channels]
            try:
                sharp(calibrated(self.model, x), x)
                self.size, self.images, self.x = size, images, x
                break
            except Exception as error:  # noqa: BLE001: too few pixels show in many ways
                problem = error
        else:
            raise ValueError(f"no input size works: {problem}")
        self.loss = self.loss_of(self.model, x)
        self.state = {name: t.detach().clone().contiguous() for name, t in self.model.state_dict().items()}
        if not self.loss == self.loss or self.loss in (float("inf"), float("-inf")) or not self.all_finite():
            raise ValueError("loss or weights are not finite")

    def all_finite(self):
        return all(t.isfinite().all() for t in self.state.values())

    @staticmethod
    @torch.no_grad()
    def loss_of(model, x):
        labels = torch.arange(len(x))
        return torch.nn.functional.cross_entropy(model(x).double(), labels).item()

    def exact_loss(self):
        """The loss in float64."""
        return self.loss_of(copy.deepcopy(self.model).double(), self.x.double())

    def tolerance(self):
        """What rounding of float32 explains, for a loss that is near but not within the usual."""
        try:
            return max(TOLERANCE, ROUNDING * relative(self.loss, self.exact_loss()))
        except RuntimeError:  # a network that asks for float32 somewhere
            return TOLERANCE


def saved(reference, candidate, mode, folder):
    """The path of the checkpoint in the given mode, and the options it needs beside the sizes."""
    folder.mkdir()
    numbers = [",".join(map(str, values)) for values in (reference.mean, reference.std)]
    explicit = ["--mean", numbers[0], "--std", numbers[1]]
    if mode in ("bare", "named"):
        save_file(reference.state, folder / "weights.safetensors")
        return folder / "weights.safetensors", explicit + (["--arch", candidate.name] if mode == "named" else [])
    if mode == "folder":
        # safetensors refuses modules that share tensors, as CoaT's do.
        pointers = [t.data_ptr() for t in reference.model.state_dict().values() if t.numel()]
        timm.models.save_for_hf(
            reference.model, folder / "model", model_args=candidate.model_args or None,
            safe_serialization=len(set(pointers)) == len(pointers))  # fmt: skip
        return folder / "model", []
    arguments = argparse.Namespace(
        model=candidate.name, weights=None, val_resize_size=256, val_crop_size=224, interpolation="bilinear")  # fmt: skip
    checkpoint = {"model": reference.state, "optimizer": {}, "lr_scheduler": {}, "epoch": 89, "args": arguments}
    torch.save(checkpoint, folder / "checkpoint.pth")
    return folder / "checkpoint.pth", explicit


def run(tool, path, options, reference):
    command = [tool, path, "--data", reference.images, "--resize", str(reference.size), "--crop", str(reference.size)]
    command += [*options, "--format", "json", "--no-progress", "--threads", "1"]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=SECONDS)


def outcome(tool, reference, candidate, mode, folder):
    """Result, error and detail of one mode."""
    path, options = saved(reference, candidate, mode, folder)
    try:
        done = run(tool, path, options, reference)
    except subprocess.TimeoutExpired:
        return "failed", "-", f"no end after {SECONDS} s"
    if done.returncode in (64, 65, 66):
        return "refused", "-", shortened(done.stderr, folder)
    if done.returncode:
        return "failed", "-", f"exit status {done.returncode}: {shortened(done.stderr, folder)}"
    loss = json.loads(done.stdout)["rows"][0]["loss"]
    if candidate.channels == 4:
        return "wrong", "-", "a number for images of three channels"
    error = relative(loss, reference.loss)
    if error > TOLERANCE:
        allowed = reference.tolerance()
        if error > allowed:
            # Large tiles round ten times as much as exact sums, which grows through hundreds of layers.
            exact = run(tool, path, [*options, "--exact"], reference)
            if not exact.returncode:
                error = relative(json.loads(exact.stdout)["rows"][0]["loss"], reference.loss)
        if error > allowed:
            lines = [line for line in done.stderr.split("\n") if re.search("taken for|assum", line)]
            named = any(re.search(rf"(?<!\w){re.escape(candidate.name)}(?!\w)", line) for line in lines)
            kind = "assumed" if mode == "bare" and named and candidate.source != "mutation" else "wrong"
            detail = f"{loss:.6g} for {reference.loss:.6g}; " + shortened(lines[0] if lines else "", folder)
            return kind, f"{error:.1e}", detail.strip("; ")
        if allowed > 0.01:
            return "unmeasured", f"{error:.1e}", "rounding of float32 changes the loss beyond 1 %"
    return "right", f"{error:.1e}", "-"


def refusal(tool, reference, candidate, mode, folder):
    """Why the tool does not understand the file, or None. Names and shapes decide, so that it needs no statistics."""
    path, options = saved(reference, candidate, mode, folder)
    try:
        done = run(tool, path, [*options, "--limit", "1"], reference)
    except subprocess.TimeoutExpired:
        return None
    return shortened(done.stderr, folder) if done.returncode in (64, 65, 66) else None


def measure(tool, candidate, count, send):
    """Sends the rows of one candidate; runs in a process of its own, whose memory goes with it.

    A file that is refused whatever its values is not calibrated first: most of the time would go there.
    """
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    start = [candidate.source, candidate.family, candidate.name]
    with tempfile.TemporaryDirectory(prefix="scan-") as folder:
        folder = Path(folder)
        rows, modes = [], list(candidate.modes)
        try:
            reference = Reference(candidate, folder)
            for mode in candidate.modes:
                reason = refusal(tool, reference, candidate, mode, folder / f"first-{mode}")
                subprocess.run(["rm", "-rf", str(folder / f"first-{mode}")], check=True)
                if reason is not None:
                    rows.append([*start, mode, count, reference.size, "refused", "-", reason])
                    modes.remove(mode)
            if modes:
                reference.measure(candidate, folder)
        except Exception as error:  # noqa: BLE001: timm lists networks that need other packages or inputs
            text = shortened(f"{type(error).__name__}: {error}", folder)
            send.send(rows + [[*start, mode, count, "-", "unmeasured", "-", text] for mode in modes])
            return
        for mode in modes:
            result = outcome(tool, reference, candidate, mode, folder / mode)
            rows.append([*start, mode, count, reference.size, *result])
            subprocess.run(["rm", "-rf", str(folder / mode)], check=True)
        send.send(rows)


def measured(tool, candidates, limit, jobs):
    """Rows of each candidate as they come; `jobs` at a time."""
    context = multiprocessing.get_context("fork")
    running, waiting = {}, iter(candidates)
    while True:
        while len(running) < jobs and (candidate := next(waiting, None)):
            try:
                count = parameters(candidate)
            except Exception:  # noqa: BLE001: reported where the network is built to be measured
                count = 0
            if count > limit:
                yield candidate, None
                continue
            receive, send = context.Pipe(duplex=False)
            process = context.Process(target=measure, args=(tool, candidate, f"{count / 1e6:.1f}", send), daemon=True)
            process.start()
            send.close()
            running[receive] = process, candidate
        if not running:
            return
        for receive in wait(list(running)):
            process, candidate = running.pop(receive)
            try:
                rows = receive.recv()
            except EOFError:
                start = [candidate.source, candidate.family, candidate.name]
                text = "the measuring process died"
                rows = [[*start, mode, "-", "-", "unmeasured", "-", text] for mode in candidate.modes]
            process.join()
            yield candidate, rows


class Table:
    """The rows of a file, by network and mode."""

    def __init__(self, path):
        self.path, self.rows = path, {}
        for line in path.read_text().splitlines() if path.exists() else []:
            cells = line.split("\t")
            if not line.startswith("#") and cells != list(COLUMNS):
                self.rows[self.key(cells)] = cells

    @staticmethod
    def key(cells):
        return cells[0], cells[1], cells[2], cells[3]

    def holds(self, candidate):
        return all((candidate.source, candidate.family, candidate.name, mode) in self.rows for mode in candidate.modes)

    def add(self, rows):
        for row in rows:
            self.rows[self.key(row)] = [str(cell) for cell in row]
        versions = f"# torch {torch.__version__}, torchvision {torchvision.__version__}, timm {timm.__version__}"
        lines = [versions, "\t".join(COLUMNS)] + ["\t".join(self.rows[key]) for key in sorted(self.rows)]
        partial = self.path.with_name(self.path.name + ".partial")
        partial.write_text("\n".join(lines) + "\n")
        os.replace(partial, self.path)

    def of(self, candidates):
        keys = [(c.source, c.family, c.name, mode) for c in candidates for mode in c.modes]
        return [self.rows[key] for key in keys if key in self.rows]


def selected(options):
    """The candidates that the options ask for, families in the order given."""
    candidates = [] if options.mutations else [*timm_candidates(), *torchvision_candidates()]
    if options.mutations or options.small:
        candidates += mutation_candidates()
    if options.small:
        candidates = [c for c in candidates if f"{c.source}/{c.name}" in SMALL]
    if options.source:
        candidates = [c for c in candidates if c.source in options.source.split(",")]
    if options.family:
        candidates = [c for c in candidates if c.family in options.family.split(",")]
    if options.modes:
        for candidate in candidates:
            candidate.modes = tuple(mode for mode in candidate.modes if mode in options.modes.split(","))
        candidates = [c for c in candidates if c.modes]
    if options.names:
        listed = options.names.startswith("@")
        names = Path(options.names[1:]).read_text().split() if listed else options.names.split(",")
        candidates = [c for c in candidates if {c.name, f"{c.source}/{c.name}"} & set(names)]
        known = {c.name for c in candidates} | {f"{c.source}/{c.name}" for c in candidates}
        for name in names:
            if name not in known:
                sys.exit(f"scan.py: no network is named {name}")
    families = options.family.split(",") if options.family else []
    candidates.sort(key=lambda c: (families.index(c.family) if families else 0, c.source, c.family, c.name))
    if options.sample:
        candidates = random.Random(options.seed).sample(candidates, min(options.sample, len(candidates)))
    return candidates


def summary(rows, large):
    """Counts by family and in all."""
    families = collections.defaultdict(collections.Counter)
    for row in rows:
        for group in (f"{row[0]}/{row[1]}", f"all {row[3]}"):
            families[group][row[6]] += 1
    print("\t".join(("family", *KINDS)))
    for group, counts in sorted(families.items(), key=lambda item: (item[0].startswith("all "), item[0])):
        print("\t".join((group, *(str(counts[kind]) for kind in KINDS))))
    if large:
        print(f"left out as too large: {large}")
    for row in rows:
        if row[6] in ("wrong", "failed"):
            print(f"{row[6]}: {row[0]}/{row[2]} ({row[3]}): {row[8]}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=Path, help="folder of the executables")
    parser.add_argument("--family", help="modules of timm or torchvision, such as resnet,regnet")
    parser.add_argument("--names", help="names or @FILE of names, such as resnet18,timm/vgg11")
    parser.add_argument("--source", help="timm, torchvision or both (default)")
    parser.add_argument("--modes", help="of bare, named, folder, training (default: all that a network has)")
    parser.add_argument("--mutations", action="store_true", help="measure what only resembles published networks")
    parser.add_argument("--small", action="store_true", help="a fixed sample that takes a minute or two")
    parser.add_argument("--sample", type=int, help="a random sample of this many networks")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-params", type=float, default=150, help="largest network, in million parameters")
    parser.add_argument("--jobs", type=int, default=1, help="networks at a time; each may take two gigabytes")
    parser.add_argument("--again", action="store_true", help="measure what the table holds already")
    parser.add_argument("--table", type=Path, default=DEFAULT_TABLE)
    parser.add_argument("--no-table", action="store_true", help="measure all and write nothing")
    options = parser.parse_args()

    tool = options.bin.resolve() / "ckpt-sweep"
    if not tool.exists():
        sys.exit(f"scan.py: {tool} does not exist")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    candidates = selected(options)
    with tempfile.TemporaryDirectory() as scratch:
        table = Table(Path(scratch) / "scan.tsv" if options.no_table else options.table)
        pending = [c for c in candidates if options.again or not table.holds(c)]
        large = 0
        for candidate, rows in measured(tool, pending, options.max_params * 1e6, options.jobs):
            if rows is None:
                large += 1
                continue
            table.add(rows)
            for row in rows:
                print("\t".join(map(str, row)), flush=True)
        rows = table.of(candidates)
    summary(rows, large)
    sys.exit(any(row[6] in ("wrong", "failed") for row in rows))


if __name__ == "__main__":
    main()
