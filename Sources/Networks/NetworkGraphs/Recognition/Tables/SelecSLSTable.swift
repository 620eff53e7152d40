// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension SelecSLS {
  static let table = PublishedTable(heads: [["fc"]], resizable: [], """
    selecsls42 f9ad48c36c059851 strides=2,1,2,1,2,1 head-strides=2,1,2,1
    selecsls42b e77b8c4613d3021d strides=2,1,2,1,2,1 head-strides=2,1,2,1
    selecsls60 b1f6f2e3827428e4 strides=2,1,2,1,1,2,1,1,1 head-strides=2,1,2,1
    selecsls60b a35c07ee473b1eac strides=2,1,2,1,1,2,1,1,1 head-strides=2,1,2,1
    selecsls84 7205acf4d91273ce strides=2,1,2,1,1,1,1,2,1,1,1,1,1 head-strides=2,1,2,1
    """)
}
