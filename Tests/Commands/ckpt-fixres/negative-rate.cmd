ckpt-fixres fixtures/run/epoch-104.safetensors --data fixtures/digits/val --lr=-1 -o /dev/null
