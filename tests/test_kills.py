"""A training is killed at random moments, fifty times or as often as MINILLAMA_KILLS says."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = int(os.environ.get("MINILLAMA_KILLS", "50"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork to start trainings fast")
@pytest.mark.timeout(300 + 4 * KILLS)
def test_kills_at_random_moments_lose_nothing(tmp_path):
    """After each: the checkpoint, the log and whatever follows are as of a run never killed."""
    draw = random.Random(0)
    text = tmp_path / "text.txt"
    text.write_text("".join(draw.choices("abcdef \n", k=400)), encoding="utf-8")
    seed = str(random.SystemRandom().randrange(10**6))  # other moments every time
    script = Path(__file__).with_name("killing.py")
    environment = os.environ | {"PYTHONPATH": str(script.parents[1]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(script), str(text), str(tmp_path), str(KILLS), seed],
        env=environment,
        capture_output=True,
        encoding="utf-8",
    )
    print("seed", seed, done.stdout, done.stderr)  # shown where the test fails
    assert done.returncode == 0
    assert done.stdout.startswith(f"{KILLS} kills, ")
    assert "checkpoint" in done.stdout  # some came late enough to find one
