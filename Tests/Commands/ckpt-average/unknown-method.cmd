ckpt-average Tests/Commands/data/small-1.safetensors --method nonsense -o /dev/null
