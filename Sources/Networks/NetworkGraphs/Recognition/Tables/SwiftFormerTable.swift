// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension SwiftFormer {
  static let table = PublishedTable(heads: [["head", "head_dist"]], resizable: [], """
    swiftformer_l1 e213662abd5f48ee act=gelu eps=1e-05 blocks=4,3,10,5 only=224
    swiftformer_l3 0a0329cf1248e9c8 act=gelu eps=1e-05 blocks=4,4,12,6 only=224
    swiftformer_s 543bd9fbd2561f61 act=gelu eps=1e-05 blocks=3,3,9,6 only=224
    swiftformer_xs 45312f4cc9c3dea9 act=gelu eps=1e-05 blocks=3,3,6,4 only=224
    """)
}
