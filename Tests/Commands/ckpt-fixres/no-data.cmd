ckpt-fixres fixtures/run/epoch-104.safetensors -o /dev/null
