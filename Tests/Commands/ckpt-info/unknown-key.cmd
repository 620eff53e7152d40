ckpt-info fixtures/goldens/Averaging/both-1.pt --key nothing
