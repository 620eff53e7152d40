ckpt-convert Tests/Commands/data/small-1.safetensors --dtype int3 -o /dev/null
