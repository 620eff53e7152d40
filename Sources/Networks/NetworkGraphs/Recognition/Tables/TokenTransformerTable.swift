// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension TokenTransformer {
  static let table = PublishedTable(heads: [["head"]], resizable: ["pos_embed"], """
    aimv2_1b_patch14_224 b4352e611a7a4376 heads=16 blocks=24 block=pre-norm eps=1e-05 rms mlp=gated act=silu prefix=0 pool=avg
    aimv2_1b_patch14_336 b4352e611a7a4376 heads=16 blocks=24 block=pre-norm eps=1e-05 rms mlp=gated act=silu prefix=0 pool=avg
    aimv2_1b_patch14_448 b4352e611a7a4376 heads=16 blocks=24 block=pre-norm eps=1e-05 rms mlp=gated act=silu prefix=0 pool=avg
    aimv2_3b_patch14_224 3ccf1e67b7de4124 heads=24 blocks=24 block=pre-norm eps=1e-05 rms mlp=gated act=silu prefix=0 pool=avg
    aimv2_3b_patch14_336 3ccf1e67b7de4124 heads=24 blocks=24 block=pre-norm eps=1e-05 rms mlp=gated act=silu prefix=0 pool=avg
    aimv2_3b_patch14_448 3ccf1e67b7de4124 heads=24 blocks=24 block=pre-norm eps=1e-05 rms mlp=gated act=silu prefix=0 pool=avg
    aimv2_huge_patch14_224 710c5f7b949ba455 heads=12 blocks=24 block=pre-norm eps=1e-05 rms mlp=gated act=silu prefix=0 pool=avg
    aimv2_huge_patch14_336 710c5f7b949ba455 heads=12 blocks=24 block=pre-norm eps=1e-05 rms mlp=gated act=silu prefix=0 pool=avg
    aimv2_huge_patch14_448 710c5f7b949ba455 heads=12 blocks=24 block=pre-norm eps=1e-05 rms mlp=gated act=silu prefix=0 pool=avg
    aimv2_large_patch14_224 1a4c86339b55c3ed heads=8 blocks=24 block=pre-norm eps=1e-05 rms mlp=gated act=silu prefix=0 pool=avg
    aimv2_large_patch14_336 1a4c86339b55c3ed heads=8 blocks=24 block=pre-norm eps=1e-05 rms mlp=gated act=silu prefix=0 pool=avg
    aimv2_large_patch14_448 1a4c86339b55c3ed heads=8 blocks=24 block=pre-norm eps=1e-05 rms mlp=gated act=silu prefix=0 pool=avg
    beit3_base_patch16_224 03ec71c32891ad13 heads=12 blocks=12 block=pre-norm eps=1e-05 mlp=plain act=gelu prefix=1 embedded pool=avg
    beit3_giant_patch14_224 ad44cd35e51ff3c7 heads=16 blocks=40 block=pre-norm eps=1e-05 mlp=plain act=gelu prefix=1 embedded pool=avg
    beit3_giant_patch14_336 ad44cd35e51ff3c7 heads=16 blocks=40 block=pre-norm eps=1e-05 mlp=plain act=gelu prefix=1 embedded pool=avg
    beit3_large_patch16_224 c274dc127595998f heads=16 blocks=24 block=pre-norm eps=1e-05 mlp=plain act=gelu prefix=1 embedded pool=avg
    beit_base_patch16_224 f9052950daaab389 heads=12 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 grid=14 pool=avg
    beit_base_patch16_384 a2108ab3c77cc281 heads=12 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 grid=24 pool=avg
    beit_large_patch16_224 df41d644e82aa3bd heads=16 blocks=24 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 grid=14 pool=avg
    beit_large_patch16_384 89b389675a24ef5d heads=16 blocks=24 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 grid=24 pool=avg
    beit_large_patch16_512 3c2e4a234d079d3d heads=16 blocks=24 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 grid=32 pool=avg
    beitv2_base_patch16_224 f9052950daaab389 heads=12 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 grid=14 pool=avg
    beitv2_large_patch16_224 df41d644e82aa3bd heads=16 blocks=24 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 grid=14 pool=avg
    eva02_base_patch14_224 29253b3e4831b751 heads=12 blocks=12 block=pre-norm eps=1e-06 mlp=gated act=silu prefix=1 embedded pool=avg rope=axial temperature=10000 reference=16
    eva02_base_patch14_448 29253b3e4831b751 heads=12 blocks=12 block=pre-norm eps=1e-06 mlp=gated act=silu prefix=1 embedded pool=avg rope=axial temperature=10000 reference=16
    eva02_base_patch16_clip_224 26992754fb6a11f1 heads=12 blocks=12 block=pre-norm eps=1e-06 mlp=gated act=silu prefix=1 embedded pool=token rope=axial temperature=10000 reference=16
    eva02_enormous_patch14_clip_224 e222aeb482e58f2d heads=16 blocks=64 block=post-norm eps=1e-06 mlp=plain act=gelu prefix=1 embedded pool=token
    eva02_large_patch14_224 6045abc823f97573 heads=16 blocks=24 block=pre-norm eps=1e-06 mlp=gated act=silu prefix=1 embedded pool=avg rope=axial temperature=10000 reference=16
    eva02_large_patch14_448 6045abc823f97573 heads=16 blocks=24 block=pre-norm eps=1e-06 mlp=gated act=silu prefix=1 embedded pool=avg rope=axial temperature=10000 reference=16
    eva02_large_patch14_clip_224 64fbc9d2fc06bb95 heads=16 blocks=24 block=pre-norm eps=1e-06 mlp=gated act=silu prefix=1 embedded pool=token rope=axial temperature=10000 reference=16
    eva02_large_patch14_clip_336 64fbc9d2fc06bb95 heads=16 blocks=24 block=pre-norm eps=1e-06 mlp=gated act=silu prefix=1 embedded pool=token rope=axial temperature=10000 reference=16
    eva02_small_patch14_224 eb3fbb52c5da1a7b heads=6 blocks=12 block=pre-norm eps=1e-06 mlp=packed act=silu prefix=1 embedded pool=avg rope=axial temperature=10000 reference=16
    eva02_small_patch14_336 eb3fbb52c5da1a7b heads=6 blocks=12 block=pre-norm eps=1e-06 mlp=packed act=silu prefix=1 embedded pool=avg rope=axial temperature=10000 reference=16
    eva02_tiny_patch14_224 1ebbb545b8928027 heads=3 blocks=12 block=pre-norm eps=1e-06 mlp=packed act=silu prefix=1 embedded pool=avg rope=axial temperature=10000 reference=16
    eva02_tiny_patch14_336 1ebbb545b8928027 heads=3 blocks=12 block=pre-norm eps=1e-06 mlp=packed act=silu prefix=1 embedded pool=avg rope=axial temperature=10000 reference=16
    eva_giant_patch14_224 ed7fc09736109dd9 heads=16 blocks=40 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 embedded pool=avg
    eva_giant_patch14_336 ed7fc09736109dd9 heads=16 blocks=40 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 embedded pool=avg
    eva_giant_patch14_560 ed7fc09736109dd9 heads=16 blocks=40 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 embedded pool=avg
    eva_giant_patch14_clip_224 866e6a53800b2fcf heads=16 blocks=40 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 embedded pool=token
    test_vit3 99d7d714ca2b7ad6 heads=3 blocks=9 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 embedded pool=map pool-heads=3 pool-act=gelu pools-prefix
    test_vit4 a6c83dacaf42ee7e heads=3 blocks=9 block=pre-norm eps=1e-06 rms mlp=plain act=gelu prefix=1 embedded pool=avg
    test_vit_relpos 613c59623f22feb5 heads=3 blocks=9 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=0 grid=10 pool=avg
    vit_5b_patch16_sapiens2 a37a51f4384457fd heads=32 blocks=56 block=pre-norm eps=1e-06 rms mlp=packed act=silu prefix=9 pool=token rope=centered temperature=100 halves
    vit_7b_patch16_dinov3 9c5c7c84c8a75fbf heads=32 blocks=40 block=pre-norm eps=1e-05 mlp=gated act=silu prefix=5 pool=avg rope=centered temperature=100 halves
    vit_base_patch16_18x2_224 8fe8f1d0d0e73bd7 heads=12 blocks=18 block=parallel-layers eps=1e-06 mlp=plain act=gelu prefix=1 embedded pool=token
    vit_base_patch16_dinov3 3d19878cd61ed7e7 heads=12 blocks=12 block=pre-norm eps=1e-05 mlp=plain act=gelu prefix=5 pool=avg rope=centered temperature=100 halves
    vit_base_patch16_dinov3_qkvb ef51d0cd56421d2b heads=12 blocks=12 block=pre-norm eps=1e-05 mlp=plain act=gelu prefix=5 pool=avg rope=centered temperature=100 halves
    vit_base_patch16_lingbot ef51d0cd56421d2b heads=12 blocks=12 block=pre-norm eps=1e-05 mlp=plain act=gelu prefix=5 pool=token rope=centered temperature=100 halves
    vit_base_patch16_radio_v3 d68de1079dc573c1 heads=12 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=8 pool=token
    vit_base_patch16_rope_224 57de6a3c18f3f663 heads=12 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 pool=token rope=axial temperature=100 xy
    vit_base_patch16_rope_ape_224 e2f89c3f38bf9009 heads=12 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 pool=token rope=axial temperature=100 xy
    vit_base_patch16_rope_mixed_224 833c6e524c821135 heads=12 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 pool=token rope=mixed xy
    vit_base_patch16_rope_mixed_ape_224 dc8199ebb1f9e017 heads=12 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 pool=token rope=mixed xy
    vit_base_patch16_rope_reg1_gap_256 4ff2c6d613806c45 heads=12 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 pool=avg rope=axial temperature=10000 reference=16
    vit_base_patch16_rpn_224 793c5227932a3cc2 heads=12 blocks=12 block=post-norm eps=1e-06 mlp=plain act=gelu prefix=0 pool=avg
    vit_base_patch16_sapiens2 2cd7ccd84df54435 heads=12 blocks=12 block=pre-norm eps=1e-06 rms mlp=packed act=silu prefix=9 pool=token rope=centered temperature=100 halves
    vit_base_patch16_siglip_224 3da4a2ce47373195 heads=12 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=0 pool=map pool-heads=12 pool-act=gelu
    vit_base_patch16_siglip_256 3da4a2ce47373195 heads=12 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=0 pool=map pool-heads=12 pool-act=gelu
    vit_base_patch16_siglip_384 3da4a2ce47373195 heads=12 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=0 pool=map pool-heads=12 pool-act=gelu
    vit_base_patch16_siglip_512 3da4a2ce47373195 heads=12 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=0 pool=map pool-heads=12 pool-act=gelu
    vit_base_patch16_xp_224 534fd42ed8238f8b heads=12 blocks=12 block=parallel-parts eps=1e-06 rms act=gelu prefix=1 pool=token
    vit_base_patch32_siglip_256 2e528ce48e739421 heads=12 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=geluTanh prefix=0 pool=map pool-heads=12 pool-act=geluTanh
    vit_betwixt_patch16_rope_reg4_gap_256 5ff0eca7ae46e04c heads=10 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=4 pool=avg rope=axial temperature=10000 reference=16
    vit_giant_patch14_dinov2 a7e794869ac340b7 heads=24 blocks=40 block=pre-norm eps=1e-06 mlp=packed act=silu prefix=1 embedded pool=token
    vit_giant_patch14_reg1_tipsv2 f80440067b74c714 heads=24 blocks=40 block=pre-norm eps=1e-06 mlp=packed act=silu prefix=2 pool=token
    vit_giant_patch14_reg4_dinov2 ccc34d84d44765e3 heads=24 blocks=40 block=pre-norm eps=1e-06 mlp=packed act=silu prefix=5 pool=token
    vit_giant_patch16_lingbot 3ef22f0d79e6f681 heads=24 blocks=40 block=pre-norm eps=1e-05 mlp=gated act=silu prefix=5 pool=token rope=centered temperature=100 halves
    vit_giant_patch16_radio_v3 9138aab3f571de6b heads=24 blocks=40 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=8 pool=token
    vit_giant_patch16_sapiens2 3ce722c0044837f1 heads=24 blocks=40 block=pre-norm eps=1e-06 rms mlp=packed act=silu prefix=9 pool=token rope=centered temperature=100 halves
    vit_giantopt_patch16_siglip_256 3ab7952dd7768910 heads=16 blocks=40 block=pre-norm eps=1e-06 mlp=plain act=geluTanh prefix=0 pool=map pool-heads=16 pool-act=geluTanh
    vit_giantopt_patch16_siglip_384 3ab7952dd7768910 heads=16 blocks=40 block=pre-norm eps=1e-06 mlp=plain act=geluTanh prefix=0 pool=map pool-heads=16 pool-act=geluTanh
    vit_huge_patch14_xp_224 98b3079a440836e3 heads=16 blocks=32 block=parallel-parts eps=1e-06 rms act=gelu prefix=1 pool=token
    vit_huge_patch16_radio_v3 1a76f2367d526d5f heads=16 blocks=32 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=8 pool=token
    vit_huge_patch16_radio_v4 b29c9b187bae0d29 heads=16 blocks=32 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=10 pool=token
    vit_huge_patch16_sapiens2 588f806704352143 heads=16 blocks=32 block=pre-norm eps=1e-06 rms mlp=packed act=silu prefix=9 pool=token rope=centered temperature=100 halves
    vit_huge_plus_patch16_dinov3 628cf0e0fb811f89 heads=20 blocks=32 block=pre-norm eps=1e-05 mlp=gated act=silu prefix=5 pool=avg rope=centered temperature=100 halves
    vit_huge_plus_patch16_dinov3_qkvb ae4fc713b9531ea1 heads=20 blocks=32 block=pre-norm eps=1e-05 mlp=gated act=silu prefix=5 pool=avg rope=centered temperature=100 halves
    vit_intern300m_patch14_448 37156e22b51d73c2 heads=16 blocks=24 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 embedded pool=token
    vit_large_patch14_xp_224 2f0df82ee0ca7ab7 heads=16 blocks=24 block=parallel-parts eps=1e-06 rms act=gelu prefix=1 pool=token
    vit_large_patch16_dinov3 e0ae8137efdcd03b heads=16 blocks=24 block=pre-norm eps=1e-05 mlp=plain act=gelu prefix=5 pool=avg rope=centered temperature=100 halves
    vit_large_patch16_dinov3_qkvb 912b6429cc7551d3 heads=16 blocks=24 block=pre-norm eps=1e-05 mlp=plain act=gelu prefix=5 pool=avg rope=centered temperature=100 halves
    vit_large_patch16_lingbot 912b6429cc7551d3 heads=16 blocks=24 block=pre-norm eps=1e-05 mlp=plain act=gelu prefix=5 pool=token rope=centered temperature=100 halves
    vit_large_patch16_radio_v3 4e690bfac4e04625 heads=16 blocks=24 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=8 pool=token
    vit_large_patch16_rope_224 39ac1333181efaf5 heads=16 blocks=24 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 pool=token rope=axial temperature=100 xy
    vit_large_patch16_rope_ape_224 909d78b6327f445f heads=16 blocks=24 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 pool=token rope=axial temperature=100 xy
    vit_large_patch16_rope_mixed_224 d02faa4c56a997b0 heads=16 blocks=24 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 pool=token rope=mixed xy
    vit_large_patch16_rope_mixed_ape_224 f8949ad0cb846b2e heads=16 blocks=24 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 pool=token rope=mixed xy
    vit_large_patch16_sapiens2 3715ce1d98bc3cef heads=16 blocks=24 block=pre-norm eps=1e-06 rms mlp=packed act=silu prefix=9 pool=token rope=centered temperature=100 halves
    vit_large_patch16_siglip_256 a4e895c44b76e322 heads=16 blocks=24 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=0 pool=map pool-heads=16 pool-act=gelu
    vit_large_patch16_siglip_384 a4e895c44b76e322 heads=16 blocks=24 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=0 pool=map pool-heads=16 pool-act=gelu
    vit_large_patch16_siglip_512 a4e895c44b76e322 heads=16 blocks=24 block=pre-norm eps=1e-06 mlp=plain act=geluTanh prefix=0 pool=map pool-heads=16 pool-act=geluTanh
    vit_medium_patch16_rope_reg1_gap_256 bb28d375a7977c8d heads=8 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 pool=avg rope=axial temperature=10000 reference=16
    vit_mediumd_patch16_rope_reg1_gap_256 a71d4460519135e1 heads=8 blocks=20 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 pool=avg rope=axial temperature=10000 reference=16
    vit_pe_core_base_patch16_224 a8f2049b36d3c58c heads=12 blocks=12 block=pre-norm eps=1e-05 mlp=plain act=gelu prefix=1 embedded pool=map pool-heads=8 pool-act=gelu pools-prefix rope=axial temperature=10000 xy reference=14 offset=1
    vit_pe_core_gigantic_patch14_448 5641beb86c2b2bce heads=16 blocks=50 block=pre-norm eps=1e-05 mlp=plain act=gelu prefix=0 pool=map pool-heads=8 pool-act=gelu pools-prefix rope=axial temperature=10000 xy reference=32
    vit_pe_core_large_patch14_336 c8353308da32de9b heads=16 blocks=24 block=pre-norm eps=1e-05 mlp=plain act=gelu prefix=1 embedded pool=map pool-heads=8 pool-act=gelu pools-prefix rope=axial temperature=10000 xy reference=24 offset=1
    vit_pe_core_small_patch16_384 1c495f490388a0f3 heads=6 blocks=12 block=pre-norm eps=1e-05 mlp=plain act=gelu prefix=1 embedded pool=map pool-heads=8 pool-act=gelu pools-prefix rope=axial temperature=10000 xy reference=24 offset=1
    vit_pe_core_tiny_patch16_384 4f6d6508396a010f heads=3 blocks=12 block=pre-norm eps=1e-05 mlp=plain act=gelu prefix=1 embedded pool=map pool-heads=8 pool-act=gelu pools-prefix rope=axial temperature=10000 xy reference=24 offset=1
    vit_pe_lang_gigantic_patch14_448 1f333eb07e8f67d8 heads=16 blocks=47 block=pre-norm eps=1e-05 mlp=plain act=gelu prefix=0 pool=avg rope=axial temperature=10000 xy reference=32
    vit_pe_lang_large_patch14_448 544c6bd9056159dd heads=16 blocks=23 block=pre-norm eps=1e-05 mlp=plain act=gelu prefix=1 embedded pool=avg rope=axial temperature=10000 xy reference=32 offset=1
    vit_pe_spatial_base_patch16_512 dda3211a058e2efe heads=12 blocks=12 block=pre-norm eps=1e-05 mlp=plain act=gelu prefix=1 embedded pool=avg rope=axial temperature=10000 xy reference=32 offset=1
    vit_pe_spatial_gigantic_patch14_448 58632864433cfb23 heads=16 blocks=50 block=pre-norm eps=1e-05 mlp=plain act=gelu prefix=0 pool=avg rope=axial temperature=10000 xy reference=32
    vit_pe_spatial_large_patch14_448 d5a7a6f64344917c heads=16 blocks=24 block=pre-norm eps=1e-05 mlp=plain act=gelu prefix=1 embedded pool=avg rope=axial temperature=10000 xy reference=32 offset=1
    vit_pe_spatial_small_patch16_512 770042f7567499a8 heads=6 blocks=12 block=pre-norm eps=1e-05 mlp=plain act=gelu prefix=1 embedded pool=avg rope=axial temperature=10000 xy reference=32 offset=1
    vit_pe_spatial_tiny_patch16_512 e49b68e0de270e13 heads=3 blocks=12 block=pre-norm eps=1e-05 mlp=plain act=gelu prefix=1 embedded pool=avg rope=axial temperature=10000 xy reference=32 offset=1
    vit_pwee_patch16_reg1_gap_256 f55b5e0d2f756441 heads=4 blocks=16 block=parallel-parts eps=1e-06 act=gelu prefix=1 pool=avg
    vit_relpos_base_patch16_224 ead854400f70e7c6 heads=12 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=0 grid=14 pool=avg
    vit_relpos_base_patch16_cls_224 7b428098303141fd heads=12 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 grid=14 pool=token
    vit_relpos_base_patch16_clsgap_224 b443ad8fa2bc2455 heads=12 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 grid=14 pool=avg
    vit_relpos_base_patch16_plus_240 8d683d234343a2e4 heads=14 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=0 grid=15 pool=avg
    vit_relpos_base_patch16_rpn_224 1cd5a839df2bdeea heads=12 blocks=12 block=post-norm eps=1e-06 mlp=plain act=gelu prefix=0 grid=14 pool=avg
    vit_relpos_base_patch32_plus_rpn_256 4bcd260436996e7e heads=14 blocks=12 block=post-norm eps=1e-06 mlp=plain act=gelu prefix=0 grid=8 pool=avg
    vit_relpos_medium_patch16_224 3f8310538eb05d6b heads=8 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=0 grid=14 pool=avg
    vit_relpos_medium_patch16_cls_224 5863bd540ac2bf13 heads=8 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 grid=14 pool=token
    vit_relpos_medium_patch16_rpn_224 a8932cd6a3472cd1 heads=8 blocks=12 block=post-norm eps=1e-06 mlp=plain act=gelu prefix=0 grid=14 pool=avg
    vit_relpos_small_patch16_224 62d33e46ae92ae96 heads=6 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=0 grid=14 pool=avg
    vit_relpos_small_patch16_rpn_224 59b88488b297033a heads=6 blocks=12 block=post-norm eps=1e-06 mlp=plain act=gelu prefix=0 grid=14 pool=avg
    vit_small_patch16_18x2_224 94d1d686ee02991b heads=6 blocks=18 block=parallel-layers eps=1e-06 mlp=plain act=gelu prefix=1 embedded pool=token
    vit_small_patch16_dinov3 2b79ea85488a2fe3 heads=6 blocks=12 block=pre-norm eps=1e-05 mlp=plain act=gelu prefix=5 pool=avg rope=centered temperature=100 halves
    vit_small_patch16_dinov3_qkvb 1f40630255f31ca3 heads=6 blocks=12 block=pre-norm eps=1e-05 mlp=plain act=gelu prefix=5 pool=avg rope=centered temperature=100 halves
    vit_small_patch16_lingbot 1f40630255f31ca3 heads=6 blocks=12 block=pre-norm eps=1e-05 mlp=plain act=gelu prefix=5 pool=token rope=centered temperature=100 halves
    vit_small_patch16_rope_224 e43ab00861920667 heads=6 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 pool=token rope=axial temperature=100 xy
    vit_small_patch16_rope_ape_224 e939d739c0eb8bcd heads=6 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 pool=token rope=axial temperature=100 xy
    vit_small_patch16_rope_mixed_224 6413d649b90c2f72 heads=6 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 pool=token rope=mixed xy
    vit_small_patch16_rope_mixed_ape_224 d7e084e35ab57e68 heads=6 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=1 pool=token rope=mixed xy
    vit_small_plus_patch16_dinov3 0f45e184eaaae885 heads=6 blocks=12 block=pre-norm eps=1e-05 mlp=gated act=silu prefix=5 pool=avg rope=centered temperature=100 halves
    vit_small_plus_patch16_dinov3_qkvb 1ffff2f65f160b3d heads=6 blocks=12 block=pre-norm eps=1e-05 mlp=gated act=silu prefix=5 pool=avg rope=centered temperature=100 halves
    vit_so150m_patch16_reg4_map_256 5fb04d42a3b3b990 heads=14 blocks=18 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=4 embedded pool=map pool-heads=14 pool-act=gelu
    vit_so400m_patch14_siglip_224 2fdcf5e56ec31efc heads=16 blocks=27 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=0 pool=map pool-heads=16 pool-act=gelu
    vit_so400m_patch14_siglip_378 2fdcf5e56ec31efc heads=16 blocks=27 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=0 pool=map pool-heads=16 pool-act=gelu
    vit_so400m_patch14_siglip_384 2fdcf5e56ec31efc heads=16 blocks=27 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=0 pool=map pool-heads=16 pool-act=gelu
    vit_so400m_patch16_radio_v4 ebfba089911cacbd heads=16 blocks=27 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=10 pool=token
    vit_so400m_patch16_siglip_256 c2bdcbd1d1864158 heads=16 blocks=27 block=pre-norm eps=1e-06 mlp=plain act=geluTanh prefix=0 pool=map pool-heads=16 pool-act=geluTanh
    vit_so400m_patch16_siglip_384 c2bdcbd1d1864158 heads=16 blocks=27 block=pre-norm eps=1e-06 mlp=plain act=geluTanh prefix=0 pool=map pool-heads=16 pool-act=geluTanh
    vit_so400m_patch16_siglip_512 c2bdcbd1d1864158 heads=16 blocks=27 block=pre-norm eps=1e-06 mlp=plain act=geluTanh prefix=0 pool=map pool-heads=16 pool-act=geluTanh
    vit_srelpos_medium_patch16_224 e12903e4f819da99 heads=8 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=0 grid=14 pool=avg
    vit_srelpos_small_patch16_224 88054032c61706d1 heads=6 blocks=12 block=pre-norm eps=1e-06 mlp=plain act=gelu prefix=0 grid=14 pool=avg
    vit_tiny_patch16_dinov3_qkvb 182c74eafc2719cc heads=3 blocks=12 block=pre-norm eps=1e-05 mlp=plain act=gelu prefix=5 pool=avg rope=centered temperature=100 halves
    """)
}
