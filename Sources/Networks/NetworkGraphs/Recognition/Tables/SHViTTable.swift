// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension SHViT {
  static let table = PublishedTable(heads: [["head.l"]], resizable: [], """
    shvit_s1 01d6f28f3de78cf0
    shvit_s2 97d4afc5bf334789
    shvit_s3 300dbb08ed7c2fe1
    shvit_s4 dad919db682b34f9
    """)
}
