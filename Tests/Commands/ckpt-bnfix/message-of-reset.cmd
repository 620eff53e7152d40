ckpt-bnfix fixtures/run/epoch-104.safetensors --reset-only -o /dev/null
