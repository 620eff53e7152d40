"""The training loop of the references that ckpt-fixres is compared with, for agreement and for speed."""

import math


def run_epochs(optimizer, batch_loss, generator, count, epochs, batch_size, schedule_epochs=None):
    """Trains on a cosine schedule from each group's learning rate; returns the mean loss of every epoch.

    batch_loss: The loss of a batch, given its rows and the number of steps before it.
    schedule_epochs: Epochs that the schedule is laid out for, where fewer are run.
    """
    rates = [group["lr"] for group in optimizer.param_groups]
    steps = (schedule_epochs or epochs) * math.ceil(count / batch_size)
    done, curve = 0, []
    for _ in range(epochs):
        total = 0.0
        for rows in generator.permutation(count).split(batch_size):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * done / steps))
            loss = batch_loss(rows, done)
            done += 1
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        curve.append(total / count)
    return curve
