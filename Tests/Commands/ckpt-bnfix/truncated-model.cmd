ckpt-bnfix Tests/Commands/data/truncated.safetensors --data fixtures/digits/val -o /dev/null
