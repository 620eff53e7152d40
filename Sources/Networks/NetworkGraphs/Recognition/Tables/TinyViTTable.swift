// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension TinyViT {
  static let table = PublishedTable(heads: [["head.fc"]], resizable: [], """
    tiny_vit_11m_224 bc64b7007e344835 act=gelu eps=1e-05 windows=1,7,14,7 multiple=224
    tiny_vit_21m_224 9ea8c4bc52ee2b88 act=gelu eps=1e-05 windows=1,7,14,7 multiple=224
    tiny_vit_21m_384 e7c1017351a1f80a act=gelu eps=1e-05 windows=1,12,24,12 multiple=384
    tiny_vit_21m_512 01a78280a8e69038 act=gelu eps=1e-05 windows=1,16,32,16 multiple=512
    tiny_vit_5m_224 666d274ef4bd793e act=gelu eps=1e-05 windows=1,7,14,7 multiple=224
    """)
}
