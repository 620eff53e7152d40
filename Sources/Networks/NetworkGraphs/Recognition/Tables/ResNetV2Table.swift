// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension ResNetV2 {
  static let table = PublishedTable(heads: [["head.fc"]], resizable: [], """
    resnetv2_101 0ce30bb020916e3f blocks=3,4,23,3 act=relu eps=1e-05
    resnetv2_101d 2b3e7b503bda5ab3 blocks=3,4,23,3 act=relu eps=1e-05 means
    resnetv2_101x1_bit 30725d2c6f895b99 blocks=3,4,23,3 act=relu eps=1e-05 groups=32 standardized=1e-08 zeros
    resnetv2_101x3_bit fb2d4ccde0a7ad3e blocks=3,4,23,3 act=relu eps=1e-05 groups=32 standardized=1e-08 zeros
    resnetv2_152 43706bff4bfa808a blocks=3,8,36,3 act=relu eps=1e-05
    resnetv2_152d e4f1f0dffa22d300 blocks=3,8,36,3 act=relu eps=1e-05 means
    resnetv2_152x2_bit 86b48c077558f10c blocks=3,8,36,3 act=relu eps=1e-05 groups=32 standardized=1e-08 zeros
    resnetv2_152x4_bit a4d1b7645eca9e87 blocks=3,8,36,3 act=relu eps=1e-05 groups=32 standardized=1e-08 zeros
    resnetv2_18 b1f46e4eb6be1696 blocks=2,2,2,2 act=relu eps=1e-05
    resnetv2_18d ae46d102b20307d4 blocks=2,2,2,2 act=relu eps=1e-05 means
    resnetv2_34 989e9893f8727d70 blocks=3,4,6,3 act=relu eps=1e-05
    resnetv2_34d 8f90830a50079942 blocks=3,4,6,3 act=relu eps=1e-05 means
    resnetv2_50 d9ca74e5f757b8db blocks=3,4,6,3 act=relu eps=1e-05
    resnetv2_50d 80ae088a02727c47 blocks=3,4,6,3 act=relu eps=1e-05 means
    resnetv2_50d_evos cffbdf2d64432ca1 blocks=3,4,6,3 act=silu eps=1e-05 evolved-groups=32 evolved-eps=1e-05 means
    resnetv2_50d_frn 53b1d493712d07ad blocks=3,4,6,3 act=silu eps=1e-05 response means
    resnetv2_50d_gn 1ba0c32d1410f8cb blocks=3,4,6,3 act=relu eps=1e-05 groups=32 means
    resnetv2_50t d099e331cfc7cf87 blocks=3,4,6,3 act=relu eps=1e-05 means
    resnetv2_50x1_bit b8465cbc8e1d66d9 blocks=3,4,6,3 act=relu eps=1e-05 groups=32 standardized=1e-08 zeros
    resnetv2_50x3_bit 9c475bac9b12ce2e blocks=3,4,6,3 act=relu eps=1e-05 groups=32 standardized=1e-08 zeros
    """)
}
