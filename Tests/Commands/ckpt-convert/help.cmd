ckpt-convert --help
