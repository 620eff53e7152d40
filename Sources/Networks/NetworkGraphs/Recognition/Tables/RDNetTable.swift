// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension RDNet {
  static let table = PublishedTable(heads: [["head.fc"]], resizable: [], """
    rdnet_base feff7a0416e5490e stages=11 act=gelu eps=1e-06
    rdnet_large b6ebe34e5f7237e0 stages=12 act=gelu eps=1e-06
    rdnet_small d1e149dd0245bf32 stages=11 act=gelu eps=1e-06
    rdnet_tiny cca0ac65a954124b stages=7 act=gelu eps=1e-06
    """)
}
