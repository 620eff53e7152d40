// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension CoaT {
  static let table = PublishedTable(heads: [["head"]], resizable: [], """
    coat_lite_medium 630f29e58e71ec37 heads=8 eps=1e-06 embed-eps=1e-05
    coat_lite_medium_384 630f29e58e71ec37 heads=8 eps=1e-06 embed-eps=1e-05
    coat_lite_mini 8e93b56356e98f50 heads=8 eps=1e-06 embed-eps=1e-05
    coat_lite_small 81a84d2c89e7dfc8 heads=8 eps=1e-06 embed-eps=1e-05
    coat_lite_tiny 163cc4e0ba780e46 heads=8 eps=1e-06 embed-eps=1e-05
    coat_mini 30fb002957774ad7 heads=8 eps=1e-06 embed-eps=1e-05
    coat_small 6cd2f3d992d918fd heads=8 eps=1e-06 embed-eps=1e-05
    coat_tiny e4a96222be52969d heads=8 eps=1e-06 embed-eps=1e-05
    """)
}
