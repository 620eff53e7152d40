// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension EfficientViTMSRA {
  static let table = PublishedTable(heads: [["head.linear"]], resizable: [], """
    efficientvit_m0 4cc885604d432446 window=7
    efficientvit_m1 b04be1231f6d5075 window=7
    efficientvit_m2 7d77ab9f7881ad85 window=7
    efficientvit_m3 57c08bc760494902 window=7
    efficientvit_m4 f392d41a3ead89bb window=7
    efficientvit_m5 57a3727a7b191261 window=7
    """)
}
