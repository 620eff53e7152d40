"""What the benchmarks tell `run.py`: one line of its table for each comparison.

A script calls `record` for every peer; the lines go to the file that the environment variable CKPT_BENCH names, and
nowhere when it is not set.
"""

import json
import os


def record(task, peer, ours, theirs, unit, our_memory=None, their_memory=None):
    """One comparison.

    - task: what is done, the same for all peers of a task.
    - ours, theirs: the measured quantity; rates such as images/s, or times in s or ms.
    - our_memory, their_memory: peak resident memory in MiB, where it was measured.
    """
    path = os.environ.get("CKPT_BENCH")
    if not path:
        return
    line = dict(task=task, peer=peer, ours=ours, theirs=theirs, unit=unit, our_memory=our_memory,
                their_memory=their_memory)
    with open(path, "a") as file:
        file.write(json.dumps(line) + "\n")
