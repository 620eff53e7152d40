ckpt-fixres fixtures/run/epoch-104.safetensors --data fixtures/digits/val --class-weights 1,2 -o /dev/null
