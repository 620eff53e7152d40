// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension CaiT {
  static let table = PublishedTable(heads: [["head"]], resizable: [], """
    cait_m36_384 46912e2080051f41 heads=16 eps=1e-06 blocks=36 class-blocks=2 grid=24
    cait_m48_448 8f1639aa44c77f0c heads=16 eps=1e-06 blocks=48 class-blocks=2 grid=28
    cait_s24_224 d6e80f42656caaaf heads=8 eps=1e-06 blocks=24 class-blocks=2 grid=14
    cait_s24_384 0bc289c2a23db881 heads=8 eps=1e-06 blocks=24 class-blocks=2 grid=24
    cait_s36_384 31372a570642b645 heads=8 eps=1e-06 blocks=36 class-blocks=2 grid=24
    cait_xs24_384 7637c27d370a5506 heads=6 eps=1e-06 blocks=24 class-blocks=2 grid=24
    cait_xxs24_224 588abcd5966b2954 heads=4 eps=1e-06 blocks=24 class-blocks=2 grid=14
    cait_xxs24_384 2dffdf27e2926286 heads=4 eps=1e-06 blocks=24 class-blocks=2 grid=24
    cait_xxs36_224 04a2ab33fb76c0ec heads=4 eps=1e-06 blocks=36 class-blocks=2 grid=14
    cait_xxs36_384 fe3e192f5899d74e heads=4 eps=1e-06 blocks=36 class-blocks=2 grid=24
    """)
}
