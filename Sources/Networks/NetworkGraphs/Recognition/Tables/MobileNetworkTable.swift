// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension MobileNetwork {
  static let table = PublishedTable(heads: [["classifier"]], resizable: [], """
    efficientnet_b0_g16_evos 0ea6fcd4249d5508 blocks=1/2,1s/2,1s/2,1s,1s/1,1s,1s/2,1s,1s,1s/1 act=silu eps=1e-05 momentum=0.1 gate=sigmoid
    efficientnet_b0_g8_gn ea82febda6175f7c blocks=1/2,1s/2,1s/2,1s,1s/1,1s,1s/2,1s,1s,1s/1 act=silu eps=1e-05 group-size=8 gate=sigmoid
    efficientnet_b0_gn 24e715e7f5bcd5d0 blocks=1/2,1s/2,1s/2,1s,1s/1,1s,1s/2,1s,1s,1s/1 act=silu eps=1e-05 group-size=8 gate=sigmoid
    efficientnet_b1_pruned 77fc5d062a5711d5 blocks=1,1s/2,1s,1s/2,1s,1s/2,1s,1s,1s/1,1s,1s,1s/2,1s,1s,1s,1s/1,1s act=silu eps=0.001 momentum=0.1 gate=sigmoid same
    efficientnet_b2_pruned 5d0fc01efccfea33 blocks=1,1s/2,1s,1s/2,1s,1s/2,1s,1s,1s/1,1s,1s,1s/2,1s,1s,1s,1s/1,1s act=silu eps=0.001 momentum=0.1 gate=sigmoid same
    efficientnet_b3_g8_gn abaa906f519a64d4 blocks=1,1s/2,1s,1s/2,1s,1s/2,1s,1s,1s,1s/1,1s,1s,1s,1s/2,1s,1s,1s,1s,1s/1,1s act=silu eps=1e-05 group-size=16 gate=sigmoid
    efficientnet_b3_gn c21587bbe1e098a4 blocks=1,1s/2,1s,1s/2,1s,1s/2,1s,1s,1s,1s/1,1s,1s,1s,1s/2,1s,1s,1s,1s,1s/1,1s act=silu eps=1e-05 group-size=16 gate=sigmoid
    efficientnet_b3_pruned ca77b87bebd61725 blocks=1,1s/2,1s,1s/2,1s,1s/2,1s,1s,1s,1s/1,1s,1s,1s,1s/2,1s,1s,1s,1s,1s/1,1s act=silu eps=0.001 momentum=0.1 gate=sigmoid same
    efficientnet_h_b5 937bc97cb1462b8c blocks=1,1s,1s/1r,1sr,1sr,1sr,1sr/2r,1sr,1sr,1sr,1sr/2,1s,1s,1s,1s,1s,1s/1,1s,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1s,1s,1s/1,1s,1s act=silu eps=1e-05 momentum=0.1 gate=sigmoid
    efficientnet_l2 ad547f15fe505905 blocks=1,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/1,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/1,1s,1s,1s,1s,1s act=silu eps=1e-05 momentum=0.1 gate=sigmoid
    efficientnet_x_b3 c151e322e79b0a89 blocks=1,1s/1r,1sr,1sr/2r,1sr,1sr/2,1s,1s,1s,1s/1,1s,1s,1s,1s/2,1s,1s,1s,1s,1s/1,1s act=silu eps=1e-05 momentum=0.1 gate=sigmoid
    efficientnet_x_b5 0049417091f1ff2d blocks=1,1s,1s/1r,1sr,1sr,1sr,1sr/2r,1sr,1sr,1sr,1sr/2,1s,1s,1s,1s,1s,1s/1,1s,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1s,1s,1s/1,1s,1s act=silu eps=1e-05 momentum=0.1 gate=sigmoid
    efficientnetv2_xl cf2dd1d32bd3d74b blocks=1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/1,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/1,1s,1s,1s,1s,1s,1s,1s act=silu eps=1e-05 momentum=0.1 gate=sigmoid
    fbnetv3_b 80afb342e2e447dc blocks=1s,1s/2,1s,1s,1s/2,1s,1s,1s,1s/2,1s,1s,1s,1s/1,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1/1 act=hardswish eps=1e-05 momentum=0.1 gate=hardsigmoid
    fbnetv3_d 41b29b1006793177 blocks=1,1s/2,1s,1s,1s,1s,1s/2,1s,1s,1s,1s/2,1s,1s,1s,1s/1,1s,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1/1 act=hardswish eps=1e-05 momentum=0.1 gate=hardsigmoid
    fbnetv3_g 7428521dc24fe5e1 blocks=1,1s,1s/2,1s,1s,1s,1s/2,1s,1s,1s,1s/2,1s,1s,1s,1s/1,1s,1s,1s,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1s,1,1s/1 act=hardswish eps=1e-05 momentum=0.1 gate=hardsigmoid
    hardcorenas_a 6c0c54540a909bc7 blocks=1r/2r,1sr/2r,1sr/2,1s/1,1s/2,1s/1 act=hardswish eps=1e-05 momentum=0.1 gate=hardsigmoid gate-act=relu
    hardcorenas_b 43a562d5fe33bc91 blocks=1r/2r,1sr,1sr/2r,1sr,1sr/2,1s,1s,1s/1,1s,1s,1s/2,1s,1s/1 act=hardswish eps=1e-05 momentum=0.1 gate=hardsigmoid gate-act=relu
    hardcorenas_c 006ed7460d75c897 blocks=1r/2r,1sr/2r,1sr,1sr,1sr/2,1s,1s,1s/1,1s,1s,1s/2,1s,1s/1 act=hardswish eps=1e-05 momentum=0.1 gate=hardsigmoid gate-act=relu
    hardcorenas_d c000b68b26fbda6a blocks=1r/2r,1sr/2r,1sr,1sr/2,1s,1s,1s/1,1s,1s,1s/2,1s,1s,1s/1 act=hardswish eps=1e-05 momentum=0.1 gate=hardsigmoid gate-act=relu
    hardcorenas_e 32b20a83c2b296fa blocks=1r/2r,1sr/2r,1sr,1sr,1sr/2,1s/1,1s,1s,1s/2,1s,1s,1s/1 act=hardswish eps=1e-05 momentum=0.1 gate=hardsigmoid gate-act=relu
    hardcorenas_f a0cc4ad0e8765d8b blocks=1r/2r,1sr/2r,1sr/2,1s,1s,1s/1,1s,1s,1s/2,1s,1s,1s/1 act=hardswish eps=1e-05 momentum=0.1 gate=hardsigmoid gate-act=relu
    lcnet_035 9379419959b93362 blocks=1p/2p,1p/2p,1p/2p,1p/1p,1p,1p,1p/2p,1p act=hardswish eps=1e-05 momentum=0.1 gate=hardsigmoid gate-act=relu
    lcnet_050 9d4df522534dc4f6 blocks=1p/2p,1p/2p,1p/2p,1p/1p,1p,1p,1p/2p,1p act=hardswish eps=1e-05 momentum=0.1 gate=hardsigmoid gate-act=relu
    lcnet_075 0d6da00680a0a9d1 blocks=1p/2p,1p/2p,1p/2p,1p/1p,1p,1p,1p/2p,1p act=hardswish eps=1e-05 momentum=0.1 gate=hardsigmoid gate-act=relu
    lcnet_100 fd6df54768285167 blocks=1p/2p,1p/2p,1p/2p,1p/1p,1p,1p,1p/2p,1p act=hardswish eps=1e-05 momentum=0.1 gate=hardsigmoid gate-act=relu
    lcnet_150 27ec59308e862eb3 blocks=1p/2p,1p/2p,1p/2p,1p/1p,1p,1p,1p/2p,1p act=hardswish eps=1e-05 momentum=0.1 gate=hardsigmoid gate-act=relu
    mixnet_l 3f20cb02ec02767a blocks=1s/2,1s/2o,1so,1so,1so/2o,1so,1so,1so/1o,1so,1so,1so/2o,1so,1so,1so act=relu eps=1e-05 momentum=0.1 gate=sigmoid other-act=silu
    mixnet_m 6b7591145b9f7c97 blocks=1s/2,1s/2o,1so,1so,1so/2o,1so,1so,1so/1o,1so,1so,1so/2o,1so,1so,1so act=relu eps=1e-05 momentum=0.1 gate=sigmoid other-act=silu
    mixnet_s bcbd74d9cc674a96 blocks=1s/2,1s/2o,1so,1so,1so/2o,1so,1so/1o,1so,1so/2o,1so,1so act=relu eps=1e-05 momentum=0.1 gate=sigmoid other-act=silu
    mixnet_xl 10d6c343a05271e1 blocks=1s/2,1s/2o,1so,1so,1so,1so/2o,1so,1so,1so,1so/1o,1so,1so,1so,1so/2o,1so,1so,1so,1so act=relu eps=1e-05 momentum=0.1 gate=sigmoid other-act=silu
    mixnet_xxl efc354f6b7f51ab0 blocks=1s/2,1s,1s/2o,1so,1so,1so,1so/2o,1so,1so,1so,1so/1o,1so,1so,1so,1so/2o,1so,1so,1so,1so act=relu eps=1e-05 momentum=0.1 gate=sigmoid other-act=silu
    mobilenet_edgetpu_100 7139d30c48f031a9 blocks=1/2,1s,1s,1s/2,1s,1s,1s/2,1s,1s,1s/1,1s,1s,1s/2,1s,1s,1s/1 act=relu eps=1e-05 momentum=0.1
    mobilenet_edgetpu_v2_l 20e7b406bf5148d7 blocks=1/2,1s/2,1s,1s,1s/2,1s,1s,1s/1,1s,1s,1s/2,1s,1s,1s/1 act=relu eps=1e-05 momentum=0.1
    mobilenet_edgetpu_v2_m d7bd4eae49b373c3 blocks=1/2,1s/2,1s,1s,1s/2,1s,1s,1s/1,1s,1s,1s/2,1s,1s,1s/1 act=relu eps=1e-05 momentum=0.1
    mobilenet_edgetpu_v2_s 60862cf2d59e7acf blocks=1/2,1s/2,1s,1s,1s/2,1s,1s,1s/1,1s,1s,1s/2,1s,1s,1s/1 act=relu eps=1e-05 momentum=0.1
    mobilenet_edgetpu_v2_xs 5a554e6c8bb9a840 blocks=1/2,1s/2,1s,1s,1s/2,1s,1s,1s/1,1s,1s,1s/2,1s,1s,1s/1 act=relu eps=1e-05 momentum=0.1
    mobilenetv1_100 921f208889e52595 blocks=1p/2p,1p/2p,1p/2p,1p,1p,1p,1p,1p/2p,1p act=relu6 eps=1e-05 momentum=0.1
    mobilenetv1_100h 89418e751158b63d blocks=1p/2p,1p/2p,1p/2p,1p,1p,1p,1p,1p/2p,1p act=relu6 eps=1e-05 momentum=0.1
    mobilenetv1_125 95ce61e3fac883e4 blocks=1p/2p,1p/2p,1p/2p,1p,1p,1p,1p,1p/2p,1p act=relu6 eps=1e-05 momentum=0.1
    mobilenetv2_035 94b170b27fe93090 blocks=1/2,1s/2,1s,1s/2,1s,1s,1s/1,1s,1s/2,1s,1s/1 act=relu6 eps=1e-05 momentum=0.1
    mobilenetv2_075 5ebd4ca3fff8b062 blocks=1/2,1s/2,1s,1s/2,1s,1s,1s/1,1s,1s/2,1s,1s/1 act=relu6 eps=1e-05 momentum=0.1
    mobilenetv3_large_150d d6ecdd1e7e6b2291 blocks=1sr,1sr/2r,1sr,1sr/2r,1sr,1sr,1sr/2,1s,1s,1s,1s/1,1s,1s/2,1s,1s,1s/1,1 act=hardswish eps=1e-05 momentum=0.1 gate=hardsigmoid gate-act=relu
    mobilenetv3_rw 0c223978fdc8b24a blocks=1r/2r,1sr/2r,1sr,1sr/2,1s,1s,1s/1,1s/2,1s,1s/1 act=hardswish eps=0.001 momentum=0.1 gate=hardsigmoid
    mobilenetv4_conv_aa_large bf9577b1a3b09129 blocks=2/2,1s/2,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/1 act=relu eps=1e-05 momentum=0.1 aa=mean
    mobilenetv4_conv_aa_medium 9315c8f5bf2afb79 blocks=2/2,1s/2,1s,1s,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/1 act=relu eps=1e-05 momentum=0.1 aa=mean
    mobilenetv4_conv_blur_medium 9315c8f5bf2afb79 blocks=2/2,1s/2,1s,1s,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/1 act=relu eps=1e-05 momentum=0.1 aa=blur-zeros
    mobilenetv4_conv_large bf9577b1a3b09129 blocks=2/2,1s/2,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/1 act=relu eps=1e-05 momentum=0.1
    mobilenetv4_conv_medium 9315c8f5bf2afb79 blocks=2/2,1s/2,1s,1s,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/1 act=relu eps=1e-05 momentum=0.1
    mobilenetv4_conv_small 58cc13f434c89076 blocks=2,1/2,1/2,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s/1 act=relu eps=1e-05 momentum=0.1
    mobilenetv4_conv_small_035 701ed09ae9299450 blocks=2,1/2,1/2,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s/1 act=relu eps=1e-05 momentum=0.1
    mobilenetv4_conv_small_050 7f1c8d756d99fa2a blocks=2,1/2,1/2,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s/1 act=relu eps=1e-05 momentum=0.1
    mobilenetv4_hybrid_large 1a21d4e3ae526f99 blocks=2/2,1s/2,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/1 act=gelu eps=1e-05 momentum=0.1 key-stride=2
    mobilenetv4_hybrid_large_075 6c9bd0af267c2127 blocks=2/2,1s/2,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/1 act=gelu eps=1e-05 momentum=0.1 key-stride=2
    mobilenetv4_hybrid_medium d01f479ade6eb554 blocks=2/2,1s/2,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/1 act=relu eps=1e-05 momentum=0.1 key-stride=2
    mobilenetv4_hybrid_medium_075 13f401df133a2587 blocks=2/2,1s/2,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/1 act=relu eps=1e-05 momentum=0.1 key-stride=2
    test_efficientnet cfd2524b95695ee7 blocks=1/2/2/2/2 act=silu eps=1e-05 momentum=0.1 gate=sigmoid
    test_efficientnet_evos 151a7cb23c5a4689 blocks=1/2/2/2/2 act=silu eps=1e-05 evolved-width=8 evolved-eps=1e-05 gate=sigmoid
    test_efficientnet_gn 23f7ff7c4b1f6741 blocks=1/2/2/2/2 act=silu eps=1e-05 group-size=8 gate=sigmoid
    test_efficientnet_ln 23f7ff7c4b1f6741 blocks=1/2/2/2/2 act=silu eps=1e-05 layer-norms gate=sigmoid
    tf_efficientnet_l2 ad547f15fe505905 blocks=1,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/1,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/1,1s,1s,1s,1s,1s act=silu eps=0.001 momentum=0.1 gate=sigmoid same
    tf_efficientnetv2_xl cf2dd1d32bd3d74b blocks=1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/1,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/2,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s/1,1s,1s,1s,1s,1s,1s,1s act=silu eps=0.001 momentum=0.1 gate=sigmoid same
    tf_mixnet_l 3f20cb02ec02767a blocks=1s/2,1s/2o,1so,1so,1so/2o,1so,1so,1so/1o,1so,1so,1so/2o,1so,1so,1so act=relu eps=0.001 momentum=0.1 gate=sigmoid other-act=silu same
    tf_mixnet_m 6b7591145b9f7c97 blocks=1s/2,1s/2o,1so,1so,1so/2o,1so,1so,1so/1o,1so,1so,1so/2o,1so,1so,1so act=relu eps=0.001 momentum=0.1 gate=sigmoid other-act=silu same
    tf_mixnet_s bcbd74d9cc674a96 blocks=1s/2,1s/2o,1so,1so,1so/2o,1so,1so/1o,1so,1so/2o,1so,1so act=relu eps=0.001 momentum=0.1 gate=sigmoid other-act=silu same
    tf_mobilenetv3_large_minimal_100 4403d34dc9b08996 blocks=1s/2,1s/2,1s,1s/2,1s,1s,1s/1,1s/2,1s,1s/1 act=relu eps=0.001 momentum=0.1 same
    tf_mobilenetv3_small_minimal_100 2edd06a2c62c1af6 blocks=2/2,1s/2,1s,1s/1,1s/2,1s,1s/1 act=relu eps=0.001 momentum=0.1 same
    tinynet_a 3fc2662fe9791636 blocks=1/2,1s/2,1s/2,1s,1s,1s/1,1s,1s,1s/2,1s,1s,1s,1s/1 act=silu eps=1e-05 momentum=0.1 gate=sigmoid
    tinynet_b d63c8917a0a713bb blocks=1/2,1s/2,1s/2,1s,1s/1,1s,1s/2,1s,1s,1s/1 act=silu eps=1e-05 momentum=0.1 gate=sigmoid
    tinynet_c ea910a24e50061aa blocks=1/2,1s/2,1s/2,1s,1s/1,1s,1s/2,1s,1s/1 act=silu eps=1e-05 momentum=0.1 gate=sigmoid
    tinynet_d 0fbd89d5e762e73c blocks=1/2/2/2,1s/1,1s/2,1s,1s/1 act=silu eps=1e-05 momentum=0.1 gate=sigmoid
    tinynet_e 3689695ca003b6b1 blocks=1/2/2/2,1s/1,1s/2,1s/1 act=silu eps=1e-05 momentum=0.1 gate=sigmoid
    """)
}
