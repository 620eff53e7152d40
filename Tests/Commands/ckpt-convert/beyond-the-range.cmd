ckpt-convert Tests/Commands/data/large.safetensors --dtype f16 -o /dev/null
