ckpt-convert Tests/Commands/data/small-1.safetensors --rename .*=same -o /dev/null
