// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension XCiT {
  static let table = PublishedTable(heads: [["head"]], resizable: [], """
    xcit_large_24_p16_224 aa67d28314b18610 heads=16 eps=1e-06 blocks=24 class-blocks=2 tokens-norm
    xcit_large_24_p16_384 aa67d28314b18610 heads=16 eps=1e-06 blocks=24 class-blocks=2 tokens-norm
    xcit_large_24_p8_224 3b2a01ed75f71af8 heads=16 eps=1e-06 blocks=24 class-blocks=2 tokens-norm
    xcit_large_24_p8_384 3b2a01ed75f71af8 heads=16 eps=1e-06 blocks=24 class-blocks=2 tokens-norm
    xcit_medium_24_p16_224 d0cb63cd5628919f heads=8 eps=1e-06 blocks=24 class-blocks=2 tokens-norm
    xcit_medium_24_p16_384 d0cb63cd5628919f heads=8 eps=1e-06 blocks=24 class-blocks=2 tokens-norm
    xcit_medium_24_p8_224 2ce1b854b5976181 heads=8 eps=1e-06 blocks=24 class-blocks=2 tokens-norm
    xcit_medium_24_p8_384 2ce1b854b5976181 heads=8 eps=1e-06 blocks=24 class-blocks=2 tokens-norm
    xcit_nano_12_p16_224 b1ef6b7cdb6b141a heads=4 eps=1e-06 blocks=12 class-blocks=2
    xcit_nano_12_p16_384 b1ef6b7cdb6b141a heads=4 eps=1e-06 blocks=12 class-blocks=2
    xcit_nano_12_p8_224 db03f0af7fcfde00 heads=4 eps=1e-06 blocks=12 class-blocks=2
    xcit_nano_12_p8_384 db03f0af7fcfde00 heads=4 eps=1e-06 blocks=12 class-blocks=2
    xcit_small_12_p16_224 dfdb839fbf2ac5a2 heads=8 eps=1e-06 blocks=12 class-blocks=2 tokens-norm
    xcit_small_12_p16_384 dfdb839fbf2ac5a2 heads=8 eps=1e-06 blocks=12 class-blocks=2 tokens-norm
    xcit_small_12_p8_224 e2e5d7ab8a2a2e2e heads=8 eps=1e-06 blocks=12 class-blocks=2 tokens-norm
    xcit_small_12_p8_384 e2e5d7ab8a2a2e2e heads=8 eps=1e-06 blocks=12 class-blocks=2 tokens-norm
    xcit_small_24_p16_224 162e6f72b73dba66 heads=8 eps=1e-06 blocks=24 class-blocks=2 tokens-norm
    xcit_small_24_p16_384 162e6f72b73dba66 heads=8 eps=1e-06 blocks=24 class-blocks=2 tokens-norm
    xcit_small_24_p8_224 96402f8dd8184a42 heads=8 eps=1e-06 blocks=24 class-blocks=2 tokens-norm
    xcit_small_24_p8_384 96402f8dd8184a42 heads=8 eps=1e-06 blocks=24 class-blocks=2 tokens-norm
    xcit_tiny_12_p16_224 3343c3df764827f3 heads=4 eps=1e-06 blocks=12 class-blocks=2 tokens-norm
    xcit_tiny_12_p16_384 3343c3df764827f3 heads=4 eps=1e-06 blocks=12 class-blocks=2 tokens-norm
    xcit_tiny_12_p8_224 e5075a4b3ed356b1 heads=4 eps=1e-06 blocks=12 class-blocks=2 tokens-norm
    xcit_tiny_12_p8_384 e5075a4b3ed356b1 heads=4 eps=1e-06 blocks=12 class-blocks=2 tokens-norm
    xcit_tiny_24_p16_224 d7915fbfe5bb3723 heads=4 eps=1e-06 blocks=24 class-blocks=2 tokens-norm
    xcit_tiny_24_p16_384 d7915fbfe5bb3723 heads=4 eps=1e-06 blocks=24 class-blocks=2 tokens-norm
    xcit_tiny_24_p8_224 ef25892b767a7f21 heads=4 eps=1e-06 blocks=24 class-blocks=2 tokens-norm
    xcit_tiny_24_p8_384 ef25892b767a7f21 heads=4 eps=1e-06 blocks=24 class-blocks=2 tokens-norm
    """)
}
