// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension EfficientFormerV2 {
  static let table = PublishedTable(heads: [["head", "head_dist"]], resizable: [], """
    efficientformerv2_l b7149ac4453bcb0f act=gelu eps=1e-05 blocks=5,5,15,10 only=224
    efficientformerv2_s0 146b04a194f72969 act=gelu eps=1e-05 blocks=2,2,6,4 only=224
    efficientformerv2_s1 8612b694578014f8 act=gelu eps=1e-05 blocks=3,3,9,6 only=224
    efficientformerv2_s2 09355b024668073b act=gelu eps=1e-05 blocks=4,4,12,8 only=224
    """)
}
