// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension MaxViTTorchvision {
  static let table = PublishedTable(heads: [["classifier.5"]], resizable: [], """
    maxvit_t 0ead186a0bca8e56 blocks=2,2,5,2 window=7 only=224 conv-eps=0.001 momentum=0.01 eps=1e-05
    """)
}
