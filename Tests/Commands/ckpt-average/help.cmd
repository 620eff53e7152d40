ckpt-average --help
