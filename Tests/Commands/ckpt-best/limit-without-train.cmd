ckpt-best --series fixtures/run --val fixtures/digits/val --limit 9
