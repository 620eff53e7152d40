// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension PNASNet {
  static let table = PublishedTable(heads: [["last_linear"]], resizable: [], """
    pnasnet5large 94d28a4559546233
    """)
}
