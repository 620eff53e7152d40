ckpt-best --series fixtures/run --train fixtures/digits/train --val fixtures/digits/val --test fixtures/digits/val
