// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension Hiera {
  static let table = PublishedTable(heads: [["head.fc"]], resizable: [], """
    hiera_base_224 956408619c2928ec blocks=2,3,16,3 heads=1,2,4,8 local=1,1,0,0 unit=8 eps=1e-06 only=224
    hiera_base_plus_224 b84a0ebe96ab0f86 blocks=2,3,16,3 heads=2,4,8,16 local=1,1,0,0 unit=8 eps=1e-06 only=224
    hiera_huge_224 135989f50e90842c blocks=2,6,36,4 heads=4,8,16,32 local=1,1,0,0 unit=8 eps=1e-06 only=224
    hiera_large_224 23086cd40cb11f41 blocks=2,6,36,4 heads=2,4,8,16 local=1,1,0,0 unit=8 eps=1e-06 only=224
    hiera_small_224 ff0d7e7b4f9afed4 blocks=1,2,11,2 heads=1,2,4,8 local=1,1,0,0 unit=8 eps=1e-06 only=224
    hiera_tiny_224 b5e0c3a9a186d004 blocks=1,2,7,2 heads=1,2,4,8 local=1,1,0,0 unit=8 eps=1e-06 only=224
    """)
}
