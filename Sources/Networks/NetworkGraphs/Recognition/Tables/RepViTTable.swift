// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension RepViT {
  static let table = PublishedTable(heads: [["head.head.l", "head.head_dist.l"]], resizable: [], """
    repvit_m0_9 7783634e496e330d act=gelu blocks=2,2,14,2 gate-act=relu
    repvit_m1 f4d008a16022186e act=gelu blocks=2,2,14,2 gate-act=relu
    repvit_m1_0 15826a0f153ac6ca act=gelu blocks=2,2,14,2 gate-act=relu
    repvit_m1_1 7ea6e851ff680f29 act=gelu blocks=2,2,12,2 gate-act=relu
    repvit_m1_5 85e7bb80756b6ba8 act=gelu blocks=4,4,24,4 gate-act=relu
    repvit_m2 6f12b40aa2a973f4 act=gelu blocks=2,2,12,2 gate-act=relu
    repvit_m2_3 e9e797cad358c1c7 act=gelu blocks=6,6,34,2 gate-act=relu
    repvit_m3 ac4594c18d709602 act=gelu blocks=4,4,18,2 gate-act=relu
    """)
}
