"""What goes wrong in the learning rate's curve."""

from minillama.course.checking import Mistake

A_TENSOR = (
    "A tensor comes back. The rate is a plain number: the optimiser, the log and the curves take "
    "it as that. Use `math`, or `.item()`."
)
NOT_REFUSED = (
    "Numbers that make no curve are not refused: a warm-up longer than the whole, a step before "
    "the first. Raise a ValueError that says what is wrong, or the training goes on at any rate."
)

MISTAKES = (
    Mistake(
        "first-step-0",
        "The warm-up begins at 0, so the first step learns nothing. Steps count from 0 here, "
        "so step + 1 of them have begun.",
        {"(step + 1) / warmup": "step / warmup"},
    ),
    Mistake(
        "from-0-to-peak",
        "The warm-up begins at 0, so the first step learns nothing. It rises by the same each "
        "step, from peak / warmup to the peak.",
        {"(step + 1) / warmup": "step / max(warmup - 1, 1)"},
    ),
    Mistake(
        "never-ends",
        "The cosine runs from step warmup to step total. The last step there is, total - 1, "
        "does not come down to the floor then, and the peak comes twice. It runs from the last "
        "step of the warm-up to the last of all.",
        {"max(warmup - 1, 0), total - 1": "warmup, total"},
    ),
    Mistake(
        "starts-at-step-1",
        "Steps are counted from 1: the first has a rate of 0, the peak comes a step late, and "
        "the last step does not reach the floor. Here steps count from 0.",
        {"(step + 1) / warmup": "step / warmup",
         "max(warmup - 1, 0), total - 1": "warmup, total"},
    ),
    Mistake(
        "peak-a-step-late",
        "The warm-up is divided into warmup + 1 parts, so that the peak comes one step after "
        "it. The last of the warmup steps has the peak.",
        {"(step + 1) / warmup": "(step + 1) / (warmup + 1)"},
    ),
    Mistake(
        "all-a-step-late",
        "The peak comes one step after the warm-up, and the floor one step after the last: "
        "everything is a step late.",
        {"(step + 1) / warmup": "(step + 1) / (warmup + 1)",
         "max(warmup - 1, 0), total - 1": "warmup, total"},
    ),
    Mistake(
        "peak-twice",
        "The cosine starts at the step after the warm-up. That step has the peak once more: "
        "let the cosine start at the last step of the warm-up.",
        {"max(warmup - 1, 0), total - 1": "warmup, total - 1"},
    ),
    Mistake(
        "last-step-missed",
        "The last step does not reach the floor: the last of total steps is total - 1, since "
        "they count from 0.",
        {"max(warmup - 1, 0), total - 1": "max(warmup - 1, 0), total"},
    ),
    Mistake(
        "ends-early",
        "The floor is reached a step before the last.",
        {"max(warmup - 1, 0), total - 1": "max(warmup - 1, 0), total - 2"},
    ),
    Mistake(
        "rises-again",
        "After the last step the rate goes on along the cosine, and so rises again. Let the "
        "fraction grow to 1 and no further.",
        {"min((step - top) / (last - top), 1.0)": "(step - top) / (last - top)"},
    ),
    Mistake(
        "restarts",
        "At the last step the cosine starts again from the peak. This schedule has no "
        "restarts: it comes to the floor and stays there.",
        {"min((step - top) / (last - top), 1.0)": "(step - top) / (last - top) % 1"},
    ),
    Mistake(
        "zero-after-end",
        "After the last step the rate is 0. It stays at the floor.",
        {"    top, last": "    if step >= total:\n        return 0.0\n    top, last"},
    ),
    Mistake(
        "cosine-over-all",
        "The cosine runs over all steps, the warm-up included. When the warm-up ends it is "
        "well past its top, so the rate jumps down.",
        {"max(warmup - 1, 0), total - 1": "0, total - 1"},
    ),
    Mistake(
        "cosine-over-all-never-ends",
        "The cosine runs from step 0 to step total. So it is past its top when the warm-up "
        "ends, and the last step, total - 1, does not come down to the floor.",
        {"max(warmup - 1, 0), total - 1": "0, total"},
    ),
    Mistake(
        "wrong-length",
        "The cosine starts after the warm-up, but is as long as the whole schedule: at the "
        "last step it has not come down.",
        {"/ (last - top), 1.0)": "/ last, 1.0)"},
    ),
    Mistake(
        "no-peak-without-warm-up",
        "Without a warm-up the first step is past the peak already, and a run of one step "
        "learns nothing. With warmup = 0 the cosine begins at step 0, not before it.",
        {"max(warmup - 1, 0), total": "warmup - 1, total"},
    ),
    Mistake(
        "no-floor",
        "floor_ratio is not used: the rate falls to 0.",
        {"floor = peak * floor_ratio": "floor = 0.0"},
    ),
    Mistake(
        "floor-on-top",
        "The floor is added to the whole cosine, so that the rate exceeds the peak. What the "
        "cosine scales is the way from the peak to the floor, peak - floor.",
        {"(peak - floor) * 0.5": "peak * 0.5"},
    ),
    Mistake(
        "floor-cuts-off",
        "The cosine falls to 0 and is cut off at the floor. It is to lead from the peak to the "
        "floor, and to reach it at the last step only.",
        {"floor + (peak - floor) * 0.5 * (1 + math.cos(math.pi * progress))":
         "max(floor, peak * 0.5 * (1 + math.cos(math.pi * progress)))"},
    ),
    Mistake(
        "floor-not-a-ratio",
        "floor_ratio is taken for the lowest rate itself. It is a share of the peak.",
        {"floor = peak * floor_ratio": "floor = floor_ratio"},
    ),
    Mistake(
        "warms-up-from-floor",
        "The warm-up rises from the floor. It rises from 0.",
        {"    if step < warmup:\n        return peak * (step + 1) / warmup":
         "    if step < warmup:\n"
         "        return peak * (floor_ratio + (1 - floor_ratio) * (step + 1) / warmup)"},
    ),
    Mistake(
        "linear",
        "The rate falls in a straight line. Half a cosine stays near the peak for longer, and "
        "comes to the floor gently.",
        {"0.5 * (1 + math.cos(math.pi * progress))": "(1 - progress)"},
    ),
    Mistake(
        "quarter-cosine",
        "This is a quarter of a cosine: it arrives at the floor at its steepest. Over half a "
        "cosine the angle runs from 0 to pi.",
        {"0.5 * (1 + math.cos(math.pi * progress))": "math.cos(math.pi / 2 * progress)"},
    ),
    Mistake(
        "whole-cosine",
        "This is a whole cosine: it falls until half way, and then rises to the peak again. "
        "Over half a cosine the angle runs from 0 to pi.",
        {"math.pi * progress": "2 * math.pi * progress"},
    ),
    Mistake(
        "twice-too-high",
        "1 + cos runs from 2 to 0, so it has to be halved: the rate jumps to twice the peak.",
        {"0.5 * (1 + math": "(1 + math"},
    ),
    Mistake(
        "upside-down",
        "The cosine is upside down: the rate falls to the floor at once and then rises.",
        {"1 + math.cos": "1 - math.cos"},
    ),
    Mistake(
        "below-zero",
        "The cosine itself runs from 1 to -1, so the rate becomes negative: add 1 and halve.",
        {"0.5 * (1 + math.cos(math.pi * progress))": "math.cos(math.pi * progress)"},
    ),
    Mistake(
        "never-falls",
        "After the warm-up the rate stays at the peak. Steps must get smaller at the end, or "
        "the weights keep jumping about the valley.",
        {"math.pi * progress": "0.0"},
    ),
    Mistake(
        "no-warm-up",
        "There is no warm-up: the cosine begins at the first step.",
        {"step < warmup": "step < 0", "max(warmup - 1, 0), total": "0, total"},
    ),
    Mistake(
        "factor-not-rate",
        "This is the share of the peak and not the rate: multiply by peak.",
        {"return peak * (step": "peak = 1.0\n        return (step",
         "floor = peak * floor_ratio": "peak, floor = 1.0, floor_ratio"},
    ),
    Mistake(
        "a-tensor",
        A_TENSOR,
        {"return peak * (step + 1) / warmup":
         "import torch\n\n        return torch.tensor(peak * (step + 1) / warmup)"},
    ),
    Mistake(
        "anything-accepted",
        NOT_REFUSED,
        {"if not 0 <= warmup <= total or total < 1 or step < 0:": "if False:"},
    ),
)  # fmt: skip
