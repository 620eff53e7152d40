ckpt-info fixtures/goldens/both-1.pt --key nothing
