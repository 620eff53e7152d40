// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension ConViT {
  static let table = PublishedTable(heads: [["head"]], resizable: [], """
    convit_base a7487f3cae3ae351 heads=16 eps=1e-06 only=224
    convit_small b5d507eb4af7d2b1 heads=9 eps=1e-06 only=224
    convit_tiny 8d37ce502c19fe44 heads=4 eps=1e-06 only=224
    """)
}
