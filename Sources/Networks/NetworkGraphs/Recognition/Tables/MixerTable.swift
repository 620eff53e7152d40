// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension Mixer {
  static let table = PublishedTable(heads: [["head"]], resizable: [], """
    gmixer_12_224 0cb7760ceb3a9ec4 tokens=196 blocks=12 act=silu glu eps=1e-06
    gmixer_24_224 a591838e34be1c6c tokens=196 blocks=24 act=silu glu eps=1e-06
    gmlp_b16_224 aaf9b1406dd00793 tokens=196 blocks=30 act=gelu gated gate-eps=1e-05 eps=1e-06
    gmlp_s16_224 0e31488379f3f398 tokens=196 blocks=30 act=gelu gated gate-eps=1e-05 eps=1e-06
    gmlp_ti16_224 1103d388a7663b2e tokens=196 blocks=30 act=gelu gated gate-eps=1e-05 eps=1e-06
    mixer_b16_224 5e70120d187b6b52 tokens=196 blocks=12 act=gelu eps=1e-06
    mixer_b32_224 bc904331e02676e2 tokens=49 blocks=12 act=gelu eps=1e-06
    mixer_l16_224 f477678c9eeafd16 tokens=196 blocks=24 act=gelu eps=1e-06
    mixer_l32_224 12cfbca8e0f0917a tokens=49 blocks=24 act=gelu eps=1e-06
    mixer_s16_224 8dc7665f61b1ab49 tokens=196 blocks=8 act=gelu eps=1e-06
    mixer_s32_224 77a3e7f346a0ccdd tokens=49 blocks=8 act=gelu eps=1e-06
    resmlp_12_224 403445828c94e6b7 tokens=196 blocks=12 act=gelu
    resmlp_24_224 bcc3e99c62b84517 tokens=196 blocks=24 act=gelu
    resmlp_36_224 2e34672ce6c0a5d7 tokens=196 blocks=36 act=gelu
    resmlp_big_24_224 39af4b22dfae9adf tokens=784 blocks=24 act=gelu
    """)
}
