// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension RegNetVZ {
  static let table = PublishedTable(heads: [["head.fc"]], resizable: [], """
    regnetv_040 d0d9483dd88bc78f act=silu norm-first final-act
    regnetv_064 0a22f49889d08dbe act=silu norm-first final-act
    regnetz_005 b0617e24b411a511 act=silu linear
    regnetz_040 83852416b7ba906c act=silu linear final-act
    regnetz_040_h adce869123c9d7c8 act=silu linear
    """)
}
