// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension FasterNet {
  static let table = PublishedTable(heads: [["classifier"]], resizable: [], """
    fasternet_l 1b218a8865b02e4f act=relu
    fasternet_m d87e3fd219811cf9 act=relu
    fasternet_s 44f0a792da8c04c2 act=relu
    fasternet_t0 e07e5c69a7ea37b2 act=gelu
    fasternet_t1 9a228b5c055f8c14 act=gelu
    fasternet_t2 44e9945ea5d6218a act=relu
    """)
}
