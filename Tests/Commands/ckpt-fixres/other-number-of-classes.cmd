ckpt-fixres fixtures/run/epoch-104.safetensors --data fixtures/digits/val --num-classes 12 -o /dev/null
