ckpt-average Tests/Commands/data/small-1.safetensors Tests/Commands/data/wide.safetensors -o /dev/null
