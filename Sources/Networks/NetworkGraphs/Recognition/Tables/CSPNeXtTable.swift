// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension CSPNeXt {
  static let table = PublishedTable(heads: [["head.fc"]], resizable: [], """
    cspnext_l 5fbf0d60a025e6dd act=silu eps=1e-05 momentum=0.1
    cspnext_m dae2db5928206281 act=silu eps=1e-05 momentum=0.1
    cspnext_s 2c10bd6948b3ea44 act=silu eps=1e-05 momentum=0.1
    cspnext_tiny a19ba595bc24755b act=silu eps=1e-05 momentum=0.1
    cspnext_x 18ac483369aa45f4 act=silu eps=1e-05 momentum=0.1
    """)
}
