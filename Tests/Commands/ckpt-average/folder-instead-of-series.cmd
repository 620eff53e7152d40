ckpt-average fixtures/run -o /dev/null
