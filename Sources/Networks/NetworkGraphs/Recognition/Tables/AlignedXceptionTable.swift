// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension AlignedXception {
  static let table = PublishedTable(heads: [["head.fc"]], resizable: [], """
    xception41 f1c81bb92ced44d5 blocks=2sr,2sr,2sr,1sr,1sr,1sr,1sr,1sr,1sr,1sr,1sr,2sr,1 eps=0.001
    xception41p f26641f163a15a85 blocks=2s,2s,2s,1s,1s,1s,1s,1s,1s,1s,1s,2s,1 eps=1e-05
    xception65 eb46ae30de5e4e45 blocks=2sr,2sr,2sr,1sr,1sr,1sr,1sr,1sr,1sr,1sr,1sr,1sr,1sr,1sr,1sr,1sr,1sr,1sr,1sr,2sr,1 eps=0.001
    xception65p d950f0fda36d3a1f blocks=2s,2s,2s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,2s,1 eps=0.001
    xception71 dfd387211eb91df1 blocks=2sr,1sr,2sr,1sr,2sr,1sr,1sr,1sr,1sr,1sr,1sr,1sr,1sr,1sr,1sr,1sr,1sr,1sr,1sr,1sr,1sr,2sr,1 eps=0.001
    """)
}
