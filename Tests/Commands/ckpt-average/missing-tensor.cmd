ckpt-average Tests/Commands/data/small-1.safetensors Tests/Commands/data/without-bias.safetensors -o /dev/null
