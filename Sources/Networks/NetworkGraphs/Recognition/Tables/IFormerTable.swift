// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension IFormer {
  static let table = PublishedTable(heads: [["head.head.l"], ["head.head.l", "head.head_dist.l"]], resizable: [], """
    iformer_h 7b37ccaf79a4c26d act=gelu blocks=5,5,60,18
    iformer_l c0aad5c3fcfcf363 act=gelu blocks=2,2,33,6
    iformer_l2 f559eeab6137aefc act=gelu blocks=3,3,46,9
    iformer_l2_distilled 1d8758c0579bc6f8 act=gelu blocks=3,3,46,9
    iformer_l_distilled 650e505a87521556 act=gelu blocks=2,2,33,6
    iformer_m 5f680a4ab8ea60c1 act=gelu blocks=2,2,22,6
    iformer_m_distilled 2a4efbac0a3f3076 act=gelu blocks=2,2,22,6
    iformer_s 6570f186e3048ae3 act=gelu blocks=2,2,19,6
    iformer_t 33a603f269a0d096 act=gelu blocks=2,2,16,6
    """)
}
