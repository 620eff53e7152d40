ckpt-average Tests/Commands/data/small-1.safetensors Tests/Commands/data/none.safetensors -o /dev/null
