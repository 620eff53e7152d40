// Written by Tests/Interop/make_published_names.py with torch 2.15.0+cu132, torchvision
// 0.29.2+cu132 and timm 1.0.31: a published name and the digests of its layouts, see `Layout`.

extension PublishedNames {
  static let table = """
  alexnet d3e45fbcb8df2f82
  convnext_base fb02e061b07488bb
  convnext_large 19d42313cc6a6170
  convnext_small ff475bf76bbe0c80
  convnext_tiny d27692318382f289
  densenet121 01ba68a34d86ce0f
  densenet161 7ab83a13a15610f2
  densenet169 01a2a7df34298f41
  densenet201 c98701e8b9b01da7
  densenet264d f37dc8e1330a461a
  ecaresnext26t_32x4d 2a6f6ed603858514
  ecaresnext50t_32x4d 28d264b9a4e73c09
  efficientnet_b0 61a732c4478b0b80 c8a2dbe11987f646
  efficientnet_b0_g16_evos 0ea6fcd4249d5508
  efficientnet_b1 58f87e751798dfe4 eb4c66b07bdde7be
  efficientnet_b1_pruned 77fc5d062a5711d5
  efficientnet_b2 6bdced53f6ba427b c519a20fb60339ef
  efficientnet_b2_pruned 5d0fc01efccfea33
  efficientnet_b3 3756565fd0ac6bff 9289905bb5bbe324
  efficientnet_b3_pruned ca77b87bebd61725
  efficientnet_b4 7a884c6fa2d834f8 b5db32b72e5dcd37
  efficientnet_b5 38bca159354bc884 dc3bc6326d59090b
  efficientnet_b6 4990e4e634dfaf0f 519bc86f448a7714
  efficientnet_b7 50c8d1707c48e893 94132275b0253b81
  efficientnet_b8 a8e768e9762bfa9c
  efficientnet_cc_b0_4e 04adae98a1e28a57
  efficientnet_cc_b0_8e ee8d6b77c506c0af
  efficientnet_cc_b1_8e cbc685f94282578d
  efficientnet_el 323b62d09c178dc8
  efficientnet_el_pruned 323b62d09c178dc8
  efficientnet_em bb47087fd5605e57
  efficientnet_es adb023c8543a3f2b
  efficientnet_es_pruned adb023c8543a3f2b
  efficientnet_h_b5 937bc97cb1462b8c
  efficientnet_l2 ad547f15fe505905
  efficientnet_lite0 a648de17f2645689
  efficientnet_lite1 a95802a36265f377
  efficientnet_lite2 9597aa6ed65039eb
  efficientnet_lite3 07b284fdcbefd85d
  efficientnet_lite4 b3cb78b71265eabb
  efficientnet_v2_l 3f987adc0930d645
  efficientnet_v2_m fe9d4e73de0bc2e2
  efficientnet_v2_s 0c78b52e32ca11d4
  efficientnet_x_b3 c151e322e79b0a89
  efficientnet_x_b5 0049417091f1ff2d
  efficientnetv2_l 9e558212562081ad
  efficientnetv2_m 90effe9e2d4f1cea
  efficientnetv2_rw_m 792d1db06bba194a
  efficientnetv2_rw_s 115d7ec26b141981
  efficientnetv2_rw_t 214f8c9df56fa1b4
  efficientnetv2_s a2ea1e523f7f5cda
  efficientnetv2_xl cf2dd1d32bd3d74b
  fbnetc_100 e8e859a6c9cbb66e
  fbnetv3_b 80afb342e2e447dc
  fbnetv3_d 41b29b1006793177
  fbnetv3_g 7428521dc24fe5e1
  gc_efficientnetv2_rw_t ba1e89c9c9b87909
  googlenet 009417aa534eac6f
  inception_v3 891f6e7285792949
  lcnet_035 9379419959b93362
  lcnet_050 9d4df522534dc4f6
  lcnet_075 0d6da00680a0a9d1
  lcnet_100 fd6df54768285167
  lcnet_150 27ec59308e862eb3
  maxvit_t 0ead186a0bca8e56
  mixnet_l 3f20cb02ec02767a
  mixnet_m 6b7591145b9f7c97
  mixnet_s bcbd74d9cc674a96
  mixnet_xl 10d6c343a05271e1
  mixnet_xxl efc354f6b7f51ab0
  mnasnet0_5 fd2f287d0924d630
  mnasnet0_75 049ab5c88ab14d0a
  mnasnet1_0 ef53636c234aaf46
  mnasnet1_3 467b6a330b477742
  mnasnet_050 9f851d19b9cd71c3
  mnasnet_075 54877559fc326c87
  mnasnet_100 77d7740c46285183
  mnasnet_140 2f547d15cbb2fbbe
  mnasnet_small 0adef2a0eaf1fe47
  mobilenet_edgetpu_100 7139d30c48f031a9
  mobilenet_edgetpu_v2_l 20e7b406bf5148d7
  mobilenet_edgetpu_v2_m d7bd4eae49b373c3
  mobilenet_edgetpu_v2_s 60862cf2d59e7acf
  mobilenet_edgetpu_v2_xs 5a554e6c8bb9a840
  mobilenet_v2 8f580e7328bd7151
  mobilenet_v3_large 2ce2898018d09386
  mobilenet_v3_small 0a8a037b6568b9d3
  mobilenetv1_100 921f208889e52595
  mobilenetv1_100h 89418e751158b63d
  mobilenetv1_125 95ce61e3fac883e4
  mobilenetv2_035 94b170b27fe93090
  mobilenetv2_050 3cd0ce7f1ff708a0
  mobilenetv2_075 5ebd4ca3fff8b062
  mobilenetv2_100 c7c151b5bc507e99
  mobilenetv2_110d eb3ee6034f041936
  mobilenetv2_120d e498c29d89d3ca91
  mobilenetv2_140 3c4f42f50e8c28ba
  mobilenetv3_large_075 0cf045990a5e2e09
  mobilenetv3_large_100 29f3105fad81cbba
  mobilenetv3_large_150d d6ecdd1e7e6b2291
  mobilenetv3_rw 0c223978fdc8b24a
  mobilenetv3_small_050 6dde4e48f208a995
  mobilenetv3_small_075 621c7d8c73798665
  mobilenetv3_small_100 57a282c03bb3ff1c
  mobilenetv4_conv_large bf9577b1a3b09129
  mobilenetv4_conv_medium 9315c8f5bf2afb79
  mobilenetv4_conv_small 58cc13f434c89076
  mobilenetv4_conv_small_035 701ed09ae9299450
  mobilenetv4_conv_small_050 7f1c8d756d99fa2a
  mobilenetv4_hybrid_large 1a21d4e3ae526f99
  mobilenetv4_hybrid_large_075 6c9bd0af267c2127
  mobilenetv4_hybrid_medium d01f479ade6eb554
  mobilenetv4_hybrid_medium_075 13f401df133a2587
  regnet_x_16gf 
  regnet_x_1_6gf 
  regnet_x_32gf 
  regnet_x_3_2gf 
  regnet_x_400mf 
  regnet_x_800mf 
  regnet_x_8gf 
  regnet_y_128gf 
  regnet_y_16gf 
  regnet_y_1_6gf 
  regnet_y_32gf 
  regnet_y_3_2gf 
  regnet_y_400mf 
  regnet_y_800mf 
  regnet_y_8gf 
  regnetv_040 d0d9483dd88bc78f
  regnetv_064 0a22f49889d08dbe
  regnetx_002 5c711f49cdb2276c
  regnetx_004 036c705f05481470
  regnetx_004_tv c7f1360d214c0159
  regnetx_006 ede65183bd8ae0ef
  regnetx_008 c06054aaeeb01f97
  regnetx_016 fb316f955c931c98
  regnetx_032 ac61e6527f214f82
  regnetx_040 79f91f842492902f
  regnetx_064 5e060b15bba57d01
  regnetx_080 2ec1d1f3ea58a81a
  regnetx_120 5b00b3584f2fb4d7
  regnetx_160 204d11d30eb1234a
  regnetx_320 587fa1e9419b935e
  regnety_002 e9a94e0a807ead9f
  regnety_004 99c1c2bdc38ccf4f
  regnety_006 34147504634b16fd
  regnety_008 ca0d3b8da33d9092
  regnety_008_tv a8c91a99ab0b7af0
  regnety_016 5f2188a0ed0c8d41
  regnety_032 04e4738c06891190
  regnety_040 0a058bd5bc33c4d8
  regnety_040_sgn 820a7e91b126db8e
  regnety_064 1c7e6ffd71d02a75
  regnety_080 27118a100069cbc4
  regnety_080_tv 74b1ba208026dafa
  regnety_120 041989271a310980
  regnety_1280 757c76952b3958c8
  regnety_160 16afe987da6fffdf
  regnety_2560 6f558e91c4d32748
  regnety_320 ccfd7c6b9f7e195f
  regnety_640 f77684915600a9e5
  regnetz_005 b0617e24b411a511
  regnetz_040 83852416b7ba906c
  regnetz_040_h adce869123c9d7c8
  resnet101 42b85bd6f93e9606
  resnet101c 99457e93f1f33789
  resnet101d b233ba6b4fd7637f
  resnet101s 3e4bf8aabba09864
  resnet10t f8f096701daf5b06
  resnet14t 3f04b343faca8b2e
  resnet152 d5969ca2b7d202f8
  resnet152c 2349ec8cf4ebf123
  resnet152d 74410f1f8454010d
  resnet152s 86625a2f3dac8f7e
  resnet18 75b00871017847e6
  resnet18d d6b4b59b194e041a
  resnet200 f66b69d50c8d1b7a
  resnet200d be2b6bba8a59f97b
  resnet26 840ec3d6bc1ced71
  resnet26d 3c7aba153393eaae
  resnet26t 3d6d073de0d04306
  resnet34 779096afb3ff2bda
  resnet34d 9d4b007015982142
  resnet50 309b48ebbb4e017f
  resnet50c 82322d5ad2134554
  resnet50d ae5b35f8a8ebe0de
  resnet50s 85f61ff024cd1b8d
  resnet50t 3ca944724c9914f6
  resnext101_32x16d 2ea7171c3bcbe2a3
  resnext101_32x32d 6ce58db676e61a83
  resnext101_32x4d e30fe114cc7f71e8
  resnext101_32x8d b1caea8b52c82275
  resnext101_64x4d 143cf542a2e64352
  resnext50_32x4d 284580d36b23a078
  resnext50d_32x4d 8791d86bd6b3c4a7
  semnasnet_050 5d10127fc32a7176
  semnasnet_075 918463dd98d9387f
  semnasnet_100 a4d41d783ba732dc
  semnasnet_140 516a9e88177e764e
  senet154 7c63d8876d5380ec
  seresnet101 ef44324b33a321cc
  seresnet152 f9a24559f460384f
  seresnet152d 28a677b3011661e8
  seresnet18 e167d8719cbfd9b8
  seresnet200d a8fdf31376afa512
  seresnet269d 50e36f335b9fc707
  seresnet34 eab610f13090d953
  seresnet50 bde2801be097ad92
  seresnet50t 5b2952ebe0993e91
  seresnext101_32x4d 2af8f87352de0024
  seresnext101_32x8d ef1fae7c71fbedd5
  seresnext101_64x4d c1e31537a99034c2
  seresnext101d_32x8d aec1a4238c879160
  seresnext26d_32x4d a41f767db6819d94
  seresnext26t_32x4d 3514888c553bb80c
  seresnext50_32x4d 51e2b5f47f2d6c11
  shufflenet_v2_x0_5 fe7b05332692e601
  shufflenet_v2_x1_0 22d51ff31ffa156d
  shufflenet_v2_x1_5 04cd3b1f604b2dfb
  shufflenet_v2_x2_0 5ef1cd4fbf0032fa
  spnasnet_100 53731c8b932a2b0c
  squeezenet1_0 df3bbfcea86e7ec7
  squeezenet1_1 f8872df5079a8340
  swin_b 170571ddb284690b
  swin_s b51c43d487f2e757
  swin_t a844e37a5b36cba7
  swin_v2_b 4eff2446ecb0c1f1
  swin_v2_s ce5d44bca0e3b571
  swin_v2_t 20acdf7ad967d695
  test_efficientnet cfd2524b95695ee7
  test_efficientnet_evos 151a7cb23c5a4689
  test_efficientnet_ln 23f7ff7c4b1f6741
  test_resnet 5e03e69334f144a2
  tf_efficientnet_b0 61a732c4478b0b80
  tf_efficientnet_b1 eb4c66b07bdde7be
  tf_efficientnet_b2 6bdced53f6ba427b
  tf_efficientnet_b3 9289905bb5bbe324
  tf_efficientnet_b4 7a884c6fa2d834f8
  tf_efficientnet_b5 38bca159354bc884
  tf_efficientnet_b6 519bc86f448a7714
  tf_efficientnet_b7 50c8d1707c48e893
  tf_efficientnet_b8 a8e768e9762bfa9c
  tf_efficientnet_cc_b0_4e 04adae98a1e28a57
  tf_efficientnet_cc_b0_8e ee8d6b77c506c0af
  tf_efficientnet_cc_b1_8e cbc685f94282578d
  tf_efficientnet_el 323b62d09c178dc8
  tf_efficientnet_em bb47087fd5605e57
  tf_efficientnet_es adb023c8543a3f2b
  tf_efficientnet_l2 ad547f15fe505905
  tf_efficientnet_lite0 a648de17f2645689
  tf_efficientnet_lite1 a95802a36265f377
  tf_efficientnet_lite2 9597aa6ed65039eb
  tf_efficientnet_lite3 07b284fdcbefd85d
  tf_efficientnet_lite4 b3cb78b71265eabb
  tf_efficientnetv2_b0 70d31a717b1b2210
  tf_efficientnetv2_b1 f285b1449e141ef2
  tf_efficientnetv2_b2 58f6f5b64b4685fb
  tf_efficientnetv2_b3 fdc7194c1f8d2802
  tf_efficientnetv2_l 9e558212562081ad
  tf_efficientnetv2_m 90effe9e2d4f1cea
  tf_efficientnetv2_s a2ea1e523f7f5cda
  tf_efficientnetv2_xl cf2dd1d32bd3d74b
  tf_mixnet_l 3f20cb02ec02767a
  tf_mixnet_m 6b7591145b9f7c97
  tf_mixnet_s bcbd74d9cc674a96
  tf_mobilenetv3_large_075 0cf045990a5e2e09
  tf_mobilenetv3_large_100 29f3105fad81cbba
  tf_mobilenetv3_large_minimal_100 4403d34dc9b08996
  tf_mobilenetv3_small_075 621c7d8c73798665
  tf_mobilenetv3_small_100 57a282c03bb3ff1c
  tf_mobilenetv3_small_minimal_100 2edd06a2c62c1af6
  tinynet_a 3fc2662fe9791636
  tinynet_b d63c8917a0a713bb
  tinynet_c ea910a24e50061aa
  tinynet_d 0fbd89d5e762e73c
  tinynet_e 3689695ca003b6b1
  vgg11 9ba147a05bdbe4df aa2d54692df812f0
  vgg11_bn 8ae0d435241a6847 eac7b0fa600dead8
  vgg13 8c44d5c773d47597 b8de5946bfcb1378
  vgg13_bn 1ef1bf44db6b15ac 7ee6c1fb4641b7ab
  vgg16 05d72a9fc2805cce 5d6932d4c165e139
  vgg16_bn 7c4ebf7b392d0773 a1a4fdeb91ebc784
  vgg19 a3bef6f3df1e3ed2 bed8accf061128ad
  vgg19_bn 91577650ac15406c 984761026df3f46b
  vit_b_16 87325c96e55b635a
  vit_b_32 6b79db1a5005352c
  vit_h_14 828e4c52d14f499b
  vit_l_16 7e2aacd17ea2ebcc
  vit_l_32 0f9ae1c019b361b6
  wide_resnet101_2 2beb473926a1dd8e
  wide_resnet50_2 c28dd6171d494a33
  """
}
