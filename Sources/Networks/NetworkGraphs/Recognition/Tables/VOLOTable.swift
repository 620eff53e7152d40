// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension VOLO {
  static let table = PublishedTable(heads: [["head", "aux_head"]], resizable: [], """
    volo_d1_224 a9426539e3502413 heads=6,12,12,12 eps=1e-05 conv-eps=1e-05 stride=2 only=224
    volo_d1_384 fc130d976c3dc3b9 heads=6,12,12,12 eps=1e-05 conv-eps=1e-05 stride=2 only=384
    volo_d2_224 9738af97ff596db7 heads=8,16,16,16 eps=1e-05 conv-eps=1e-05 stride=2 only=224
    volo_d2_384 eaaf967852ad1a2d heads=8,16,16,16 eps=1e-05 conv-eps=1e-05 stride=2 only=384
    volo_d3_224 da15a85fa979e3dd heads=8,16,16,16 eps=1e-05 conv-eps=1e-05 stride=2 only=224
    volo_d3_448 58fae522b0693fdb heads=8,16,16,16 eps=1e-05 conv-eps=1e-05 stride=2 only=448
    volo_d4_224 3fbf4552639e813f heads=12,16,16,16 eps=1e-05 conv-eps=1e-05 stride=2 only=224
    volo_d4_448 723d6329768b25a9 heads=12,16,16,16 eps=1e-05 conv-eps=1e-05 stride=2 only=448
    volo_d5_224 79840eb52d70e331 heads=12,16,16,16 eps=1e-05 conv-eps=1e-05 stride=2 only=224
    volo_d5_448 6dd9fb887a49be9b heads=12,16,16,16 eps=1e-05 conv-eps=1e-05 stride=2 only=448
    volo_d5_512 4c4c8f2b1713d10d heads=12,16,16,16 eps=1e-05 conv-eps=1e-05 stride=2 only=512
    """)
}
