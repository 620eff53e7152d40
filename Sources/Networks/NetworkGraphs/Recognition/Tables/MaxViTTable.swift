// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension MaxViT {
  static let table = PublishedTable(heads: [["head.fc"]], resizable: [], """
    coatnet_0_224 7023649ec01f1017 blocks=2,3,5,2 conv-act=gelu conv-eps=1e-05 conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 head-first act=gelu norm-eps=1e-06 only=224 attention-pool=avg2
    coatnet_0_rw_224 c194db6167ee794f blocks=2,3,7,2 conv-act=silu conv-eps=1e-05 pre-act conv-pool=avg2 stride-mode=pool down-pool=avg2 gate-act=relu head-width=32 head-first act=gelu norm-eps=1e-06 only=224 attention-pool=avg2
    coatnet_1_224 c9da5a3d2e59342c blocks=2,6,14,2 conv-act=gelu conv-eps=1e-05 conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 head-first act=gelu norm-eps=1e-06 only=224 attention-pool=avg2
    coatnet_1_rw_224 870f2635a6a460aa blocks=2,6,14,2 conv-act=silu conv-eps=1e-05 pre-act conv-pool=avg2 stride-mode=dw gate-act=relu head-width=32 head-first act=gelu norm-eps=1e-06 only=224 attention-pool=avg2
    coatnet_2_224 a6e872625ae77bbb blocks=2,6,14,2 conv-act=gelu conv-eps=1e-05 conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 head-first act=gelu norm-eps=1e-06 only=224 attention-pool=avg2
    coatnet_2_rw_224 b73b7d507bb45834 blocks=2,6,14,2 conv-act=silu conv-eps=1e-05 pre-act conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 head-first act=gelu norm-eps=1e-06 only=224 attention-pool=avg2
    coatnet_3_224 cdab144dcc6a5147 blocks=2,6,14,2 conv-act=gelu conv-eps=1e-05 conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 head-first act=gelu norm-eps=1e-06 only=224 attention-pool=avg2
    coatnet_3_rw_224 f2e037225cf5960b blocks=2,6,14,2 conv-act=silu conv-eps=1e-05 pre-act conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 head-first act=gelu norm-eps=1e-06 only=224 attention-pool=avg2
    coatnet_4_224 c4b01247e168ed9a blocks=2,12,28,2 conv-act=gelu conv-eps=1e-05 conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 head-first act=gelu norm-eps=1e-06 only=224 attention-pool=avg2
    coatnet_5_224 08477d89623e88a0 blocks=2,12,28,2 conv-act=gelu conv-eps=1e-05 conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 head-first act=gelu norm-eps=1e-06 only=224 attention-pool=avg2
    coatnet_bn_0_rw_224 39748a63e8133b7d blocks=2,3,7,2 conv-act=silu conv-eps=1e-05 pre-act conv-pool=avg2 stride-mode=dw gate-act=relu head-width=32 head-first act=gelu norm-eps=1e-06 only=224 attention-pool=avg2
    coatnet_nano_cc_224 9f1e3ea25b0df92d blocks=3,4,6,3 conv-act=silu conv-eps=1e-05 pre-act conv-pool=avg2 stride-mode=pool down-pool=avg2 gate-act=relu head-width=32 head-first act=gelu norm-eps=1e-06 only=224
    coatnet_nano_rw_224 b1c922b5dbf97efd blocks=3,4,6,3 conv-act=silu conv-eps=1e-05 conv-pool=avg2 stride-mode=pool down-pool=avg2 gate-act=silu head-width=32 head-first act=gelu norm-eps=1e-06 only=224 attention-pool=avg2
    coatnet_pico_rw_224 3d13f2c05b9a8532 blocks=2,3,5,2 conv-act=silu conv-eps=1e-05 conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 head-first act=gelu norm-eps=1e-06 only=224 attention-pool=avg2
    coatnet_rmlp_0_rw_224 b0f8e809c9e6fab8 blocks=2,3,7,2 conv-act=silu conv-eps=1e-05 pre-act conv-pool=avg2 stride-mode=dw gate-act=relu head-width=32 head-first act=gelu norm-eps=1e-06 only=224 attention-pool=avg2
    coatnet_rmlp_1_rw2_224 10d612e1ffd11991 blocks=2,6,14,2 conv-act=silu conv-eps=1e-05 pre-act conv-pool=avg2 stride-mode=dw gate-act=relu head-width=32 head-first act=gelu norm-eps=1e-06 only=224 attention-pool=avg2
    coatnet_rmlp_1_rw_224 e66ca8919fcbef8c blocks=2,6,14,2 conv-act=silu conv-eps=1e-05 pre-act conv-pool=max stride-mode=pool down-pool=avg2 gate-act=relu head-width=32 head-first act=gelu norm-eps=1e-06 only=224 attention-pool=max
    coatnet_rmlp_2_rw_224 d4f6bdebc2b96899 blocks=2,6,14,2 conv-act=silu conv-eps=1e-05 pre-act conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 head-first act=gelu norm-eps=1e-06 only=224 attention-pool=avg2
    coatnet_rmlp_2_rw_384 d4f6bdebc2b96899 blocks=2,6,14,2 conv-act=silu conv-eps=1e-05 pre-act conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 head-first act=gelu norm-eps=1e-06 only=384 attention-pool=avg2
    coatnet_rmlp_3_rw_224 b44bad00d2cc1bcc blocks=2,6,14,2 conv-act=silu conv-eps=1e-05 pre-act conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 head-first act=gelu norm-eps=1e-06 only=224 attention-pool=avg2
    coatnet_rmlp_nano_rw_224 d2002019bafe0a54 blocks=3,4,6,3 conv-act=silu conv-eps=1e-05 conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 head-first act=gelu norm-eps=1e-06 only=224 attention-pool=avg2
    coatnext_nano_rw_224 813272bffa1c2519 blocks=3,4,6,3 conv-act=gelu conv-eps=1e-06 stride-mode=dw head-width=32 head-first act=gelu norm-eps=1e-06 only=224 attention-pool=avg2
    maxvit_base_tf_224 76744bf4fb55658f blocks=2,6,14,2 conv-act=geluTanh conv-eps=0.001 same conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 act=geluTanh norm-eps=1e-05 window=7
    maxvit_base_tf_384 c9239a307ea62537 blocks=2,6,14,2 conv-act=geluTanh conv-eps=0.001 same conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 act=geluTanh norm-eps=1e-05 window=12
    maxvit_base_tf_512 318e3be587afb26f blocks=2,6,14,2 conv-act=geluTanh conv-eps=0.001 same conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 act=geluTanh norm-eps=1e-05 window=16
    maxvit_large_tf_224 4a6eca1815f614ec blocks=2,6,14,2 conv-act=geluTanh conv-eps=0.001 same conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 act=geluTanh norm-eps=1e-05 window=7
    maxvit_large_tf_384 272d20ff76ac3dcc blocks=2,6,14,2 conv-act=geluTanh conv-eps=0.001 same conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 act=geluTanh norm-eps=1e-05 window=12
    maxvit_large_tf_512 c9c989c4611e47ec blocks=2,6,14,2 conv-act=geluTanh conv-eps=0.001 same conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 act=geluTanh norm-eps=1e-05 window=16
    maxvit_nano_rw_256 9e25e5ab15af7cdd blocks=1,2,3,1 conv-act=silu conv-eps=1e-05 conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 head-first act=gelu norm-eps=1e-06 window=8
    maxvit_pico_rw_256 42cd69d0a59e4968 blocks=2,2,5,2 conv-act=silu conv-eps=1e-05 conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 head-first act=gelu norm-eps=1e-06 window=8
    maxvit_rmlp_base_rw_224 2c9c95959b7913e0 blocks=2,6,14,2 conv-act=silu conv-eps=1e-05 conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 head-first act=gelu norm-eps=1e-06 window=7
    maxvit_rmlp_base_rw_384 2c9c95959b7913e0 blocks=2,6,14,2 conv-act=silu conv-eps=1e-05 conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 head-first act=gelu norm-eps=1e-06 window=12
    maxvit_rmlp_nano_rw_256 c1d256934a5c6f1a blocks=1,2,3,1 conv-act=silu conv-eps=1e-05 conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 head-first act=gelu norm-eps=1e-06 window=8
    maxvit_rmlp_pico_rw_256 e47763b16567fc51 blocks=2,2,5,2 conv-act=silu conv-eps=1e-05 conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 head-first act=gelu norm-eps=1e-06 window=8
    maxvit_rmlp_small_rw_224 017540444e9520ba blocks=2,2,5,2 conv-act=silu conv-eps=1e-05 conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 head-first act=gelu norm-eps=1e-06 window=7
    maxvit_rmlp_small_rw_256 017540444e9520ba blocks=2,2,5,2 conv-act=silu conv-eps=1e-05 conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 head-first act=gelu norm-eps=1e-06 window=8
    maxvit_rmlp_tiny_rw_256 428cf6eb04a540f0 blocks=2,2,5,2 conv-act=silu conv-eps=1e-05 conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 head-first act=gelu norm-eps=1e-06 window=8
    maxvit_small_tf_224 d86a66481e744ede blocks=2,2,5,2 conv-act=geluTanh conv-eps=0.001 same conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 act=geluTanh norm-eps=1e-05 window=7
    maxvit_small_tf_384 fd2d9480bf2da7be blocks=2,2,5,2 conv-act=geluTanh conv-eps=0.001 same conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 act=geluTanh norm-eps=1e-05 window=12
    maxvit_small_tf_512 99da630eaec9411e blocks=2,2,5,2 conv-act=geluTanh conv-eps=0.001 same conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 act=geluTanh norm-eps=1e-05 window=16
    maxvit_tiny_pm_256 4a42a6b3ddb2dc0d blocks=2,2,5,2 conv-act=silu conv-eps=1e-05 conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 head-first act=gelu norm-eps=1e-06 window=8
    maxvit_tiny_rw_224 65be0061ada99d9f blocks=2,2,5,2 conv-act=silu conv-eps=1e-05 conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 head-first act=gelu norm-eps=1e-06 window=7
    maxvit_tiny_rw_256 d35377208f23e3a9 blocks=2,2,5,2 conv-act=silu conv-eps=1e-05 conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 head-first act=gelu norm-eps=1e-06 window=8
    maxvit_tiny_tf_224 4a852a9f346bb253 blocks=2,2,5,2 conv-act=geluTanh conv-eps=0.001 same conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 act=geluTanh norm-eps=1e-05 window=7
    maxvit_tiny_tf_384 87d9d5f3595a34e3 blocks=2,2,5,2 conv-act=geluTanh conv-eps=0.001 same conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 act=geluTanh norm-eps=1e-05 window=12
    maxvit_tiny_tf_512 306c4183115971d3 blocks=2,2,5,2 conv-act=geluTanh conv-eps=0.001 same conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 act=geluTanh norm-eps=1e-05 window=16
    maxvit_xlarge_tf_224 72128068745ad672 blocks=2,6,14,2 conv-act=geluTanh conv-eps=0.001 same conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 act=geluTanh norm-eps=1e-05 window=7
    maxvit_xlarge_tf_384 2040bd0d3b73f79a blocks=2,6,14,2 conv-act=geluTanh conv-eps=0.001 same conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 act=geluTanh norm-eps=1e-05 window=12
    maxvit_xlarge_tf_512 85dd7c8294011e32 blocks=2,6,14,2 conv-act=geluTanh conv-eps=0.001 same conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 act=geluTanh norm-eps=1e-05 window=16
    maxxvit_rmlp_nano_rw_256 2840cbc367f9b42a blocks=1,2,3,1 conv-act=gelu conv-eps=1e-06 stride-mode=dw head-width=32 head-first act=gelu norm-eps=1e-06 window=8
    maxxvit_rmlp_small_rw_256 762b6f64c94b16b3 blocks=2,2,5,2 conv-act=gelu conv-eps=1e-06 stride-mode=dw head-width=32 head-first act=gelu norm-eps=1e-06 window=8
    maxxvit_rmlp_tiny_rw_256 c79c347331000e0d blocks=2,2,5,2 conv-act=gelu conv-eps=1e-06 stride-mode=dw head-width=32 head-first act=gelu norm-eps=1e-06 window=8
    maxxvitv2_nano_rw_256 99b5ff467b5d96bf blocks=1,2,3,1 conv-act=gelu conv-eps=1e-06 stride-mode=dw head-width=32 head-first act=gelu norm-eps=1e-06 window=8
    maxxvitv2_rmlp_base_rw_224 eca6a76bd32c1b1c blocks=2,6,12,2 conv-act=gelu conv-eps=1e-06 stride-mode=dw head-width=32 head-first act=gelu norm-eps=1e-06 window=7
    maxxvitv2_rmlp_base_rw_384 eca6a76bd32c1b1c blocks=2,6,12,2 conv-act=gelu conv-eps=1e-06 stride-mode=dw head-width=32 head-first act=gelu norm-eps=1e-06 window=12
    maxxvitv2_rmlp_large_rw_224 113d929df2d613fe blocks=2,6,16,2 conv-act=gelu conv-eps=1e-06 stride-mode=dw head-width=32 head-first act=gelu norm-eps=1e-06 window=7
    test_coatnet f8bc14c9d01dff22 blocks=1,1,2,1 conv-act=silu conv-eps=1e-05 conv-pool=avg2 stride-mode=pool down-pool=avg2 gate-act=silu head-width=32 head-first act=gelu norm-eps=1e-06 only=160 attention-pool=avg2
    test_maxvit 2cd0cca70a8bed8c blocks=1,1,1,1 conv-act=silu conv-eps=1e-05 conv-pool=avg2 stride-mode=dw gate-act=silu head-width=32 head-first act=gelu norm-eps=1e-06 window=5
    """)
}
