// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension MetaFormer {
  static let table = PublishedTable(heads: [["head.fc"], ["head.fc.fc2"]], resizable: [], """
    caformer_b36 696ed46a66c50554 blocks=3,12,18,3 block-eps=1e-06 downsample-eps=1e-06 output-eps=1e-06 head-eps=1e-06 head-width=32
    caformer_m36 b06ba2b420bcb2f5 blocks=3,12,18,3 block-eps=1e-06 downsample-eps=1e-06 output-eps=1e-06 head-eps=1e-06 head-width=32
    caformer_s18 ff9d53ca108ff08a blocks=3,3,9,3 block-eps=1e-06 downsample-eps=1e-06 output-eps=1e-06 head-eps=1e-06 head-width=32
    caformer_s36 16cbc58c721d2bab blocks=3,12,18,3 block-eps=1e-06 downsample-eps=1e-06 output-eps=1e-06 head-eps=1e-06 head-width=32
    convformer_b36 884445895eb77b61 blocks=3,12,18,3 block-eps=1e-06 downsample-eps=1e-06 output-eps=1e-06 head-eps=1e-06
    convformer_m36 0fd47efb4134bd22 blocks=3,12,18,3 block-eps=1e-06 downsample-eps=1e-06 output-eps=1e-06 head-eps=1e-06
    convformer_s18 30d5b9040baa69f0 blocks=3,3,9,3 block-eps=1e-06 downsample-eps=1e-06 output-eps=1e-06 head-eps=1e-06
    convformer_s36 5047e43961266de3 blocks=3,12,18,3 block-eps=1e-06 downsample-eps=1e-06 output-eps=1e-06 head-eps=1e-06
    poolformer_m36 691856f4c94e8a59 blocks=6,6,18,6 block-eps=1e-05 block-group output-eps=1e-06 act=gelu
    poolformer_m48 63a949a968690efb blocks=8,8,24,8 block-eps=1e-05 block-group output-eps=1e-06 act=gelu
    poolformer_s12 ddac469e63d595c6 blocks=2,2,6,2 block-eps=1e-05 block-group output-eps=1e-06 act=gelu
    poolformer_s24 05e1667018ce55b8 blocks=4,4,12,4 block-eps=1e-05 block-group output-eps=1e-06 act=gelu
    poolformer_s36 092d780eb0f7efb6 blocks=6,6,18,6 block-eps=1e-05 block-group output-eps=1e-06 act=gelu
    poolformerv2_m36 83dfb1e0708f2d32 blocks=6,6,18,6 block-eps=1e-06 block-group downsample-eps=1e-06 output-eps=1e-06
    poolformerv2_m48 6ca269186e9c76ae blocks=8,8,24,8 block-eps=1e-06 block-group downsample-eps=1e-06 output-eps=1e-06
    poolformerv2_s12 3038f7633a8e1060 blocks=2,2,6,2 block-eps=1e-06 block-group downsample-eps=1e-06 output-eps=1e-06
    poolformerv2_s24 81b23d5e81b67194 blocks=4,4,12,4 block-eps=1e-06 block-group downsample-eps=1e-06 output-eps=1e-06
    poolformerv2_s36 af254826c99740a8 blocks=6,6,18,6 block-eps=1e-06 block-group downsample-eps=1e-06 output-eps=1e-06
    """)
}
