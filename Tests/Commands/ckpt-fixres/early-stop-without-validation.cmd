ckpt-fixres fixtures/run/epoch-104.safetensors --data fixtures/digits/val --early-stop 2 -o /dev/null
