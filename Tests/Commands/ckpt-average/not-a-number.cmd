ckpt-average Tests/Commands/data/small-1.safetensors Tests/Commands/data/nan.safetensors -o /dev/null
