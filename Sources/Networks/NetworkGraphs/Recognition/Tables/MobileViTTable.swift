// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension MobileViT {
  static let table = PublishedTable(heads: [["head.fc"]], resizable: [], """
    mobilevit_s bda3296fc4bd34c9 act=silu eps=1e-05 patch=2 strides=1,2,2,2,2 heads=4
    mobilevit_xs 012e426adffe3e2c act=silu eps=1e-05 patch=2 strides=1,2,2,2,2 heads=4
    mobilevit_xxs c828791b14eb6425 act=silu eps=1e-05 patch=2 strides=1,2,2,2,2 heads=4
    mobilevitv2_050 5b5e46490c3ed747 act=silu eps=1e-05 patch=2 strides=1,2,2,2,2
    mobilevitv2_075 ace330dc286bb210 act=silu eps=1e-05 patch=2 strides=1,2,2,2,2
    mobilevitv2_100 e49a0ac5ea7c60af act=silu eps=1e-05 patch=2 strides=1,2,2,2,2
    mobilevitv2_125 bd05df543a965d78 act=silu eps=1e-05 patch=2 strides=1,2,2,2,2
    mobilevitv2_150 ddbc78e0fcb95b1f act=silu eps=1e-05 patch=2 strides=1,2,2,2,2
    mobilevitv2_175 f7a05aa36ad60270 act=silu eps=1e-05 patch=2 strides=1,2,2,2,2
    mobilevitv2_200 3882da4c928c6739 act=silu eps=1e-05 patch=2 strides=1,2,2,2,2
    """)
}
