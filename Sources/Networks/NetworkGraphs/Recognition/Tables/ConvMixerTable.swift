// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension ConvMixer {
  static let table = PublishedTable(heads: [["head"]], resizable: [], """
    convmixer_1024_20_ks9_p14 870d0c77af7c8768 act=gelu
    convmixer_1536_20 5510bc244cabd7f2 act=gelu
    convmixer_768_32 3b288048b45161a8 act=relu
    """)
}
