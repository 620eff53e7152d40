// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension DeepLayerAggregation {
  static let table = PublishedTable(heads: [["fc"]], resizable: [], """
    dla102 22fc087d12f14bf5 root-shortcut
    dla102x 7ef3a7dab3eaf851 root-shortcut
    dla102x2 632137f71e2995f3 root-shortcut
    dla169 8bd03e64999661e2 root-shortcut
    dla34 ca8ff936a134df12
    dla46_c 6970fcd0765123da
    dla46x_c 2e94f829f231a86e
    dla60 ef082357da70d5c2
    dla60_res2net ff4806e40784a6f2
    dla60_res2next 4deec03567673db8
    dla60x 1ca6b1d1409544d2
    dla60x_c f73e7863b24ef25c
    """)
}
