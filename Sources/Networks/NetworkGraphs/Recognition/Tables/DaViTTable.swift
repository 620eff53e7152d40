// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension DaViT {
  static let table = PublishedTable(heads: [["head.fc"]], resizable: [], """
    davit_base 99dfa842bf4dcaa9 blocks=1,1,9,1 heads=4,8,16,32 eps=1e-05 window=7
    davit_base_fl 2c9f7b5373081e05 blocks=1,1,9,1 heads=4,8,16,32 eps=1e-05 window=12 v2
    davit_giant 5990a8714b867803 blocks=1,1,12,3 heads=12,24,48,96 eps=1e-05 window=7
    davit_huge 5f92b459d37d4e86 blocks=1,1,9,1 heads=8,16,32,64 eps=1e-05 window=7
    davit_huge_fl d39bc34da6d90256 blocks=1,1,9,1 heads=8,16,32,64 eps=1e-05 window=12 v2
    davit_large b142aef124d9391f blocks=1,1,9,1 heads=6,12,24,48 eps=1e-05 window=7
    davit_small 58f37d301ca56ecf blocks=1,1,9,1 heads=3,6,12,24 eps=1e-05 window=7
    davit_tiny 3bfee2e770651ca7 blocks=1,1,3,1 heads=3,6,12,24 eps=1e-05 window=7
    """)
}
