"""What a training of so many tokens can be expected to reach on ToyTown."""

from math import exp, log

from minillama.training.config import TOYTOWN, Plan

# Steps of a whole run with the preset's own recipe, and how many times the floor it ended at.
# "small": one run of each length, 2,048 tokens a step, one thread, bfloat16, seed 0, torch 2.13.0.
# The learning rate falls to its end in every run, so these are not points of a single curve.
MEASURED: dict[str, list[tuple[int, float]]] = {
    "small": [(300, 2.054), (600, 1.632), (1200, 1.330)],
}
WORDS = 2048  # tokens of a step there


def expected_ratio(plan: Plan) -> float | None:
    """How many times the floor such a run ends at, or None where nobody has measured.

    What is above the floor is taken to fall as a power of the tokens between two runs, and beyond
    the longest as well, up to three times its length.
    """
    points = MEASURED.get(plan.preset or "", [])
    if plan.corpus != TOYTOWN or plan.init_from is not None or not points:
        return None
    steps = plan.steps * plan.accumulate * plan.batch_size * plan.seq_len / WORDS
    if not points[0][0] <= steps <= 3 * points[-1][0]:
        return None
    after = next((i for i, (known, _) in enumerate(points) if known >= steps), len(points) - 1)
    (x0, y0), (x1, y1) = points[max(0, after - 1) :][:2] if after else points[:2]
    slope = log((y1 - 1) / (y0 - 1)) / log(x1 / x0)
    return 1 + exp(log(y0 - 1) + slope * log(steps / x0))
