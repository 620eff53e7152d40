ckpt-average Tests/Commands/data/small-1.safetensors --nonsense -o /dev/null
