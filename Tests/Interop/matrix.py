"""Files of training scripts and libraries through every tool: writer by format by tool.

    python Tests/Interop/matrix.py BIN_FOLDER

Every writer saves two checkpoints of the bundled architecture as it does in practice: with the real library where it is
installed (torch, torchvision's utilities, timm, safetensors), else the dictionary that its code hands to torch.save
(Lightning, MMEngine, accelerate, Ultralytics, DINO, MoCo, DeepSpeed). Without options, every tool must take the right
state dict, say so where averaged weights were preferred, and write a file that PyTorch loads with weights_only=True,
under the file's own names without wrappers, as .safetensors and as .pth. What is no whole checkpoint must be refused.
"""

import argparse
import collections
import copy
import json
import pathlib
import subprocess
import sys
import tempfile

import timm
import torch
import torchvision
from safetensors.torch import load_file, save_file
from timm.utils import CheckpointSaver, ModelEmaV3
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torchvision import transforms
from torchvision.datasets import ImageFolder

from lively import CLASSES, calibrated, image_folder, lively, sharp

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "fixtures"
sys.path[1:1] = [str(FIXTURES), str(FIXTURES / "goldens/NetworkGraphs")]
import fixturelib  # noqa: E402
from make_family_goldens import CIFARResNet  # noqa: E402

TRAIN, VAL = FIXTURES / "digits/train", FIXTURES / "digits/val"
TOOLS = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".build/release").resolve()
WIDTH = 8


def network(seed):
    """The bundled architecture with weights and statistics of its own."""
    torch.manual_seed(seed)
    model = fixturelib.resnet18(WIDTH)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
            module.num_batches_tracked.fill_(seed)
    return model


def prefixed(state, prefix):
    return collections.OrderedDict((prefix + name, value) for name, value in state.items())


def optimizer(model):
    """An optimizer that has made a step, so that its state holds tensors."""
    adam = torch.optim.AdamW(model.parameters(), lr=0)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    adam.step()
    return adam.state_dict()


# Writers: each takes a folder, a number and the raw and averaged networks, and returns (path, expected state dict,
# whether averaged weights are preferred to raw ones).


def torch_zip(folder, number, raw, ema):
    path = folder / f"zip-{number}.pth"
    torch.save(raw.state_dict(), path)
    return path, raw.state_dict(), False


def torch_legacy(folder, number, raw, ema):
    path = folder / f"legacy-{number}.pth"
    torch.save(raw.state_dict(), path, _use_new_zipfile_serialization=False)
    return path, raw.state_dict(), False


def torch_recipe(folder, number, raw, ema):
    """PyTorch's recipe of a general checkpoint: a loss of its own beside the state dicts."""
    path = folder / f"recipe-{number}.tar"
    torch.save({"epoch": number, "model_state_dict": raw.state_dict(), "optimizer_state_dict": optimizer(raw),
                "loss": torch.tensor(0.5)}, path)
    return path, raw.state_dict(), False


def torch_module(folder, number, raw, ema):
    path = folder / f"module-{number}.pt"
    raw = copy.deepcopy(raw)
    raw.bn1.register_buffer("scratch", torch.ones(3), persistent=False)
    torch.save(raw, path)
    return path, raw.state_dict(), False


def data_parallel(folder, number, raw, ema):
    path = folder / f"parallel-{number}.pth"
    torch.save({"state_dict": nn.DataParallel(raw).state_dict(), "epoch": number, "arch": "resnet18",
                "best_acc1": torch.tensor(71.0), "optimizer": optimizer(raw)}, path)
    return path, raw.state_dict(), False


def compiled_safetensors(folder, number, raw, ema):
    path = folder / f"compiled-{number}.safetensors"
    save_file(torch.compile(raw).state_dict(), path)
    return path, raw.state_dict(), False


def averaged_model(folder, number, raw, ema):
    path = folder / f"swa-{number}.pth"
    averaged = AveragedModel(raw)
    averaged.update_parameters(raw)
    torch.save(averaged.state_dict(), path)
    return path, raw.state_dict(), False


def torchvision_reference(folder, number, raw, ema):
    """references/classification/train.py with --model-ema."""
    path = folder / f"model_{number}.pth"
    average = AveragedModel(ema, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    average.update_parameters(ema)
    args = argparse.Namespace(model="resnet18", val_crop_size=32, val_resize_size=36, interpolation="bilinear")
    torch.save({"model": raw.state_dict(), "optimizer": optimizer(raw), "lr_scheduler": {"last_epoch": number},
                "epoch": number, "args": args, "model_ema": average.state_dict()}, path)
    return path, ema.state_dict(), True


def timm_saver(folder, number, raw, ema):
    """timm's own saver, with an averaged model."""
    place = folder / f"timm-{number}"
    place.mkdir()
    average = ModelEmaV3(raw)
    average.module.load_state_dict(ema.state_dict())
    args = argparse.Namespace(model="resnet18", img_size=None, crop_pct=0.9, mean=None, num_classes=10)
    saver = CheckpointSaver(nn.DataParallel(raw), torch.optim.SGD(raw.parameters(), lr=0.1), args=args,
                            model_ema=average, checkpoint_dir=str(place), recovery_dir=str(place))
    saver.save_checkpoint(number, metric=0.5)
    path = folder / f"timm-{number}.pth.tar"
    (place / "last.pth.tar").rename(path)
    return path, ema.state_dict(), True


def lightning(folder, number, raw, ema):
    path = folder / f"epoch={number}.ckpt"
    torch.save({"epoch": number, "global_step": 10, "pytorch-lightning_version": "2.6.0",
                "state_dict": prefixed(raw.state_dict(), "model."), "loops": {"fit_loop": {}}, "callbacks": {},
                "optimizer_states": [optimizer(raw)], "lr_schedulers": [],
                "hyper_parameters": {"arch": "resnet18", "num_classes": 10, "lr": 0.1}}, path)
    return path, prefixed(raw.state_dict(), "model."), False


def lightning_average(folder, number, raw, ema):
    """Lightning's WeightAveraging: the average is the state dict."""
    path = folder / f"average-{number}.ckpt"
    torch.save({"epoch": number, "pytorch-lightning_version": "2.6.0",
                "state_dict": prefixed(ema.state_dict(), "model."),
                "current_model_state": prefixed(raw.state_dict(), "model."),
                "averaging_state": {"n_averaged": torch.tensor(number)}, "optimizer_states": [optimizer(raw)]}, path)
    return path, prefixed(ema.state_dict(), "model."), True


def mmengine(folder, number, raw, ema):
    """MMEngine's EMAHook swaps the two sets before it saves; MMPretrain's names of backbone and head."""
    def names(state):
        return collections.OrderedDict(
            (("head." if name.startswith("fc.") else "backbone.") + name, value) for name, value in state.items())

    path = folder / f"epoch_{number}.pth"
    swapped = prefixed(names(raw.state_dict()), "module.")
    swapped["steps"] = torch.tensor(10 * number)
    torch.save({"meta": {"epoch": number, "mmengine_version": "0.10.7", "dataset_meta": {"classes": None}},
                "state_dict": names(ema.state_dict()), "message_hub": {}, "optimizer": optimizer(raw),
                "ema_state_dict": swapped}, path)
    return path, names(ema.state_dict()), True


def fixmatch(folder, number, raw, ema):
    path = folder / f"checkpoint-{number}.pth.tar"
    torch.save({"epoch": number, "state_dict": raw.state_dict(), "ema_state_dict": ema.state_dict(),
                "acc": torch.tensor(90.0), "optimizer": optimizer(raw)}, path)
    return path, ema.state_dict(), True


def pytorch_cifar(folder, number, raw, ema):
    path = folder / f"cifar-{number}.pth"
    torch.save({"net": nn.DataParallel(raw).state_dict(), "acc": torch.tensor(94.0), "epoch": number}, path)
    return path, raw.state_dict(), False


def dino(folder, number, raw, ema):
    path = folder / f"dino{number:04}.pth"
    torch.save({"student": prefixed(raw.state_dict(), "module.backbone."),
                "teacher": prefixed(ema.state_dict(), "backbone."), "optimizer": optimizer(raw), "epoch": number,
                "args": argparse.Namespace(arch="resnet18"), "dino_loss": {"center": torch.zeros(1, 16)}}, path)
    return path, prefixed(ema.state_dict(), "backbone."), True


def moco(folder, number, raw, ema):
    path = folder / f"moco-{number}.pth.tar"
    state = prefixed(raw.state_dict(), "encoder_q.")
    state |= prefixed(ema.state_dict(), "encoder_k.")
    state |= {"queue": torch.zeros(4, 8), "queue_ptr": torch.zeros(1, dtype=torch.long)}
    torch.save({"epoch": number, "arch": "resnet18", "state_dict": prefixed(state, "module."),
                "optimizer": optimizer(raw)}, path)
    return path, state, False


def ultralytics(folder, number, raw, ema):
    """YOLOv5: both modules, pickled."""
    path = folder / f"yolo-{number}.pt"
    torch.save({"epoch": number, "best_fitness": 0.5, "model": raw, "ema": ema, "updates": 10,
                "optimizer": optimizer(raw), "date": "2026-11-27"}, path)
    return path, ema.state_dict(), True


def ultralytics_8(folder, number, raw, ema):
    path = folder / f"yolo8-{number}.pt"
    torch.save({"epoch": number, "model": None, "ema": ema, "updates": 10, "train_args": {"imgsz": 64}}, path)
    return path, ema.state_dict(), False


def accelerate(folder, number, raw, ema):
    """A sharded set of accelerate's save_model."""
    from huggingface_hub import split_torch_state_dict_into_shards

    place = folder / f"accelerate-{number}"
    place.mkdir()
    state = raw.state_dict()
    plan = split_torch_state_dict_into_shards(state, max_shard_size="150KB",
                                              filename_pattern="model{suffix}.safetensors")
    assert plan.is_sharded
    for name, tensors in plan.filename_to_tensors.items():
        save_file({tensor: state[tensor] for tensor in tensors}, place / name, metadata={"format": "pt"})
    index = {"metadata": plan.metadata, "weight_map": plan.tensor_to_filename}
    (place / "model.safetensors.index.json").write_text(json.dumps(index))
    return place, state, False


WRITERS = [torch_zip, torch_legacy, torch_recipe, torch_module, data_parallel, compiled_safetensors, averaged_model,
           torchvision_reference, timm_saver, lightning, lightning_average, mmengine, fixmatch, pytorch_cifar, dino, moco,
           ultralytics, ultralytics_8, accelerate]


def run(*arguments, status=0):
    result = subprocess.run([str(argument) for argument in arguments], capture_output=True, text=True)
    assert result.returncode == status, (arguments, result.returncode, result.stderr)
    return result


def read(path):
    if path.suffix == ".safetensors":
        return load_file(path)
    state = torch.load(path, weights_only=True)
    assert type(state) is collections.OrderedDict
    return state


def same(found, wanted, what, only=lambda name: True):
    assert set(found) == set(wanted), (what, sorted(set(found) ^ set(wanted))[:6])
    for name, value in wanted.items():
        assert found[name].dtype == value.dtype and found[name].shape == value.shape, (what, name)
        if only(name):
            assert torch.equal(found[name], value), (what, name)


def bare(state):
    """The network's own names."""
    result = {}
    for name, value in state.items():
        for prefix in ["encoder_q.", "model.", "backbone.", "head."]:
            name = name.removeprefix(prefix)
        result[name] = value
    return {name: value for name, value in result.items() if not name.startswith(("encoder_k.", "queue"))}


def check(writer, folder):
    raw, ema = [network(1), network(2)], [network(3), network(4)]
    files = [writer(folder, number + 1, raw[number], ema[number]) for number in range(2)]
    (first, expected, prefers), (second, other, _) = files
    model = fixturelib.resnet18(WIDTH)
    for suffix in ["safetensors", "pth"]:
        what = f"{writer.__name__} {suffix}"
        out = folder / f"{writer.__name__}.{suffix}"

        told = run(TOOLS / "ckpt-convert", first, "-o", out).stderr
        assert told.count("\n") == (1 if prefers else 0), (what, told)
        assert not prefers or "averaged weights" in told, (what, told)
        same(read(out), expected, what + " convert")
        model.load_state_dict(bare(read(out)))

        told = run(TOOLS / "ckpt-average", first, second, "-o", out).stderr
        assert told.count("averaged weights") == (1 if prefers else 0), (what, told)
        mean = read(out)
        same(mean, expected, what + " average", only=lambda name: False)
        for name in expected:
            if name.endswith("fc.weight"):
                exact = (expected[name].double() + other[name].double()) / 2
                assert torch.allclose(mean[name].double(), exact, rtol=1e-6, atol=1e-8), (what, name)

        run(TOOLS / "ckpt-bnfix", first, "--data", TRAIN, "--num-images", 32, "--resize", 36, "--crop", 32, "-o", out)
        fixed = read(out)
        same(fixed, expected, what + " bnfix",
             only=lambda name: "running" not in name and "num_batches_tracked" not in name)
        model.load_state_dict(bare(fixed))
        changed = [name for name in bare(fixed) if "running_mean" in name
                   and not torch.equal(bare(fixed)[name], bare(expected)[name])]
        assert len(changed) == 20, (what, len(changed))
        if suffix == "pth":
            assert read(out)._metadata["ckpt"]["ckpt.crop"] == "32", what

        rows = json.loads(run(TOOLS / "ckpt-sweep", out, "--data", VAL, "--sample", "40", "--as-recorded", "--format",
                              "json").stdout)["rows"]
        assert [(row["resize"], row["crop"]) for row in rows] == [(36, 32)], (what, rows)

        run(TOOLS / "ckpt-fixres", first, "--data", VAL, "--crop", 32, "--resize", 36, "--epochs", 1, "-o", out)
        tuned = read(out)
        same(tuned, expected, what + " fixres",
             only=lambda name: "fc." not in name and "layer4.1.bn2" not in name)
        model.load_state_dict(bare(tuned))
    listing = json.loads(run(TOOLS / "ckpt-info", first, "--format", "json").stdout)
    assert listing["classes"] == 10, listing["architecture"]
    print(f"{writer.__name__:24}{'averaged' if prefers else 'only':10}{listing['format'][:60]}")


def refused(folder):
    model = network(1)
    empty = {name: torch.empty(0) for name, _ in model.named_parameters()}
    torch.save({"module": empty | dict(model.named_buffers()), "param_shapes": [], "ds_version": "0.16.0"},
               folder / "zero_pp_rank_0_mp_rank_00_model_states.pt")
    copies = {"ema_" + name.replace(".", "_"): value for name, value in model.named_parameters()}
    torch.save({"meta": {"mmcv_version": "1.7.0"}, "state_dict": model.state_dict() | copies}, folder / "mmcv.pth")
    torch.save({"generator": model.state_dict(), "discriminator": model.state_dict()}, folder / "gan.pth")
    (folder / "model-00001-of-00002.safetensors").write_bytes((FIXTURES / "run/epoch-104.safetensors").read_bytes())
    for name, words in [("zero_pp_rank_0_mp_rank_00_model_states.pt", "ZeRO"), ("mmcv.pth", "state_dict/ema"),
                        ("gan.pth", "--key"), ("model-00001-of-00002.safetensors", "sharded set")]:
        told = run(TOOLS / "ckpt-convert", folder / name, "-o", folder / "x", status=65).stderr
        assert words in told and told.count("\n") == 1, told
    for key, values in [("plain", model.state_dict()),
                        ("ema", model.state_dict())]:
        run(TOOLS / "ckpt-convert", folder / "mmcv.pth", "--key", f"state_dict/{key}", "-o", folder / "x.safetensors")
        same(load_file(folder / "x.safetensors"), values, key)
    print("refused: ZeRO placeholders, copies of mmcv, two networks, one file of a set")


def trailing(folder):
    """What follows an archive is skipped as far as PyTorch does."""
    torch.save(network(1).state_dict(), folder / "clean.pth")
    whole = (folder / "clean.pth").read_bytes()
    for count in [1, 100, 4096, 65535, 70000]:
        (folder / "more.pth").write_bytes(whole + bytes(count))
        try:
            torch.load(folder / "more.pth", weights_only=True)
            status = 0
        except Exception:
            status = 65
        run(TOOLS / "ckpt-convert", folder / "more.pth", "-o", folder / "more.safetensors", status=status)
    print("trailing bytes: as PyTorch")


def model_folder(folder):
    """A folder of timm's, continued by a tool and loaded by timm."""
    source, target = folder / "in", folder / "out"
    torch.manual_seed(5)
    model = timm.create_model("resnet18", num_classes=10)
    timm.models.save_for_hf(model, source, model_config={"label_names": [str(i) for i in range(10)]})
    run(TOOLS / "ckpt-bnfix", source, "--data", TRAIN, "--num-images", 32, "--resize", 72,
        "--crop", 64, "-o", f"{target}/")
    loaded = timm.create_model(f"local-dir:{target}", pretrained=True)
    same(loaded.state_dict(), load_file(target / "model.safetensors"), "local-dir")
    assert not torch.equal(loaded.state_dict()["bn1.running_mean"], model.state_dict()["bn1.running_mean"])
    config = timm.data.resolve_model_data_config(loaded, use_test_size=True)
    assert config["input_size"] == (3, 64, 64) or list(config["input_size"]) == [3, 64, 64], config
    assert int(64 / config["crop_pct"]) == 72, config
    print("model folder: continued, and loaded by timm's local-dir")


@torch.no_grad()
def loss_of(model, resize, crop):
    """PyTorch's loss on the bundled images with ImageNet's normalization."""
    view = transforms.Compose([transforms.Resize(resize), transforms.CenterCrop(crop), transforms.ToTensor(),
                               transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])
    images, labels = zip(*ImageFolder(str(VAL), view))
    return nn.functional.cross_entropy(model.eval()(torch.stack(images)), torch.tensor(labels)).item()


def small_images(folder):
    """Names of the usual CIFAR repositories: the name of the network is asked for once."""
    for in_sequence, blocks, expansion, arch in [(False, [2, 2, 2, 2], 1, "resnet18-cifar"),
                                                 (True, [3, 4, 6, 3], 4, "resnet50-cifar")]:
        torch.manual_seed(1)
        model = CIFARResNet(blocks, expansion, in_sequence)
        torch.save({"net": nn.DataParallel(model).state_dict(), "acc": 94.0, "epoch": 7}, folder / "ckpt.pth")
        told = run(TOOLS / "ckpt-bnfix", folder / "ckpt.pth", "--data", TRAIN, "-o", folder / "x", status=65).stderr
        assert told.endswith(f"pass --arch {arch} if it is that\n"), told
        run(TOOLS / "ckpt-bnfix", folder / "ckpt.pth", "--arch", arch, "--data", TRAIN, "--resize", 36, "--crop", 32,
            "-o", folder / "out.pth")
        model.load_state_dict(read(folder / "out.pth"))
        for resize, crop in [(36, 32), (44, 40)]:
            rows = json.loads(run(TOOLS / "ckpt-sweep", folder / "out.pth", "--data", VAL, "--resize", resize, "--crop",
                                  crop, "--format", "json").stdout)["rows"]
            assert abs(rows[0]["loss"] / loss_of(model, resize, crop) - 1) < 1e-4, (arch, rows)
    print("ResNets for small images: named once")


def changed_by_arguments(folder):
    """What the configuration of a folder says of the layers is obeyed or refused, never ignored."""
    for arguments, words in [({"act_layer": "silu"}, "act_layer=silu"), ({"global_pool": "max"}, "global_pool=max"),
                             ({"drop_rate": 0.2}, None)]:
        torch.manual_seed(5)
        model = timm.create_model("resnet18", num_classes=10, **arguments)
        place = folder / "-".join(arguments)
        timm.models.save_for_hf(model, place, model_args=arguments)
        command = [TOOLS / "ckpt-sweep", place, "--data", VAL, "--resize", 72, "--crop", 64, "--format", "json"]
        told = run(*command, status=65 if words else 0)
        assert not words or words in told.stderr, told
    print("arguments of config.json: refused where they change the network")


@torch.no_grad()
def transformed_inputs(folder):
    """torchvision's GoogLeNet and Inception v3 with and without the scaling that pretrained weights expect."""
    mean, std = torch.tensor((0.485, 0.456, 0.406))[:, None, None], torch.tensor((0.229, 0.224, 0.225))[:, None, None]
    for name, size in [("googlenet", 96), ("inception_v3", 171)]:
        images = folder / name
        x = (image_folder(images, size) - mean) / std
        model = torchvision.models.get_model(
            name, weights=None, init_weights=False, aux_logits=False, num_classes=CLASSES, transform_input=True)
        sharp(calibrated(lively(model), x), x)
        args = argparse.Namespace(model=name, weights=None, val_crop_size=size, val_resize_size=size,
                                  interpolation="bilinear")
        descended = argparse.Namespace(**(vars(args) | {"weights": "IMAGENET1K_V1"}))
        numbers = ["--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225"]
        sizes = ["--resize", size, "--crop", size]
        for transforms_input, contents, options in [
            (True, model.state_dict(), sizes), (False, model.state_dict(), sizes + numbers),
            (True, {"model": model.state_dict(), "args": descended}, []),
            (False, {"model": model.state_dict(), "args": args}, []),
        ]:
            torch.save(contents, folder / "model.pth")
            done = run(TOOLS / "ckpt-sweep", folder / "model.pth", "--data", images, *options, "--format", "json")
            model.transform_input = transforms_input
            expected = nn.functional.cross_entropy(model(x), torch.arange(CLASSES)).item()
            loss = json.loads(done.stdout)["rows"][0]["loss"]
            assert abs(loss / expected - 1) < 1e-4, (name, transforms_input, loss, expected)
            assert ("transform_input" in done.stderr) == transforms_input, done.stderr
    print("transform_input: assumed with a line, unless the file or options say otherwise")


def main():
    with tempfile.TemporaryDirectory() as name:
        for writer in WRITERS:
            folder = pathlib.Path(name) / writer.__name__
            folder.mkdir()
            check(writer, folder)
        for special in [refused, trailing, model_folder, small_images, changed_by_arguments,
                        transformed_inputs]:
            folder = pathlib.Path(name) / special.__name__
            folder.mkdir()
            special(folder)


if __name__ == "__main__":
    main()
