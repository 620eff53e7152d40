// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension DualPathNet {
  static let table = PublishedTable(heads: [["classifier"]], resizable: [], """
    dpn107 3fb5c37043df7579 eps=0.001 act=relu stem-act=relu blocks=4,8,20,3 last-act=relu
    dpn131 642a0c55ee559d8a eps=0.001 act=relu stem-act=relu blocks=4,8,28,3 last-act=relu
    dpn48b 893f44b82a8ca6e2 eps=0.001 act=relu stem-act=silu blocks=3,4,6,3 last-act=silu
    dpn68 cbc8eb413e4a8e15 eps=0.001 act=relu stem-act=relu blocks=3,4,12,3 last-act=relu
    dpn68b 88662ad4c5fcfc32 eps=0.001 act=relu stem-act=relu blocks=3,4,12,3 last-act=relu
    dpn92 a9194755ce5d1dd5 eps=0.001 act=relu stem-act=relu blocks=3,4,20,3 last-act=relu
    dpn98 8c20c71297ab0f41 eps=0.001 act=relu stem-act=relu blocks=3,6,20,3 last-act=relu
    """)
}
