ckpt-average Tests/Commands/data/small-1.safetensors Tests/Commands/data/small-2.safetensors --last 3 -o /dev/null
