"""Writes Tests/NetworkTests/Goldens/*.json: logits of small networks of every family, computed by PyTorch in float64.

Weights are not stored: test and script both draw them by SplitMix64, tensor by tensor in the byte order of the names,
with the tensor's position as the seed. Versions used are in the files. Names given as arguments are written alone.
"""

import functools
import json
import math
import sys
from pathlib import Path

import numpy as np
import timm
import torch
import torchvision
from efficientnet_lite_pytorch import EfficientNet
from torch import nn
from torchvision.models.efficientnet import FusedMBConvConfig, MBConvConfig
from torchvision.models.mobilenetv3 import _mobilenet_v3_conf
from torchvision.models.regnet import BlockParams

import make_published_tables
from logits import batch_statistics


def uniform(seed, count):
    """The first numbers in [0, 1) of SplitMix64."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def values(name, shape, seed):
    u = uniform(seed, math.prod(shape))
    if name.endswith(".running_var"):
        u = 0.5 + 1.5 * u
    elif name.endswith(".running_mean"):
        u = 0.6 * u - 0.3
    elif name.endswith(".bias"):
        u = 0.4 * u - 0.2
    elif len(shape) == 1:
        u = 0.5 + 0.5 * u
    else:
        u = (2 * u - 1) * math.sqrt(6 / math.prod(shape[1:]))
    return torch.from_numpy(u.astype(np.float32)).reshape(shape)


def small_vgg():
    model = torchvision.models.VGG(
        torchvision.models.vgg.make_layers([8, "M", 8, "M", 12, 12, "M", 16, "M", 16, 16, "M"], batch_norm=True))
    model.classifier[0], model.classifier[3] = torch.nn.Linear(16 * 49, 24), torch.nn.Linear(24, 20)
    model.classifier[6] = torch.nn.Linear(20, 10)
    return model


def small_v3(kind):
    setting, _ = _mobilenet_v3_conf(f"mobilenet_v3_{kind}", width_mult=0.25)
    return torchvision.models.MobileNetV3(setting, last_channel=48, num_classes=10)


def small_efficientnet(last, *setting, eps=1e-5):
    norm = functools.partial(torch.nn.BatchNorm2d, eps=eps)
    return torchvision.models.EfficientNet(
        list(setting), dropout=0.2, num_classes=10, last_channel=last, norm_layer=norm)


def small_b():
    rows = [(1, 3, 1, 16, 8, 1), (6, 3, 2, 8, 8, 2), (6, 5, 2, 8, 16, 1), (6, 3, 2, 16, 16, 1), (6, 5, 1, 16, 24, 2)]
    return small_efficientnet(40, *[MBConvConfig(*row) for row in rows])


def timm_model(name, **options):
    return timm.create_model(name, num_classes=10, **options)


class CIFARBlock(nn.Module):
    """A residual block with the names of kuangliu/pytorch-cifar, or of weiaicunzai/pytorch-cifar100."""

    def __init__(self, inputs, width, stride, expansion, in_sequence):
        super().__init__()
        outputs = width * expansion
        shapes = [(inputs, width, 3, stride), (width, outputs, 3, 1)]
        if expansion > 1:
            shapes = [(inputs, width, 1, 1), (width, width, 3, stride), (width, outputs, 1, 1)]
        layers = []
        for number, (i, o, kernel, step) in enumerate(shapes, 1):
            pair = nn.Conv2d(i, o, kernel, step, kernel // 2, bias=False), nn.BatchNorm2d(o)
            layers += [*pair, nn.ReLU()]
            if not in_sequence:
                setattr(self, f"conv{number}", pair[0])
                setattr(self, f"bn{number}", pair[1])
        steps = nn.Sequential(*layers[:-1])
        if in_sequence:
            self.residual_function = steps
        self.steps = [steps]  # in a list, so that its names are not registered twice
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        return torch.relu(self.steps[0](x) + self.shortcut(x))


class CIFARResNet(nn.Module):
    """ResNet for small images with the names of either repository."""

    def __init__(self, blocks, expansion, in_sequence, width=8):
        super().__init__()
        stem = nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        self.conv1 = nn.Sequential(*stem, nn.ReLU()) if in_sequence else stem[0]
        if not in_sequence:
            self.bn1 = stem[1]
        self.stem = [nn.Sequential(*stem, nn.ReLU())]
        self.stages, inputs = [], width
        for stage, count in enumerate(blocks):
            stride, layers = min(stage, 1) + 1, []
            for _ in range(count):
                layers.append(CIFARBlock(inputs, width << stage, stride, expansion, in_sequence))
                inputs, stride = (width << stage) * expansion, 1
            self.stages.append(nn.Sequential(*layers))
            setattr(self, f"conv{stage + 2}_x" if in_sequence else f"layer{stage + 1}", self.stages[-1])
        self.head = "fc" if in_sequence else "linear"
        setattr(self, self.head, nn.Linear(inputs, 10))

    def forward(self, x):
        x = self.stem[0](x)
        for stage in self.stages:
            x = stage(x)
        return getattr(self, self.head)(x.mean((2, 3)))


def small_convnext():
    block = torchvision.models.convnext.CNBlockConfig
    return torchvision.models.ConvNeXt([block(8, 16, 1), block(16, 24, 2), block(24, None, 1)], num_classes=10)


def timm_convnext(**options):
    return timm.models.convnext.ConvNeXt(num_classes=10, depths=(1, 1, 2, 1), dims=(8, 16, 24, 40), **options)


def resized_vit(name, size, model):
    """The network for images of another size."""
    other = timm_model(name, img_size=size)
    other.load_state_dict(timm.models.vision_transformer.checkpoint_filter_fn(model.state_dict(), other))
    return other


def small_swin(**options):
    return torchvision.models.SwinTransformer(
        patch_size=[4, 4], embed_dim=16, depths=[1, 2], num_heads=[1, 2], window_size=[3, 3], num_classes=10, **options)


def small_swin_v2():
    module = torchvision.models.swin_transformer
    return small_swin(block=module.SwinTransformerBlockV2, downsample_layer=module.PatchMergingV2)


def timm_swin():
    return timm.models.swin_transformer.SwinTransformer(
        img_size=(44, 36), patch_size=4, embed_dim=16, depths=(2, 2), num_heads=(1, 2), window_size=3, num_classes=10)


def token_transformer(size=32, **options):
    options = {"img_size": size, "patch_size": 8, "embed_dim": 32, "depth": 2, "num_heads": 2, "num_classes": 10} | options
    return options


def beit():
    return timm.models.beit.Beit(
        **token_transformer(use_abs_pos_emb=False, use_rel_pos_bias=True, init_values=0.1))


def eva(**options):
    return timm.models.eva.Eva(**token_transformer(**options))


def vision_transformer(**options):
    return timm.models.vision_transformer.VisionTransformer(**token_transformer(**options))


def mixer(**options):
    return timm.models.mlp_mixer.MlpMixer(
        img_size=32, patch_size=8, num_blocks=2, embed_dim=32, num_classes=10, **options)


def metaformer(**options):
    return timm.models.metaformer.MetaFormer(
        depths=(1, 1, 2, 1), dims=(8, 16, 64, 96), num_classes=10, **options)


def norm_free(**options):
    module = timm.models.nfnet
    config = {"depths": (1, 2, 1, 1), "channels": (16, 32, 48, 64), "act_layer": "relu"} | options
    return module.NormFreeNet(module.NfCfg(**config), num_classes=10)


def maxxvit(**options):
    module = timm.models.maxxvit
    transformer = module.MaxxVitTransformerCfg(dim_head=8, **options.pop("transformer", {}))
    convolution = module.MaxxVitConvCfg(**options.pop("convolution", {}))
    size = options.pop("size", 64)
    config = module.MaxxVitCfg(
        embed_dim=(16, 24, 32, 48), stem_width=16, conv_cfg=convolution, transformer_cfg=transformer, **options)
    return module.MaxxVit(config, img_size=size, num_classes=10)


def metaformer_mixers():
    module = timm.models.metaformer
    return [module.SepConv, module.SepConv, module.Attention, module.Attention]


def metaformer_norms():
    module = timm.models.metaformer
    return [module.LayerNorm2dNoBias] * 2 + [module.LayerNormNoBias] * 2


# Networks of families that are known by published layouts alone: the test takes the settings from the file.
# name: (family of make_published_tables.py, builder, height, width)
TABULATED = {
    "beit": ("tokens", beit, 32, 32),
    "eva02": (
        "tokens", lambda: eva(
            qkv_fused=False, mlp_ratio=8 / 3, swiglu_mlp=True, scale_mlp=True, use_rot_pos_emb=True,
            ref_feat_shape=(3, 3)), 32, 32),
    "rope-mixed": (
        "tokens", lambda: eva(
            attn_type="rope", use_rot_pos_emb=True, rope_type="mixed", rope_grid_indexing="xy", use_abs_pos_emb=False,
            global_pool="token", init_values=0.1, use_fc_norm=False, no_embed_class=True, img_size=(48, 40)), 48, 40),
    "rope-centered": (
        "tokens", lambda: eva(
            attn_type="rope", use_rot_pos_emb=True, rope_type="dinov3", rope_rotate_half=True, rope_temperature=100.0,
            use_abs_pos_emb=False, num_reg_tokens=2, qk_norm=True, qkv_fused=False, num_kv_heads=1,
            dynamic_img_size=True), 48, 40),
    "attention-pool": (
        "tokens", lambda: vision_transformer(
            global_pool="map", class_token=False, reg_tokens=2, no_embed_class=True, qk_norm=True, qkv_bias=False,
            mlp_layer=timm.layers.SwiGLU), 32, 32),
    "parallel": (
        "tokens", lambda: vision_transformer(
            block_fn=timm.models.vision_transformer.ParallelScalingBlock, qk_norm=True, qkv_bias=False,
            norm_layer=timm.layers.RmsNorm), 32, 32),
    "relative-positions": (
        "tokens", lambda: timm.models.vision_transformer_relpos.VisionTransformerRelPos(
            **token_transformer(rel_pos_type="mlp", rel_pos_dim=16, class_token=True)), 32, 32),
    "mixer": ("mixer", mixer, 32, 32),
    "gmlp": (
        "mixer", lambda: mixer(
            mlp_ratio=3, block_layer=timm.models.mlp_mixer.SpatialGatingBlock, mlp_layer=timm.layers.GatedMlp), 32, 32),
    "resmlp": (
        "mixer", lambda: mixer(
            mlp_ratio=3, block_layer=timm.models.mlp_mixer.ResBlock, norm_layer=timm.models.mlp_mixer.Affine), 32, 32),
    "caformer": (
        "metaformer",
        lambda: metaformer(token_mixers=metaformer_mixers(), norm_layers=metaformer_norms()), 64, 71),
    "poolformer": (
        "metaformer", lambda: metaformer(
            mlp_act=nn.GELU, mlp_bias=True, norm_layers=timm.layers.GroupNorm1, layer_scale_init_values=0.1,
            res_scale_init_values=[None] * 4, downsample_norm=None, use_mlp_head=False), 64, 71),
    "nfnet": (
        "nfnet", lambda: norm_free(
            group_size=8, bottle_ratio=0.5, extra_conv=True, skipinit=True, num_features=96, attn_layer="se",
            attn_kwargs={"rd_ratio": 0.5}, act_layer="gelu", gamma_in_act=True, same_padding=True,
            stem_type="deep_quad", stem_chs=16), 64, 71),
    "nf-regnet": (
        "nfnet", lambda: norm_free(
            group_size=8, bottle_ratio=2, reg=True, attn_layer="eca", attn_kwargs={}, stem_type="7x7_pool", stem_chs=16), 64, 71),
    "maxvit": (
        "maxxvit", lambda: maxxvit(
            depths=(1, 1, 1, 1), block_type=("M",) * 4, transformer={"window_size": (2, 2), "rel_pos_type": "bias_tf"},
            convolution={"padding": "same", "norm_eps": 1e-3}, head_hidden_size=32), 64, 128),
    "coatnet": (
        "maxxvit", lambda: maxxvit(
            depths=(1, 2, 1, 2), block_type=("C", "C", "T", "T"),
            transformer={"rel_pos_type": "mlp", "rel_pos_dim": 16, "init_values": 0.1},
            convolution={"stride_mode": "pool", "pre_norm_act": True}), 64, 64),
    "xcit": (
        "xcit", lambda: timm.models.xcit.Xcit(
            patch_size=8, embed_dim=32, depth=2, num_heads=4, cls_attn_layers=2, eta=0.5, tokens_norm=True,
            num_classes=10), 48, 56),
    "cait": (
        "cait", lambda: timm.models.cait.Cait(
            img_size=32, patch_size=8, embed_dim=32, depth=2, num_heads=4, num_classes=10, init_values=0.5), 32, 32),
    "swin-cr": (
        "swin_cr", lambda: timm.models.swin_transformer_v2_cr.SwinTransformerV2Cr(
            img_size=(64, 64), window_size=4, embed_dim=16, depths=(2, 2), num_heads=(2, 2), extra_norm_stage=True,
            num_classes=10), 64, 64),
    "pvt": (
        "pyramid", lambda: timm.models.pvt_v2.PyramidVisionTransformerV2(
            depths=(1, 1, 1, 1), embed_dims=(8, 16, 24, 32), num_heads=(1, 2, 3, 4), num_classes=10), 64, 71),
    "twins": (
        "pyramid", lambda: timm.models.twins.Twins(
            embed_dims=(8, 16, 24, 32), num_heads=(1, 2, 3, 4), depths=(2, 1, 1, 1), wss=(3, 3, 3, 3), num_classes=10),
        64, 96),
    "focalnet": (
        "focalnet", lambda: timm.models.focalnet.FocalNet(
            embed_dim=8, depths=(1, 1, 1, 1), use_post_norm=True, use_overlap_down=True, layerscale_value=0.5,
            normalize_modulator=True, num_classes=10), 64, 71),
    "mambaout": (
        "mambaout", lambda: timm.models.mambaout.MambaOut(
            depths=(1, 1, 1, 1), dims=(8, 16, 24, 32), conv_ratio=0.5, ls_init_value=0.5, num_classes=10), 64, 71),
    "inception-next": (
        "inception_next", lambda: timm.models.inception_next.MetaNeXt(
            depths=(1, 1, 1, 1), dims=(16, 24, 32, 48), num_classes=10), 64, 71),
    "levit": (
        "levit", lambda: timm.models.levit.Levit(
            img_size=112, embed_dim=(32, 48), key_dim=8, depth=(1, 1), num_heads=(2, 3), num_classes=10), 112, 112),
}

# name: (builder, height, width, architecture to pass or None[, builder of the network for another size])
MODELS = {
    "vgg": (small_vgg, 64, 70, None),
    "densenet": (
        lambda: torchvision.models.DenseNet(
            growth_rate=8, block_config=(2, 3, 2), num_init_features=16, bn_size=2, num_classes=10), 49, 64, None),
    "mobilenet_v2": (lambda: torchvision.models.MobileNetV2(num_classes=10, width_mult=0.25), 64, 71, None),
    "mobilenet_v3_large": (lambda: small_v3("large"), 64, 71, None),
    "mobilenet_v3_small": (lambda: small_v3("small"), 64, 71, None),
    "efficientnet": (small_b, 64, 71, None),
    "efficientnet_v2": (
        lambda: small_efficientnet(
            40, FusedMBConvConfig(1, 3, 1, 8, 8, 2), FusedMBConvConfig(4, 3, 2, 8, 16, 2),
            MBConvConfig(4, 3, 2, 16, 24, 2), eps=1e-3), 64, 71, None),
    "regnet_x": (
        lambda: torchvision.models.RegNet(
            BlockParams.from_init_params(depth=6, w_0=16, w_a=16.5, w_m=2.2, group_width=8), num_classes=10),
        64, 71, None),
    "regnet_y": (
        lambda: torchvision.models.RegNet(
            BlockParams.from_init_params(depth=6, w_0=24, w_a=16.5, w_m=2.2, group_width=12, se_ratio=0.25),
            num_classes=10), 64, 71, None),
    "regnet-timm": (lambda: timm_model("regnety_002"), 64, 71, None),
    "mnasnet": (lambda: torchvision.models.MNASNet(0.25, num_classes=10), 64, 71, None),
    "shufflenet_v2": (
        lambda: torchvision.models.ShuffleNetV2([4, 8, 4], [24, 24, 48, 96, 64], num_classes=10), 64, 71, None),
    "googlenet": (
        lambda: torchvision.models.GoogLeNet(num_classes=10, aux_logits=True, init_weights=False), 64, 71, None),
    "resnet-d-se": (
        lambda: timm.models.resnet.ResNet(
            timm.models.resnet.Bottleneck, [1, 2, 1, 1], num_classes=10, stem_width=8, stem_type="deep", avg_down=True,
            base_width=8, cardinality=2, channels=(8, 12, 16, 20), block_args={"attn_layer": "se"}), 63, 71, None),
    "mobilenetv2-timm": (lambda: timm_model("mobilenetv2_050"), 64, 71, None),
    "mobilenetv3-timm": (lambda: timm_model("mobilenetv3_small_050"), 64, 71, "mobilenetv3_small_050"),
    "mobilenetv3-tf": (lambda: timm_model("tf_mobilenetv3_small_075"), 65, 70, "tf_mobilenetv3_small_075"),
    "mnasnet-timm": (lambda: timm_model("mnasnet_small"), 64, 71, None),
    "convnext": (small_convnext, 64, 71, None),
    "convnext-timm": (lambda: timm_convnext(conv_mlp=True, stem_type="overlap_tiered"), 64, 71, None),
    "convnext-v2": (lambda: timm_convnext(use_grn=True, ls_init_value=None), 96, 71, None),
    "swin": (small_swin, 44, 37, None),
    "swin-v2": (small_swin_v2, 44, 37, None),
    "swin-timm": (timm_swin, 44, 36, None),
    "vit": (lambda: timm_model("test_vit"), 160, 160, None),
    "vit-larger": (
        lambda: timm_model("test_vit2"), 208, 208, "test_vit2", lambda model: resized_vit("test_vit2", 208, model)),
    "vit-smaller": (
        lambda: timm_model("test_vit"), 96, 96, None, lambda model: resized_vit("test_vit", 96, model)),
    "efficientnet-lite-tf": (lambda: timm_model("tf_efficientnet_lite0"), 65, 70, "tf_efficientnet_lite0"),
    "efficientnet-edge": (lambda: timm_model("efficientnet_em"), 64, 71, "efficientnet_em"),
    "efficientnet-lite-pytorch": (
        lambda: EfficientNet.from_name("efficientnet-lite0", image_size=None, num_classes=10), 65, 70, None),
    "resnet-cifar-layers": (lambda: CIFARResNet([2, 2, 2, 2], 1, False), 32, 37, "resnet18-cifar"),
    "resnet-cifar-sequences": (lambda: CIFARResNet([1, 2, 1, 1], 4, True), 32, 37, "resnet-cifar"),
}


def main():
    directory = Path(__file__).parent.parent / "NetworkTests" / "Goldens"
    directory.mkdir(exist_ok=True)
    for name in sys.argv[1:] or [*MODELS, *TABULATED]:
        own = {}
        if name in TABULATED:
            family, build, height, width = TABULATED[name]
            architecture, resize, model = None, [], build()
            struct, _, settings, _ = make_published_tables.FAMILIES[family]
            words = [key if value is None else f"{key}={value}" for key, value in settings(name, model).items()]
            own = {"family": struct, "settings": " ".join(words)}
        else:
            build, height, width, architecture, *resize = MODELS[name]
            model = build()
        state = model.state_dict()
        names = sorted((k for k in state if state[k].is_floating_point()), key=lambda k: k.encode())
        for seed, key in enumerate(names):
            if key.endswith("relative_coords_table"):
                continue  # constants of the window, which nothing learns
            state[key] = values(key, tuple(state[key].shape), seed)
        model.load_state_dict(state)
        for other in resize:
            model = other(model)
        model = model.double().eval()
        x = 2 * uniform(1_000_000, 2 * height * width * 3) - 1
        x = torch.from_numpy(x.astype(np.float32)).reshape(2, height, width, 3).permute(0, 3, 1, 2).double()
        with torch.no_grad():
            logits = model(x)
            batch_logits, _ = batch_statistics(model, x)
        golden = {
            "versions": f"torch {torch.__version__}, torchvision {torchvision.__version__}, timm {timm.__version__}",
            "architecture": architecture,
            **own,
            "height": height,
            "width": width,
            "tensors": [[key, list(state[key].shape)] for key in names],
            "logits": [float(f"{v:.9g}") for v in logits.flatten().tolist()],
            "batch_logits": [float(f"{v:.9g}") for v in batch_logits.flatten().tolist()],
        }
        (directory / f"{name}.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
        print(name, sum(math.prod(state[k].shape) for k in names), flush=True)


if __name__ == "__main__":
    main()
