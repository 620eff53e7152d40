ckpt-best --train fixtures/digits/train --val fixtures/digits/val
