// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension PyramidTransformer {
  static let table = PublishedTable(heads: [["head"]], resizable: [], """
    pvt_v2_b0 62a2227fd1d636b8 blocks=2,2,2,2 heads=1,2,5,8 eps=1e-06 inner-eps=1e-05
    pvt_v2_b1 262534774f404109 blocks=2,2,2,2 heads=1,2,5,8 eps=1e-06 inner-eps=1e-05
    pvt_v2_b2 50e3227654465287 blocks=3,4,6,3 heads=1,2,5,8 eps=1e-06 inner-eps=1e-05
    pvt_v2_b2_li 395455e9a0b476dd blocks=3,4,6,3 heads=1,2,5,8 eps=1e-06 inner-eps=1e-05 linear
    pvt_v2_b3 40244b82a4001fab blocks=3,4,18,3 heads=1,2,5,8 eps=1e-06 inner-eps=1e-05
    pvt_v2_b4 3ac7722faf611bea blocks=3,8,27,3 heads=1,2,5,8 eps=1e-06 inner-eps=1e-05
    pvt_v2_b5 b5f9ba748211e6f2 blocks=3,6,40,3 heads=1,2,5,8 eps=1e-06 inner-eps=1e-05
    twins_pcpvt_base 3cd1af2c9d59e446 blocks=3,4,18,3 heads=1,2,5,8 eps=1e-06 inner-eps=1e-05 twins
    twins_pcpvt_large 5eddbf603177cf4d blocks=3,8,27,3 heads=1,2,5,8 eps=1e-06 inner-eps=1e-05 twins
    twins_pcpvt_small 1934f819604280a2 blocks=3,4,6,3 heads=1,2,5,8 eps=1e-06 inner-eps=1e-05 twins
    twins_svt_base 897a269df978232a blocks=2,2,18,2 heads=3,6,12,24 eps=1e-06 inner-eps=1e-05 twins window=7
    twins_svt_large d2092f6babbdca3c blocks=2,2,18,2 heads=4,8,16,32 eps=1e-06 inner-eps=1e-05 twins window=7
    twins_svt_small 9b563e8a7154b715 blocks=2,2,10,4 heads=2,4,8,16 eps=1e-06 inner-eps=1e-05 twins window=7
    """)
}
