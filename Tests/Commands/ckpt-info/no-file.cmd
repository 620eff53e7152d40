ckpt-info
