ckpt-fixres fixtures/run/epoch-104.safetensors --data fixtures/digits/val --teacher Tests/Commands/data/none.safetensors -o /dev/null
