// swift-format-ignore-file
// Written by Tests/Interop/make_transformer_names.py with timm 1.0.31: name, width, blocks, patch, hidden units,
// heads, eps, activation, pooling, and what else the tensors show.

extension VisionTransformer {
  static let table = """
    deit3_base_patch16_224 768 12 16 3072 12 1e-06 gelu token class bare-prefix qkv-bias layer-scale
    deit3_base_patch16_384 768 12 16 3072 12 1e-06 gelu token class bare-prefix qkv-bias layer-scale
    deit3_huge_patch14_224 1280 32 14 5120 16 1e-06 gelu token class bare-prefix qkv-bias layer-scale
    deit3_large_patch16_224 1024 24 16 4096 16 1e-06 gelu token class bare-prefix qkv-bias layer-scale
    deit3_large_patch16_384 1024 24 16 4096 16 1e-06 gelu token class bare-prefix qkv-bias layer-scale
    deit3_medium_patch16_224 512 12 16 2048 8 1e-06 gelu token class bare-prefix qkv-bias layer-scale
    deit3_small_patch16_224 384 12 16 1536 6 1e-06 gelu token class bare-prefix qkv-bias layer-scale
    deit3_small_patch16_384 384 12 16 1536 6 1e-06 gelu token class bare-prefix qkv-bias layer-scale
    deit_base_distilled_patch16_224 768 12 16 3072 12 1e-06 gelu token class distilled qkv-bias
    deit_base_distilled_patch16_384 768 12 16 3072 12 1e-06 gelu token class distilled qkv-bias
    deit_base_patch16_224 768 12 16 3072 12 1e-06 gelu token class qkv-bias
    deit_base_patch16_384 768 12 16 3072 12 1e-06 gelu token class qkv-bias
    deit_small_distilled_patch16_224 384 12 16 1536 6 1e-06 gelu token class distilled qkv-bias
    deit_small_patch16_224 384 12 16 1536 6 1e-06 gelu token class qkv-bias
    deit_tiny_distilled_patch16_224 192 12 16 768 3 1e-06 gelu token class distilled qkv-bias
    deit_tiny_patch16_224 192 12 16 768 3 1e-06 gelu token class qkv-bias
    eva_large_patch14_196 1024 24 14 4096 16 1e-06 gelu avg class fc-norm qkv-bias
    eva_large_patch14_336 1024 24 14 4096 16 1e-06 gelu avg class fc-norm qkv-bias
    flexivit_base 768 12 16 3072 12 1e-06 gelu token class bare-prefix qkv-bias
    flexivit_large 1024 24 16 4096 16 1e-06 gelu token class bare-prefix qkv-bias
    flexivit_small 384 12 16 1536 6 1e-06 gelu token class bare-prefix qkv-bias
    test_vit 64 6 16 192 2 1e-06 gelu token class qkv-bias
    test_vit2 64 8 16 192 2 1e-06 gelu avg registers=1 fc-norm qkv-bias layer-scale
    vit_base_patch14_dinov2 768 12 14 3072 12 1e-06 gelu token class qkv-bias layer-scale
    vit_base_patch14_reg1_tipsv2 768 12 14 3072 12 1e-06 gelu token class registers=1 bare-prefix qkv-bias layer-scale
    vit_base_patch14_reg4_dinov2 768 12 14 3072 12 1e-06 gelu token class registers=4 bare-prefix qkv-bias layer-scale
    vit_base_patch16_224 768 12 16 3072 12 1e-06 gelu token class qkv-bias
    vit_base_patch16_224_miil 768 12 16 3072 12 1e-06 gelu token class
    vit_base_patch16_384 768 12 16 3072 12 1e-06 gelu token class qkv-bias
    vit_base_patch16_clip_224 768 12 16 3072 12 1e-05 gelu token class pre-norm qkv-bias
    vit_base_patch16_clip_384 768 12 16 3072 12 1e-05 gelu token class pre-norm qkv-bias
    vit_base_patch16_clip_quickgelu_224 768 12 16 3072 12 1e-05 quickGelu token class pre-norm qkv-bias
    vit_base_patch16_gap_224 768 12 16 3072 16 1e-06 gelu avg qkv-bias
    vit_base_patch16_plus_240 896 12 16 3584 14 1e-06 gelu token class qkv-bias layer-scale
    vit_base_patch16_plus_clip_240 896 12 16 3584 14 1e-05 gelu token class pre-norm qkv-bias
    vit_base_patch16_reg4_gap_256 768 12 16 3072 12 1e-06 gelu avg registers=4 bare-prefix fc-norm qkv-bias
    vit_base_patch16_siglip_gap_224 768 12 16 3072 12 1e-06 gelu avg qkv-bias
    vit_base_patch16_siglip_gap_256 768 12 16 3072 12 1e-06 gelu avg qkv-bias
    vit_base_patch16_siglip_gap_384 768 12 16 3072 12 1e-06 gelu avg qkv-bias
    vit_base_patch16_siglip_gap_512 768 12 16 3072 12 1e-06 gelu avg qkv-bias
    vit_base_patch32_224 768 12 32 3072 12 1e-06 gelu token class qkv-bias
    vit_base_patch32_384 768 12 32 3072 12 1e-06 gelu token class qkv-bias
    vit_base_patch32_clip_224 768 12 32 3072 12 1e-05 gelu token class pre-norm qkv-bias
    vit_base_patch32_clip_256 768 12 32 3072 12 1e-05 gelu token class pre-norm qkv-bias
    vit_base_patch32_clip_384 768 12 32 3072 12 1e-05 gelu token class pre-norm qkv-bias
    vit_base_patch32_clip_448 768 12 32 3072 12 1e-05 gelu token class pre-norm qkv-bias
    vit_base_patch32_clip_quickgelu_224 768 12 32 3072 12 1e-05 quickGelu token class pre-norm qkv-bias
    vit_base_patch32_plus_256 896 12 32 3584 14 1e-06 gelu token class qkv-bias layer-scale
    vit_base_patch32_siglip_gap_256 768 12 32 3072 12 1e-06 geluTanh avg qkv-bias
    vit_base_patch8_224 768 12 8 3072 12 1e-06 gelu token class qkv-bias
    vit_betwixt_patch16_gap_256 640 12 16 2560 10 1e-06 gelu avg layer-scale
    vit_betwixt_patch16_reg1_gap_256 640 12 16 2560 10 1e-06 gelu avg registers=1 bare-prefix fc-norm qkv-bias layer-scale
    vit_betwixt_patch16_reg4_gap_256 640 12 16 2560 10 1e-06 gelu avg registers=4 bare-prefix fc-norm qkv-bias layer-scale
    vit_betwixt_patch16_reg4_gap_384 640 12 16 2560 10 1e-06 gelu avg registers=4 bare-prefix fc-norm qkv-bias layer-scale
    vit_betwixt_patch32_clip_224 640 12 32 2560 10 1e-05 gelu token class pre-norm qkv-bias
    vit_giant_patch14_224 1408 40 14 6144 16 1e-06 gelu token class qkv-bias
    vit_giant_patch14_clip_224 1408 40 14 6144 16 1e-05 gelu token class pre-norm qkv-bias
    vit_giant_patch16_gap_224 1408 40 16 6144 16 1e-06 gelu avg qkv-bias
    vit_giantopt_patch16_siglip_gap_256 1536 40 16 6144 16 1e-06 geluTanh avg qkv-bias
    vit_giantopt_patch16_siglip_gap_384 1536 40 16 6144 16 1e-06 geluTanh avg qkv-bias
    vit_gigantic_patch14_224 1664 48 14 8192 16 1e-06 gelu token class qkv-bias
    vit_gigantic_patch14_clip_224 1664 48 14 8192 16 1e-05 gelu token class pre-norm qkv-bias
    vit_gigantic_patch14_clip_378 1664 48 14 8192 16 1e-05 gelu token class pre-norm qkv-bias
    vit_gigantic_patch14_clip_quickgelu_224 1664 48 14 8192 16 1e-05 quickGelu token class pre-norm qkv-bias
    vit_huge_patch14_224 1280 32 14 5120 16 1e-06 gelu token class qkv-bias
    vit_huge_patch14_clip_224 1280 32 14 5120 16 1e-05 gelu token class pre-norm qkv-bias
    vit_huge_patch14_clip_336 1280 32 14 5120 16 1e-05 gelu token class pre-norm qkv-bias
    vit_huge_patch14_clip_378 1280 32 14 5120 16 1e-05 gelu token class pre-norm qkv-bias
    vit_huge_patch14_clip_quickgelu_224 1280 32 14 5120 16 1e-05 quickGelu token class pre-norm qkv-bias
    vit_huge_patch14_clip_quickgelu_378 1280 32 14 5120 16 1e-05 quickGelu token class pre-norm qkv-bias
    vit_huge_patch14_gap_224 1280 32 14 5120 16 1e-06 gelu avg qkv-bias
    vit_huge_patch16_gap_448 1280 32 16 5120 16 1e-06 gelu avg qkv-bias
    vit_large_patch14_224 1024 24 14 4096 16 1e-06 gelu token class qkv-bias
    vit_large_patch14_clip_224 1024 24 14 4096 16 1e-05 gelu token class pre-norm qkv-bias
    vit_large_patch14_clip_336 1024 24 14 4096 16 1e-05 gelu token class pre-norm qkv-bias
    vit_large_patch14_clip_quickgelu_224 1024 24 14 4096 16 1e-05 quickGelu token class pre-norm qkv-bias
    vit_large_patch14_clip_quickgelu_336 1024 24 14 4096 16 1e-05 quickGelu token class pre-norm qkv-bias
    vit_large_patch14_dinov2 1024 24 14 4096 16 1e-06 gelu token class qkv-bias layer-scale
    vit_large_patch14_reg1_tipsv2 1024 24 14 4096 16 1e-06 gelu token class registers=1 bare-prefix qkv-bias layer-scale
    vit_large_patch14_reg4_dinov2 1024 24 14 4096 16 1e-06 gelu token class registers=4 bare-prefix qkv-bias layer-scale
    vit_large_patch16_224 1024 24 16 4096 16 1e-06 gelu token class qkv-bias
    vit_large_patch16_384 1024 24 16 4096 16 1e-06 gelu token class qkv-bias
    vit_large_patch16_siglip_gap_256 1024 24 16 4096 16 1e-06 gelu avg qkv-bias
    vit_large_patch16_siglip_gap_384 1024 24 16 4096 16 1e-06 gelu avg qkv-bias
    vit_large_patch16_siglip_gap_512 1024 24 16 4096 16 1e-06 geluTanh avg qkv-bias
    vit_large_patch32_224 1024 24 32 4096 16 1e-06 gelu token class qkv-bias
    vit_large_patch32_384 1024 24 32 4096 16 1e-06 gelu token class qkv-bias
    vit_little_patch16_reg1_gap_256 320 14 16 1792 5 1e-06 gelu avg registers=1 bare-prefix fc-norm qkv-bias layer-scale
    vit_little_patch16_reg4_gap_256 320 14 16 1792 5 1e-06 gelu avg registers=4 bare-prefix fc-norm qkv-bias layer-scale
    vit_medium_patch16_clip_224 512 12 16 2048 8 1e-05 gelu token class pre-norm qkv-bias
    vit_medium_patch16_gap_240 512 12 16 2048 8 1e-06 gelu avg layer-scale
    vit_medium_patch16_gap_256 512 12 16 2048 8 1e-06 gelu avg layer-scale
    vit_medium_patch16_gap_384 512 12 16 2048 8 1e-06 gelu avg layer-scale
    vit_medium_patch16_reg1_gap_256 512 12 16 2048 8 1e-06 gelu avg registers=1 bare-prefix fc-norm qkv-bias layer-scale
    vit_medium_patch16_reg4_gap_256 512 12 16 2048 8 1e-06 gelu avg registers=4 bare-prefix fc-norm qkv-bias layer-scale
    vit_medium_patch32_clip_224 512 12 32 2048 8 1e-05 gelu token class pre-norm qkv-bias
    vit_mediumd_patch16_reg4_gap_256 512 20 16 2048 8 1e-06 gelu avg registers=4 bare-prefix fc-norm qkv-bias layer-scale
    vit_mediumd_patch16_reg4_gap_384 512 20 16 2048 8 1e-06 gelu avg registers=4 bare-prefix fc-norm qkv-bias layer-scale
    vit_small_patch14_dinov2 384 12 14 1536 6 1e-06 gelu token class qkv-bias layer-scale
    vit_small_patch14_reg4_dinov2 384 12 14 1536 6 1e-06 gelu token class registers=4 bare-prefix qkv-bias layer-scale
    vit_small_patch16_224 384 12 16 1536 6 1e-06 gelu token class qkv-bias
    vit_small_patch16_36x1_224 384 36 16 1536 6 1e-06 gelu token class qkv-bias layer-scale
    vit_small_patch16_384 384 12 16 1536 6 1e-06 gelu token class qkv-bias
    vit_small_patch32_224 384 12 32 1536 6 1e-06 gelu token class qkv-bias
    vit_small_patch32_384 384 12 32 1536 6 1e-06 gelu token class qkv-bias
    vit_small_patch8_224 384 12 8 1536 6 1e-06 gelu token class qkv-bias
    vit_so150m2_patch16_reg1_gap_256 832 21 16 2176 13 1e-06 gelu avg registers=1 fc-norm layer-scale
    vit_so150m2_patch16_reg1_gap_384 832 21 16 2176 13 1e-06 gelu avg registers=1 fc-norm layer-scale
    vit_so150m2_patch16_reg1_gap_448 832 21 16 2176 13 1e-06 gelu avg registers=1 fc-norm layer-scale
    vit_so150m_patch16_reg4_gap_256 896 18 16 2304 14 1e-06 gelu avg registers=4 qkv-bias
    vit_so150m_patch16_reg4_gap_384 896 18 16 2304 14 1e-06 gelu avg registers=4 qkv-bias
    vit_so400m_patch14_reg1_tipsv2 1152 27 14 4304 16 1e-06 gelu token class registers=1 bare-prefix qkv-bias layer-scale
    vit_so400m_patch14_siglip_gap_224 1152 27 14 4304 16 1e-06 gelu avg qkv-bias
    vit_so400m_patch14_siglip_gap_378 1152 27 14 4304 16 1e-06 gelu avg qkv-bias
    vit_so400m_patch14_siglip_gap_384 1152 27 14 4304 16 1e-06 gelu avg qkv-bias
    vit_so400m_patch14_siglip_gap_448 1152 27 14 4304 16 1e-06 gelu avg qkv-bias
    vit_so400m_patch14_siglip_gap_896 1152 27 14 4304 16 1e-06 gelu avg qkv-bias
    vit_so400m_patch16_siglip_gap_256 1152 27 16 4304 16 1e-06 geluTanh avg qkv-bias
    vit_so400m_patch16_siglip_gap_384 1152 27 16 4304 16 1e-06 geluTanh avg qkv-bias
    vit_so400m_patch16_siglip_gap_512 1152 27 16 4304 16 1e-06 geluTanh avg qkv-bias
    vit_tiny_patch16_224 192 12 16 768 3 1e-06 gelu token class qkv-bias
    vit_tiny_patch16_384 192 12 16 768 3 1e-06 gelu token class qkv-bias
    vit_wee_patch16_reg1_gap_256 256 14 16 1280 4 1e-06 gelu avg registers=1 bare-prefix fc-norm qkv-bias layer-scale
    vit_xsmall_patch16_clip_224 256 10 16 1024 4 1e-05 gelu token class pre-norm qkv-bias
    """
}
