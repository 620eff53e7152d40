// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension NestedTransformer {
  static let table = PublishedTable(heads: [["head"]], resizable: [], """
    nest_base ae0afa3fc47fc6de heads=4,8,16 eps=1e-06 block=14 only=224
    nest_base_jx ae0afa3fc47fc6de heads=4,8,16 eps=1e-06 block=14 only=224 same
    nest_small 70b8c7d83455aeb8 heads=3,6,12 eps=1e-06 block=14 only=224
    nest_small_jx 70b8c7d83455aeb8 heads=3,6,12 eps=1e-06 block=14 only=224 same
    nest_tiny 66f91ae633663c54 heads=3,6,12 eps=1e-06 block=14 only=224
    nest_tiny_jx 66f91ae633663c54 heads=3,6,12 eps=1e-06 block=14 only=224 same
    """)
}
