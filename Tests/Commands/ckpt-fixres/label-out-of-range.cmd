ckpt-fixres fixtures/run/epoch-104.safetensors --data Tests/Commands/data/labels.tsv -o /dev/null
