ckpt-sweep Tests/Commands/data/none.safetensors --data fixtures/digits/val
