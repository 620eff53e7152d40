ckpt-bnfix fixtures/run/epoch-104.safetensors --data fixtures/digits/val --shard 0/2 -o /dev/null
