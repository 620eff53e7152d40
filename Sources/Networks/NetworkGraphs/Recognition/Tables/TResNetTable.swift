// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension TResNet {
  static let table = PublishedTable(heads: [["head.fc"]], resizable: [], """
    tresnet_l ccda46809fa86b65 stem-slope=0.01 slope=0.001
    tresnet_m 4aa533d6aee665c7 stem-slope=0.01 slope=0.001
    tresnet_v2_l 559a91db4b3d9b66 stem-slope=0.01 slope=0.001
    tresnet_xl 20db0c9dfb243477 stem-slope=0.01 slope=0.001
    """)
}
