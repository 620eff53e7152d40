ckpt-fixres fixtures/run/epoch-104.safetensors --data fixtures/digits/val --schedule nonsense -o /dev/null
