// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension SwinTransformerCR {
  static let table = PublishedTable(heads: [["head.fc"]], resizable: [], """
    swinv2_cr_base_224 5552b124fa40e5ad blocks=2,2,18,2 eps=1e-05 windows=7,7,7,7 only=224
    swinv2_cr_base_384 5552b124fa40e5ad blocks=2,2,18,2 eps=1e-05 windows=12,12,12,12 only=384
    swinv2_cr_base_ns_224 ae0b100b14f99aa6 blocks=2,2,18,2 eps=1e-05 windows=7,7,7,7 only=224
    swinv2_cr_giant_224 0d2010714267b870 blocks=2,2,42,2 eps=1e-05 windows=7,7,7,7 only=224
    swinv2_cr_giant_384 0d2010714267b870 blocks=2,2,42,2 eps=1e-05 windows=12,12,12,12 only=384
    swinv2_cr_huge_224 554d30f9427b6d2e blocks=2,2,18,2 eps=1e-05 windows=7,7,7,7 only=224
    swinv2_cr_huge_384 83401ab9d864dd30 blocks=2,2,18,2 eps=1e-05 windows=12,12,12,12 only=384
    swinv2_cr_large_224 1eef1757d59799bb blocks=2,2,18,2 eps=1e-05 windows=7,7,7,7 only=224
    swinv2_cr_large_384 1eef1757d59799bb blocks=2,2,18,2 eps=1e-05 windows=12,12,12,12 only=384
    swinv2_cr_small_224 c6ae975e027f1b3d blocks=2,2,18,2 eps=1e-05 windows=7,7,7,7 only=224
    swinv2_cr_small_384 c6ae975e027f1b3d blocks=2,2,18,2 eps=1e-05 windows=12,12,12,12 only=384
    swinv2_cr_small_ns_224 1ebc40074f97f584 blocks=2,2,18,2 eps=1e-05 windows=7,7,7,7 only=224
    swinv2_cr_small_ns_256 1ebc40074f97f584 blocks=2,2,18,2 eps=1e-05 windows=8,8,8,8 only=256
    swinv2_cr_tiny_224 1225d0647ee569cd blocks=2,2,6,2 eps=1e-05 windows=7,7,7,7 only=224
    swinv2_cr_tiny_384 1225d0647ee569cd blocks=2,2,6,2 eps=1e-05 windows=12,12,12,12 only=384
    swinv2_cr_tiny_ns_224 1ef4e496d15f0ae6 blocks=2,2,6,2 eps=1e-05 windows=7,7,7,7 only=224
    """)
}
