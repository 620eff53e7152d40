// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension MultiscaleViT {
  static let table = PublishedTable(heads: [["head.fc"]], resizable: [], """
    mvitv2_base f552c54da8b0b048 heads=1,2,4,8 strides=1,2,2,2 key-strides=4,2,1,1 eps=1e-06 only=224
    mvitv2_base_cls c4a0844cd8de23d3 heads=1,2,4,8 strides=1,2,2,2 key-strides=4,2,1,1 eps=1e-06 only=224 token
    mvitv2_huge_cls 0527af8c60b164b0 heads=3,6,12,24 strides=1,2,2,2 key-strides=4,2,1,1 eps=1e-06 only=224 token
    mvitv2_large f0ad441c010fcfa6 heads=2,4,8,16 strides=1,2,2,2 key-strides=4,2,1,1 eps=1e-06 only=224
    mvitv2_large_cls 46cd1687e3eb46c3 heads=2,4,8,16 strides=1,2,2,2 key-strides=4,2,1,1 eps=1e-06 only=224 token
    mvitv2_small 6598b4ea6e9d6e9b heads=1,2,4,8 strides=1,2,2,2 key-strides=4,2,1,1 eps=1e-06 only=224
    mvitv2_small_cls cba426cbbbd9cb2c heads=1,2,4,8 strides=1,2,2,2 key-strides=4,2,1,1 eps=1e-06 only=224 token
    mvitv2_tiny 82c4160891df8001 heads=1,2,4,8 strides=1,2,2,2 key-strides=4,2,1,1 eps=1e-06 only=224
    """)
}
