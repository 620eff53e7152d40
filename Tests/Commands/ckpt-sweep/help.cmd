ckpt-sweep --help
