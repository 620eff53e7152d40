ckpt-best --help
