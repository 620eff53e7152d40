ckpt-fixres fixtures/run/epoch-104.safetensors --data fixtures/digits/val --shard 0/2
