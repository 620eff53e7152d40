// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension StarNet {
  static let table = PublishedTable(heads: [["head"]], resizable: [], """
    starnet_s050 e39412866c0d15ea
    starnet_s1 3a93e41a773d9024
    starnet_s100 0056af66b656e9e4
    starnet_s150 17a5def6a4c1f998
    starnet_s2 2029df0b57c13db8
    starnet_s3 9b9730ee11124f8c
    starnet_s4 1044ac9ab5ab1702
    """)
}
