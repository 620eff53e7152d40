// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension HybridTransformer {
  static let table = PublishedTable(heads: [["head"]], resizable: ["pos_embed"], """
    vit_base_mci_224 39038d7651fb75d0 backbone=stem heads=12 eps=1e-06 act=gelu pool=token patch=16
    vit_base_r26_s32_224 cce7930221629bd6 backbone=residual heads=12 eps=1e-06 act=gelu pool=token patch=32 embedded conv-eps=1e-05 groups=32 standardized=1e-08
    vit_base_r50_s16_224 1cabf48304f68560 backbone=residual heads=12 eps=1e-06 act=gelu pool=token patch=16 embedded conv-eps=1e-05 groups=32 standardized=1e-08
    vit_base_r50_s16_384 1cabf48304f68560 backbone=residual heads=12 eps=1e-06 act=gelu pool=token patch=16 embedded conv-eps=1e-05 groups=32 standardized=1e-08
    vit_large_r50_s32_224 eecff372ee15eb56 backbone=residual heads=16 eps=1e-06 act=gelu pool=token patch=32 embedded conv-eps=1e-05 groups=32 standardized=1e-08
    vit_large_r50_s32_384 eecff372ee15eb56 backbone=residual heads=16 eps=1e-06 act=gelu pool=token patch=32 embedded conv-eps=1e-05 groups=32 standardized=1e-08
    vit_small_r26_s32_224 7fb08e34d4973aba backbone=residual heads=6 eps=1e-06 act=gelu pool=token patch=32 embedded conv-eps=1e-05 groups=32 standardized=1e-08
    vit_small_r26_s32_384 7fb08e34d4973aba backbone=residual heads=6 eps=1e-06 act=gelu pool=token patch=32 embedded conv-eps=1e-05 groups=32 standardized=1e-08
    vit_tiny_r_s16_p8_224 db209ec5634972cf backbone=residual heads=3 eps=1e-06 act=gelu pool=token patch=32 embedded conv-eps=1e-05 groups=32 standardized=1e-08
    vit_tiny_r_s16_p8_384 db209ec5634972cf backbone=residual heads=3 eps=1e-06 act=gelu pool=token patch=32 embedded conv-eps=1e-05 groups=32 standardized=1e-08
    vitamin_base_224 7d97f56eaf4a3394 backbone=mobile heads=12 eps=1e-06 act=gelu pool=avg patch=16 conv-eps=1e-06
    vitamin_large2_224 8611b6dd6fe36fdc backbone=mobile heads=16 eps=1e-06 act=gelu pool=avg patch=16 conv-eps=1e-06
    vitamin_large2_256 8611b6dd6fe36fdc backbone=mobile heads=16 eps=1e-06 act=gelu pool=avg patch=16 conv-eps=1e-06
    vitamin_large2_336 8611b6dd6fe36fdc backbone=mobile heads=16 eps=1e-06 act=gelu pool=avg patch=16 conv-eps=1e-06
    vitamin_large2_384 8611b6dd6fe36fdc backbone=mobile heads=16 eps=1e-06 act=gelu pool=avg patch=16 conv-eps=1e-06
    vitamin_large_224 8611b6dd6fe36fdc backbone=mobile heads=16 eps=1e-06 act=gelu pool=avg patch=16 conv-eps=1e-06
    vitamin_large_256 8611b6dd6fe36fdc backbone=mobile heads=16 eps=1e-06 act=gelu pool=avg patch=16 conv-eps=1e-06
    vitamin_large_336 8611b6dd6fe36fdc backbone=mobile heads=16 eps=1e-06 act=gelu pool=avg patch=16 conv-eps=1e-06
    vitamin_large_384 8611b6dd6fe36fdc backbone=mobile heads=16 eps=1e-06 act=gelu pool=avg patch=16 conv-eps=1e-06
    vitamin_small_224 5282d61428ef620b backbone=mobile heads=6 eps=1e-06 act=gelu pool=avg patch=16 conv-eps=1e-06
    vitamin_xlarge_256 8a56a46c2aa7fa1f backbone=mobile heads=16 eps=1e-06 act=gelu pool=avg patch=16 conv-eps=1e-06
    vitamin_xlarge_336 8a56a46c2aa7fa1f backbone=mobile heads=16 eps=1e-06 act=gelu pool=avg patch=16 conv-eps=1e-06
    vitamin_xlarge_384 8a56a46c2aa7fa1f backbone=mobile heads=16 eps=1e-06 act=gelu pool=avg patch=16 conv-eps=1e-06
    """)
}
