ckpt-info --help
