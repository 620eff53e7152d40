// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension MambaOut {
  static let table = PublishedTable(heads: [["head.fc"]], resizable: [], """
    mambaout_base 42ce985a92f16125 blocks=3,4,27,3 eps=1e-06 act=gelu head-act=gelu
    mambaout_base_plus_rw 30b0604a363d0517 blocks=3,4,30,3 eps=1e-06 act=silu norm-first head-act=gelu
    mambaout_base_short_rw 04f84d8265a519b4 blocks=3,3,25,3 eps=1e-06 act=gelu norm-first head-act=gelu
    mambaout_base_tall_rw 33ee1fe6b6808aae blocks=3,4,30,3 eps=1e-06 act=gelu norm-first head-act=gelu
    mambaout_base_wide_rw b122484e74c42038 blocks=3,4,27,3 eps=1e-06 act=silu norm-first head-act=gelu
    mambaout_femto 297577f5016c790a blocks=3,3,9,3 eps=1e-06 act=gelu head-act=gelu
    mambaout_kobe 73b7c61a38788d82 blocks=3,3,15,3 eps=1e-06 act=gelu head-act=gelu
    mambaout_small e4770f523ed8d231 blocks=3,4,27,3 eps=1e-06 act=gelu head-act=gelu
    mambaout_small_rw 7a2eb429d377fe00 blocks=3,4,27,3 eps=1e-06 act=gelu norm-first head-act=gelu
    mambaout_tiny fbb3eda0e5860914 blocks=3,3,9,3 eps=1e-06 act=gelu head-act=gelu
    test_mambaout 8cf4213864c49e08 blocks=1,1,3,1 eps=1e-06 act=silu norm-first head-act=gelu
    """)
}
