ckpt-fixres Tests/Commands/data/small-1.safetensors --data fixtures/digits/val -o /dev/null
