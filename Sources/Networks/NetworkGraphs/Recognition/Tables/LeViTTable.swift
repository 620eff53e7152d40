// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension LeViT {
  static let table = PublishedTable(heads: [["head.linear"], ["head.linear", "head_dist.linear"]], resizable: [], """
    levit_128 d04bcbf7665b033f blocks=4,4,4 act=hardswish key-width=16 only=224
    levit_128s 6589f71683673dc4 blocks=2,3,4 act=hardswish key-width=16 only=224
    levit_192 5352e371ee072303 blocks=4,4,4 act=hardswish key-width=32 only=224
    levit_256 8375ca531d77efa5 blocks=4,4,4 act=hardswish key-width=32 only=224
    levit_256d 2f6ddc889bfcb768 blocks=4,8,6 act=silu key-width=32 only=224
    levit_384 61b0aa70f94c5c14 blocks=4,4,4 act=hardswish key-width=32 only=224
    levit_384_s8 74a17ad2bb4c259d blocks=4,4,4 act=silu key-width=32 only=224
    levit_512 e407f494329660a4 blocks=4,4,4 act=silu key-width=64 only=224
    levit_512_s8 f03d6f3f82530c28 blocks=4,4,4 act=silu key-width=64 only=224
    levit_512d 513be00fad61ebf0 blocks=4,8,6 act=silu key-width=64 only=224
    levit_conv_128 96dcfbc7ecfeee27 blocks=4,4,4 act=hardswish key-width=16 only=224
    levit_conv_128s ae474c1c69540384 blocks=2,3,4 act=hardswish key-width=16 only=224
    levit_conv_192 22dbbf814f934833 blocks=4,4,4 act=hardswish key-width=32 only=224
    levit_conv_256 334aa1f4eadb5875 blocks=4,4,4 act=hardswish key-width=32 only=224
    levit_conv_256d 45156a3e30adf0c0 blocks=4,8,6 act=silu key-width=32 only=224
    levit_conv_384 fd7f37814593c364 blocks=4,4,4 act=hardswish key-width=32 only=224
    levit_conv_384_s8 1ad0b4104571fecd blocks=4,4,4 act=silu key-width=32 only=224
    levit_conv_512 d55caf17a0476244 blocks=4,4,4 act=silu key-width=64 only=224
    levit_conv_512_s8 d479a59a29b45540 blocks=4,4,4 act=silu key-width=64 only=224
    levit_conv_512d 2c648ce9577b87d8 blocks=4,8,6 act=silu key-width=64 only=224
    """)
}
