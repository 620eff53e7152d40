// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension NextViT {
  static let table = PublishedTable(heads: [["head.fc"]], resizable: [], """
    nextvit_base afd4bdaa4d4e4a90 act=relu eps=1e-05 stem=2,1,1,2 strides=1,2,2,2 pools=1,4,2,1 head-width=32
    nextvit_large a48e5e148565b16a act=relu eps=1e-05 stem=2,1,1,2 strides=1,2,2,2 pools=1,4,2,1 head-width=32
    nextvit_small 5ad76a8ad4b6d43e act=relu eps=1e-05 stem=2,1,1,2 strides=1,2,2,2 pools=1,4,2,1 head-width=32
    """)
}
