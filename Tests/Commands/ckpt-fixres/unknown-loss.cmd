ckpt-fixres fixtures/run/epoch-104.safetensors --data fixtures/digits/val --loss nonsense -o /dev/null
