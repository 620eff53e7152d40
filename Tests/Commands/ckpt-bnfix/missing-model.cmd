ckpt-bnfix Tests/Commands/data/none.safetensors --data fixtures/digits/val -o /dev/null
