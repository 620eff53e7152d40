ckpt-best fixtures/run/epoch-104.safetensors
