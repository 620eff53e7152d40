ckpt-fixres --help
