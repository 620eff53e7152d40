ckpt-best --series fixtures/run --train fixtures/digits/none --val fixtures/digits/val
