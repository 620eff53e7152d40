// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension EfficientFormer {
  static let table = PublishedTable(heads: [["head", "head_dist"]], resizable: [], """
    efficientformer_l1 03343c6575159030 blocks=3,2,6,5 eps=1e-05 key-width=32 side=7
    efficientformer_l3 17b86ca06450966e blocks=4,4,12,7 eps=1e-05 key-width=32 side=7
    efficientformer_l7 18984c6ecd40fd05 blocks=6,6,18,9 eps=1e-05 key-width=32 side=7
    """)
}
