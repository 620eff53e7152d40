// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension PoolingTransformer {
  static let table = PublishedTable(heads: [["head"], ["head", "head_dist"]], resizable: [], """
    pit_b_224 bfc3ab1266b4b89c heads=4,8,16 eps=1e-06 stride=7 only=224
    pit_b_distilled_224 946d1c072b90a7a9 heads=4,8,16 eps=1e-06 stride=7 only=224
    pit_s_224 04d30869948da09b heads=3,6,12 eps=1e-06 stride=8 only=224
    pit_s_distilled_224 05a797b0fbd6cc39 heads=3,6,12 eps=1e-06 stride=8 only=224
    pit_ti_224 548fad8ccb22f8a6 heads=2,4,8 eps=1e-06 stride=8 only=224
    pit_ti_distilled_224 18b3eeace65d55e3 heads=2,4,8 eps=1e-06 stride=8 only=224
    pit_xs_224 208ac049d9457664 heads=2,4,8 eps=1e-06 stride=8 only=224
    pit_xs_distilled_224 57ff91c5eeefc695 heads=2,4,8 eps=1e-06 stride=8 only=224
    """)
}
