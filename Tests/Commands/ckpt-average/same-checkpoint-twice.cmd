ckpt-average Tests/Commands/data/small-1.safetensors Tests/Commands/data/small-1.safetensors -o /dev/null
