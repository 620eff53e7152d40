ckpt-convert fixtures/run/epoch-104.safetensors --dtype bf16 --verbose --threads 2 -o /dev/null
