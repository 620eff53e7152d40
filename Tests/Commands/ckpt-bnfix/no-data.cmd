ckpt-bnfix fixtures/run/epoch-104.safetensors -o /dev/null
