ckpt-fixres fixtures/run/epoch-104.safetensors --data fixtures/digits/val --optimizer lbfgs -o /dev/null
