ckpt-bnfix fixtures/run/epoch-104.safetensors --data Tests/Commands/data/none -o /dev/null
