// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension GroupNormResNet {
  static let table = PublishedTable(heads: [["fc"]], resizable: [], """
    resnet50_gn 73f2c397e2ebe649 groups=32 eps=1e-05
    """)
}
