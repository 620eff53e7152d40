ckpt-sweep fixtures/run/epoch-104.safetensors
