ckpt-convert Tests/Commands/data/small-1.safetensors --max-shard-size 1 -o Tests/Commands/data/none/out
