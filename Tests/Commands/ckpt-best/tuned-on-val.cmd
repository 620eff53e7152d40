ckpt-best --series fixtures/run --train fixtures/digits/val --val fixtures/digits/val --tune fc
