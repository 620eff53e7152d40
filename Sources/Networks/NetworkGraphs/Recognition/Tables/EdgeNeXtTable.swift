// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension EdgeNeXt {
  static let table = PublishedTable(heads: [["head.fc"]], resizable: [], """
    edgenext_base c57fe271d5bdfca5 blocks=3,3,9,3 heads=1,8,8,8 act=gelu eps=1e-06
    edgenext_small 1172f60ef8f730c6 blocks=3,3,9,3 heads=1,8,8,8 act=gelu eps=1e-06
    edgenext_small_rw bcbff70588becde7 blocks=3,3,9,3 heads=1,8,8,8 act=gelu eps=1e-06
    edgenext_x_small 82df2e3a5cfb3d89 blocks=3,3,9,3 heads=1,4,4,4 act=gelu eps=1e-06
    edgenext_xx_small 6c5ef2fd2c39e616 blocks=2,2,6,2 heads=1,4,4,4 act=gelu eps=1e-06
    """)
}
