// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension InceptionNeXt {
  static let table = PublishedTable(heads: [["head.fc2"]], resizable: [], """
    inception_next_atto 4436df9d80b3ba6a blocks=2,2,6,2 eps=1e-05 head-eps=1e-06
    inception_next_base cd8446efcfe822ab blocks=3,3,27,3 eps=1e-05 head-eps=1e-06
    inception_next_small 21ff063e6479f5ef blocks=3,3,27,3 eps=1e-05 head-eps=1e-06
    inception_next_tiny 58a8ca3985f6638e blocks=3,3,9,3 eps=1e-05 head-eps=1e-06
    """)
}
