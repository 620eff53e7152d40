// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension HieraDet {
  static let table = PublishedTable(heads: [["head.fc"]], resizable: [], """
    hieradet_small 2b6a7a3908db37a6 windows=8,8,4,4,16,16,16,0,16,16,0,16,16,0,16,8 eps=1e-06 head-width=96
    sam2_hiera_base_plus 2f367accb880a171 windows=8,8,8,4,4,4,14,14,14,14,14,14,0,14,14,14,0,14,14,14,0,14,7,7 eps=1e-06 head-width=56
    sam2_hiera_large 30b81f2be603719f windows=8,8,8,4,4,4,4,4,4,16,16,16,16,16,16,16,16,16,16,16,16,16,16,0,16,16,16,16,16,16,16,16,16,0,16,16,16,16,16,16,16,16,16,0,16,8,8,8 eps=1e-06 head-width=72
    sam2_hiera_small 2cf16face8c49a02 windows=8,8,4,4,14,14,14,0,14,14,0,14,14,0,14,7 eps=1e-06 head-width=96
    sam2_hiera_tiny 6a39e816610add92 windows=8,8,4,4,14,0,14,0,14,0,14,7 eps=1e-06 head-width=96
    """)
}
