"""Train or resume a run, and be killed at a chosen moment of it (see test_resume).

    python dying.py

reads lines of JSON, [folder, config, moment], and answers each with what happened, up to a line
"ended" with the exit code. A moment is the n-th of those that the run passes
through, or the first whose description matches a pattern; 0 is never.

This process imports PyTorch once and computes nothing with it. Each run is a fork of it, which
starts in milliseconds; on Windows, which has no fork, it is a process of its own.
"""

import json
import os
import re
import signal
import subprocess
import sys

import torch
from killing import fork, wait

from minillama.training.config import TrainConfig
from minillama.training.loop import resume, train

passed = 0


def main() -> None:
    if len(sys.argv) > 1:
        return live(*json.loads(sys.argv[1]))
    torch.optim.AdamW([torch.zeros(1)])  # the first one imports for a second
    for line in sys.stdin:
        if hasattr(os, "fork"):
            code = wait(fork(lambda line=line: live(*json.loads(line))))
        else:
            code = subprocess.run([sys.executable, __file__, line]).returncode
        print("ended", code, flush=True)


def live(folder: str, config: dict, moment: str) -> None:
    print("process", os.getpid(), flush=True)
    for name in ("fsync", "replace"):
        watch(name, moment)
    if os.path.exists(os.path.join(folder, "run.json")):
        events = resume(folder)
    else:
        events = train(TrainConfig.from_dict(config), folder)
    for event in events:
        here(repr(event), moment)
        if type(event).__name__ == "Step":
            print("step", event.step, flush=True)
    print("finished after", passed, flush=True)


def watch(name: str, moment: str) -> None:
    original = getattr(os, name)

    def call(*args, **kwargs):
        here(f"before {name} {args}", moment)
        return original(*args, **kwargs)

    setattr(os, name, call)


def here(name: str, moment: str) -> None:
    global passed
    passed += 1
    if str(passed) == moment or (not moment.isdigit() and re.search(moment, name)):
        print("killed at moment", passed, name, flush=True)
        if os.name == "nt":
            os._exit(9)
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
