ckpt-info fixtures/run/epoch-104.safetensors
