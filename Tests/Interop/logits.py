"""Compares the engine's logits and batch statistics with PyTorch's for models with random weights.

    python Tests/Interop/logits.py ENGINE [--out RESULTS.tsv] [--only REGEX] [--source torchvision|timm|all]

ENGINE is the built `engine` executable. Every model gets random weights and random BatchNorm statistics from a fixed
seed, in float32; the reference runs in float64, so the error is the engine's alone. One row per model: source, name,
what the engine recognised, size of the input, largest error relative to the largest logit in inference mode and with
batch statistics, PyTorch's own float32 error with batch statistics (which deep networks amplify; of transformers in
inference mode), and the error of the batch means and variances (relative to the layer's largest). Transformers have two rows, of two sizes.
"""

import argparse
import collections
import copy
import functools
import math
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

import lively

TORCHVISION = """
resnet18 resnet34 resnet50 resnet101 resnet152 resnext50_32x4d resnext101_32x8d resnext101_64x4d wide_resnet50_2
wide_resnet101_2 vgg11_bn vgg13_bn vgg16_bn vgg19_bn vgg11 vgg16 densenet121 densenet161 densenet169 densenet201
mobilenet_v2 mobilenet_v3_large mobilenet_v3_small efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3
efficientnet_b4 efficientnet_b5 efficientnet_b6 efficientnet_b7 efficientnet_v2_s efficientnet_v2_m efficientnet_v2_l
regnet_x_400mf regnet_x_800mf regnet_x_1_6gf regnet_x_3_2gf regnet_x_8gf regnet_x_16gf regnet_x_32gf regnet_y_400mf
regnet_y_800mf regnet_y_1_6gf regnet_y_3_2gf regnet_y_8gf regnet_y_16gf regnet_y_32gf mnasnet0_5 mnasnet0_75
mnasnet1_0 mnasnet1_3 shufflenet_v2_x0_5 shufflenet_v2_x1_0 shufflenet_v2_x1_5 shufflenet_v2_x2_0 googlenet
inception_v3
""".split()

TIMM = """
resnet10t resnet14t resnet18 resnet18d resnet26 resnet26d resnet26t resnet34 resnet34d resnet50 resnet50c resnet50d
resnet50s resnet50t resnet101 resnet101d resnext50_32x4d resnext50d_32x4d wide_resnet50_2 seresnet18 seresnet34
seresnet50 seresnet50t seresnext50_32x4d seresnext26d_32x4d vgg11_bn vgg16_bn densenet121 densenet169 inception_v3
regnetx_002 regnetx_004 regnetx_016 regnetx_032 regnety_002 regnety_004 regnety_016 regnety_032 mobilenetv2_050
mobilenetv2_100 mobilenetv2_110d mobilenetv2_120d mobilenetv2_140 mobilenetv3_large_075 mobilenetv3_large_100
mobilenetv3_small_050 mobilenetv3_small_075 mobilenetv3_small_100 tf_mobilenetv3_large_100 tf_mobilenetv3_small_100
mnasnet_050 mnasnet_100 mnasnet_small semnasnet_075 semnasnet_100 spnasnet_100 fbnetc_100 efficientnet_b0
efficientnet_b1 efficientnet_b4 tf_efficientnet_b0 tf_efficientnet_b3 efficientnet_lite0 tf_efficientnet_lite0
efficientnet_es tf_efficientnet_es efficientnetv2_rw_t efficientnetv2_rw_s efficientnetv2_s tf_efficientnetv2_b0
tf_efficientnetv2_s
""".split()

# Transformers and their kin: every parameter is random (lively.py), at the size of training and at 1.3 times it.
LIVELY = {
    "torchvision": """
convnext_tiny convnext_small convnext_base vit_b_16 vit_b_32 vit_l_16 vit_l_32 swin_t swin_s swin_b swin_v2_t
swin_v2_s swin_v2_b maxvit_t squeezenet1_0 squeezenet1_1
""".split(),
    "timm": """
test_convnext test_convnext2 test_convnext3 convnext_atto convnext_atto_ols convnext_femto convnext_femto_ols
convnext_pico convnext_pico_ols convnext_nano convnext_nano_ols convnext_tiny convnext_tiny_hnf convnext_small
convnext_base convnextv2_atto convnextv2_femto convnextv2_pico convnextv2_nano convnextv2_tiny convnextv2_base
test_vit test_vit2 vit_tiny_patch16_224 vit_small_patch16_224 vit_small_patch32_224 vit_base_patch16_224
vit_base_patch32_224 vit_base_patch16_gap_224 vit_base_patch16_siglip_gap_224 vit_base_patch32_siglip_gap_256
vit_base_patch16_clip_224 vit_base_patch32_clip_quickgelu_224 vit_small_patch14_reg4_dinov2
vit_little_patch16_reg4_gap_256 vit_medium_patch16_gap_256 vit_betwixt_patch16_reg1_gap_256 vit_base_patch16_224_miil
flexivit_small vit_small_patch16_36x1_224 deit_tiny_patch16_224 deit_small_patch16_224
deit_tiny_distilled_patch16_224 deit3_small_patch16_224 deit3_base_patch16_224 swin_tiny_patch4_window7_224
swin_small_patch4_window7_224 swin_base_patch4_window7_224 swin_base_patch4_window12_384 swin_s3_tiny_224
swin_s3_small_224 swinv2_tiny_window8_256 swinv2_tiny_window16_256 swinv2_small_window8_256
swinv2_base_window12_192 swinv2_base_window12to16_192to256
aimv2_large_patch14_224 beit3_base_patch16_224 beit_base_patch16_224 beitv2_base_patch16_224 test_vit3 test_vit4
vit_base_patch16_18x2_224 vit_base_patch16_rpn_224 vit_base_patch16_siglip_224 vit_base_patch32_siglip_256
vit_base_patch16_xp_224 vit_pwee_patch16_reg1_gap_256 vit_so150m_patch16_reg4_map_256 eva02_tiny_patch14_224
eva02_base_patch16_clip_224 eva02_base_patch14_224 vit_small_patch16_dinov3 vit_small_patch16_dinov3_qkvb
vit_small_plus_patch16_dinov3 vit_small_patch16_rope_224 vit_small_patch16_rope_ape_224
vit_small_patch16_rope_mixed_224 vit_small_patch16_rope_mixed_ape_224 vit_medium_patch16_rope_reg1_gap_256
vit_pe_core_tiny_patch16_384 vit_pe_spatial_tiny_patch16_512 vit_relpos_small_patch16_224
vit_relpos_base_patch16_clsgap_224 vit_srelpos_small_patch16_224 vit_relpos_base_patch32_plus_rpn_256
mixer_s32_224 gmixer_12_224 gmlp_ti16_224 resmlp_12_224 poolformer_s12 poolformerv2_s12 convformer_s18 caformer_s18
nf_regnet_b0 nf_resnet26 nf_seresnet26 nf_ecaresnet26 eca_nfnet_l0 nfnet_l0 dm_nfnet_f0 nfnet_f0 test_nfnet
coatnet_pico_rw_224 coatnet_nano_cc_224 coatnet_0_224 coatnext_nano_rw_224 coatnet_rmlp_nano_rw_224 maxvit_pico_rw_256
maxvit_rmlp_pico_rw_256 maxvit_nano_rw_256 maxvit_tiny_pm_256 maxvit_tiny_tf_224 maxxvit_rmlp_nano_rw_256
maxxvitv2_nano_rw_256 xcit_nano_12_p16_224 xcit_tiny_12_p8_224 xcit_small_12_p16_224 cait_xxs24_224
swinv2_cr_tiny_224 swinv2_cr_tiny_ns_224 pvt_v2_b0 pvt_v2_b2_li twins_svt_small twins_pcpvt_small focalnet_tiny_srf
focalnet_tiny_lrf levit_128s levit_conv_128s levit_192 mambaout_femto mambaout_kobe
mambaout_base_wide_rw inception_next_atto inception_next_tiny
repvgg_a0 repvgg_b1g4 repvgg_d2se gernet_s gernet_l mobileone_s0 mobileone_s4 resnet51q resnet61q resnext26ts
gcresnext26ts seresnext26ts eca_resnext26ts resnet32ts resnet33ts gcresnet33ts gcresnet50t regnetz_b16 regnetz_d8
resnet50_clip resnet50_clip_gap resnet50_mlp test_byobnet cspresnet50 cspresnet50d cspresnext50 cspdarknet53 darknet53
darknetaa53 sedarknet21 cs3darknet_s cs3darknet_focus_m cs3sedarknet_l cs3sedarknet_xdw cs3se_edgenet_x dla34 dla46x_c
dla60 dla60_res2net dla60_res2next dla102x vovnet39a ese_vovnet19b_dw ese_vovnet39b eca_vovnet39b hrnet_w18_small
hrnet_w18_small_v2 hrnet_w18_ssld hrnet_w30 dpn48b dpn68 dpn68b dpn92 ghostnet_050 ghostnet_100 ghostnetv2_100
ghostnetv3_050 ghostnetv3_100 repghostnet_050 repghostnet_100 repvit_m1 repvit_m0_9 repvit_m1_1 rexnet_100 rexnet_150
rexnetr_100 selecsls42b selecsls60
starnet_s050 starnet_s1 convmixer_768_32 convmixer_1024_20_ks9_p14 fasternet_t0 fasternet_t2 shvit_s1 shvit_s4
edgenext_xx_small edgenext_small_rw rdnet_tiny tresnet_m pit_ti_224 pit_xs_distilled_224 efficientformer_l1
efficientformerv2_s0 nextvit_small visformer_tiny mobilevit_xxs mobilevit_s mobilevitv2_050 tiny_vit_5m_224 davit_tiny
swiftformer_xs iformer_t iformer_m_distilled lcnetv2_small cspnext_tiny nest_tiny nest_tiny_jx volo_d1_224 coat_tiny
coat_lite_tiny hiera_tiny_224 gcvit_xxtiny regnetv_040 regnetz_005 vit_tiny_r_s16_p8_224 vit_small_r26_s32_224
vit_base_mci_224 vitamin_small_224 efficientnet_blur_b0
efficientvit_m0 efficientvit_m2 efficientvit_m5 crossvit_tiny_240 crossvit_9_dagger_240 convit_tiny mvitv2_tiny
mvitv2_small_cls lowformer_b0 lowformer_e1 hieradet_small coatnet_bn_0_rw_224 resnet50_gn resnetv2_50d_evos
resnetv2_50d_frn regnetz_b16_evos ese_vovnet39b_evos test_efficientnet_evos test_efficientnet_gn test_efficientnet_ln
""".split(),
}

# Networks ported from TensorFlow share the keys of timm's own, so these must be named.
NEEDS_NAME = re.compile(r"^(tf_|mobilenetv3|efficientnet_(b|lite|e)|efficientnetv2_[sml]$)")


def randomise(model, seed):
    """Random weights that keep activations of order one through any depth, and BatchNorms far from identity."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(like, low, high):
        return torch.empty_like(like).uniform_(low, high, generator=generator)

    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
                fan_in = module.weight[0].numel()
                module.weight.normal_(0, math.sqrt(2 / fan_in), generator=generator)
                if module.bias is not None:
                    module.bias.copy_(uniform(module.bias, -0.2, 0.2))
            elif hasattr(module, "running_mean") and module.running_mean is not None:
                if module.weight is not None:
                    module.weight.copy_(uniform(module.weight, 0.5, 1.0))
                    module.bias.copy_(uniform(module.bias, -0.2, 0.2))
                module.running_mean.copy_(uniform(module.running_mean, -0.3, 0.3))
                module.running_var.copy_(uniform(module.running_var, 0.5, 2.0))
    return model


def input_size(source, name):
    if "inception" in name:
        return 139  # its auxiliary head and stem need more pixels than the others
    if "vgg" in name:
        return 64 if source == "torchvision" else 224  # timm's classifier is a 7x7 convolution
    return 97


def batch_statistics(model, x):
    """Logits with batch statistics and the moments of every BatchNorm's input; dropout stays off."""
    moments = {}
    hooks = []
    for name, module in model.named_modules():
        if hasattr(module, "running_mean") and module.running_mean is not None:
            module.train()

            def hook(module, inputs, name=name):
                value = inputs[0]
                axes = [axis for axis in range(value.dim()) if axis != 1]
                moments[name] = (value.mean(axes), value.var(axes, unbiased=False))

            hooks.append(module.register_forward_pre_hook(hook))
    logits = model(x)
    for hook in hooks:
        hook.remove()
    return logits, moments


def relative(found, expected):
    scale = expected.abs().max().clamp_min(1e-30)
    return ((found.double() - expected).abs().max() / scale).item()


def check(engine, source, name, build, directory):
    model = randomise(build(), seed=0).eval()
    size = input_size(source, name)
    x = torch.randn(2, 3, size, size + 7, generator=torch.Generator().manual_seed(1))
    paths = [str(directory / part) for part in ("model.safetensors", "input.safetensors", "out.safetensors")]
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, paths[0])
    save_file({"input": x.permute(0, 2, 3, 1).contiguous()}, paths[1])
    command = [engine, "logits", *paths]
    if source == "timm" and NEEDS_NAME.match(name):
        command += ["--arch", name]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        return [source, name, "FAILED: " + run.stderr.strip().split("\n")[0], f"{size}x{size + 7}"] + ["-"] * 4
    found = load_file(paths[2])
    reference = copy.deepcopy(model).double()
    with torch.no_grad():
        logits = reference(x.double())
        batch_logits, moments = batch_statistics(reference, x.double())
        torch_logits, _ = batch_statistics(model, x)
    worst = 0.0
    for layer, (mean, variance) in moments.items():
        scale = variance.sqrt().max().clamp_min(1e-30)
        worst = max(worst, ((found[layer + ".mean"] - mean).abs().max() / scale).item())
        worst = max(worst, relative(found[layer + ".variance"], variance))
    unseen = {k.rsplit(".", 1)[0] for k in found if k.endswith(".mean")} - set(moments)
    if unseen:
        return [source, name, f"FAILED: moments of {sorted(unseen)[0]}, which PyTorch does not run", "-"] + ["-"] * 4
    errors = [relative(found["logits"], logits), relative(found["batch_logits"], batch_logits)]
    errors += [relative(torch_logits, batch_logits), worst]
    return [source, name, run.stdout.split("\t")[0], f"{size}x{size + 7}"] + [f"{e:.1e}" for e in errors]


def larger(source, name, model, size):
    """The network for images of another size, with positions resampled as its library does."""
    state = model.state_dict()
    if source == "timm":
        import timm

        try:
            other = timm.create_model(name, num_classes=lively.CLASSES, img_size=size)
        except TypeError:  # networks that take any size have no such option
            return model
        resample = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
        if type(model).__module__.endswith("deit"):
            resample = timm.models.vision_transformer.checkpoint_filter_fn
        other.load_state_dict(resample(dict(state), other) if resample and "swin" not in name else state)
        return other.eval()
    if "vit" not in name:
        return model
    import torchvision

    other = torchvision.models.get_model(name, weights=None, num_classes=lively.CLASSES, image_size=size)
    resample = torchvision.models.vision_transformer.interpolate_embeddings
    other.load_state_dict(resample(size, other.patch_size, collections.OrderedDict(state)))
    return other.eval()


def check_lively(engine, source, name, build, directory):
    """A row for each of two sizes; the second may be refused with a word about sizes."""
    model = lively.lively(build(num_classes=lively.CLASSES)).eval()
    own = getattr(model, "pretrained_cfg", {}).get("input_size", (3, 224, 224))[-1]
    if "convnext" in name:
        own = 160
    step = 32 if "swin" in name or "convnext" in name else 8
    patch = getattr(getattr(model, "patch_embed", model), "patch_size", None)
    step = patch if isinstance(patch, int) else patch[0] if patch else step
    for size in (own, round(1.3 * own / step) * step):
        x = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
        if size == own:
            lively.sharp(lively.calibrated(model, x), x)
        paths = [str(directory / part) for part in ("model.safetensors", "input.safetensors", "out.safetensors")]
        save_file({k: v.contiguous() for k, v in model.state_dict().items()}, paths[0])
        save_file({"input": x.permute(0, 2, 3, 1).contiguous()}, paths[1])
        command = [engine, "logits", *paths, "--arch", name]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode:
            is_size = size != own and "pixels" in run.stderr
            text = ("refused: " if is_size else "FAILED: ") + run.stderr.strip().split("\n")[0]
            yield [source, name, text, f"{size}x{size}"] + ["0" if is_size else "-"] + ["-"] * 3
            continue
        reference = larger(source, name, model, size) if size != own else model
        with torch.no_grad():
            logits = copy.deepcopy(reference).double()(x.double())
            own_error = relative(reference(x), logits)
        error = relative(load_file(paths[2])["logits"], logits)
        recognised = run.stdout.split("\t")[0]
        yield [source, name, recognised, f"{size}x{size}", f"{error:.1e}", "-", f"{own_error:.1e}", "-"]


def lively_networks(which):
    import timm
    import torchvision

    builders = {
        "torchvision": lambda name, **options: torchvision.models.get_model(name, weights=None, **options),
        "timm": lambda name, **options: timm.create_model(name, **options),
    }
    for source, names in LIVELY.items():
        if which in (source, "all"):
            for name in names:
                yield source, name, functools.partial(builders[source], name)


def models(which):
    if which in ("torchvision", "all"):
        import torchvision

        for name in TORCHVISION:
            yield "torchvision", name, lambda name=name: torchvision.models.get_model(
                name, weights=None, **({"init_weights": False} if name in ("googlenet", "inception_v3") else {})
            )
    if which in ("timm", "all"):
        import timm

        for name in TIMM:
            yield "timm", name, lambda name=name: timm.create_model(name, pretrained=False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("engine")
    parser.add_argument("--out")
    parser.add_argument("--only", default="")
    parser.add_argument("--source", default="all", choices=["torchvision", "timm", "all"])
    options = parser.parse_args()

    import timm
    import torchvision

    lines = [
        f"# torch {torch.__version__}, torchvision {torchvision.__version__}, timm {timm.__version__}",
        "source\tmodel\trecognised\tinput\tlogits\tbatch_logits\ttorch_batch_logits\tmoments",
    ]
    print("\n".join(lines), flush=True)
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        for source, name, build in models(options.source):
            if not re.search(options.only, name):
                continue
            row = check(options.engine, source, name, build, Path(directory))
            failed += row[4] == "-" or float(row[4]) > 1e-4
            lines.append("\t".join(row))
            print(lines[-1], flush=True)
        for source, name, build in lively_networks(options.source):
            if not re.search(options.only, name):
                continue
            for row in check_lively(options.engine, source, name, build, Path(directory)):
                # Statistics of two images may amplify rounding, PyTorch's as much as ours.
                bound = 1e-4 if row[6] == "-" else max(1e-4, float(row[6]))
                failed += row[4] == "-" or float(row[4]) > bound
                lines.append("\t".join(row))
                print(lines[-1], flush=True)
    if options.out:
        Path(options.out).write_text("\n".join(lines) + "\n")
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
