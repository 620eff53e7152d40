// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension ResNetV2 {
  static let table = PublishedTable(heads: [["head.fc"]], resizable: [], """

    """)
}
