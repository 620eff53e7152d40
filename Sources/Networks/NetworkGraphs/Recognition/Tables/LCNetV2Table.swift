// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension LCNetV2 {
  static let table = PublishedTable(heads: [["classifier"]], resizable: [], """
    lcnetv2_base 6fb22b8223de84b0 act=relu blocks=2,2,6,2 shortcuts=0,0,0,1
    lcnetv2_large 81fccfed5f4d716e act=relu blocks=2,2,8,2 shortcuts=0,0,0,1
    lcnetv2_small a707f83bbaf93ec0 act=relu blocks=2,2,4,2 shortcuts=0,0,0,1
    """)
}
