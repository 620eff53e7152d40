// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension NASNet {
  static let table = PublishedTable(heads: [["last_linear"]], resizable: [], """
    nasnetalarge 31dc8893dc527894
    """)
}
