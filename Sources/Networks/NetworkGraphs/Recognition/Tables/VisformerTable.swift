// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension Visformer {
  static let table = PublishedTable(heads: [["head"]], resizable: [], """
    visformer_small a36de5c454fb14f8 act=gelu eps=1e-05 heads=6 only=224
    visformer_tiny b54bf3a6e6a6fc19 act=gelu eps=1e-05 heads=3 only=224
    """)
}
