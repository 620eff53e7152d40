ckpt-average
