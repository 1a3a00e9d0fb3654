"""What goes wrong in RoPE's frequencies, and in the tables that are made from them."""

from minillama.course.checking import Mistake

THETA_IGNORED = (
    "The paces do not come from ntk_theta(config): rope_theta, or more where the scaling is ntk. "
    "It says how slow the slowest pairs are, and Llama 3's is fifty times that of Llama 2: with a "
    "wrong one a trained model reads wrong positions."
)
EXPONENT_WITHOUT_2 = (
    "The exponent lacks its 2. Pair i stands for the numbers 2i and 2i + 1 of the original paper, "
    "so its exponent is 2i / head_dim; with i / head_dim the slow pairs turn far too fast."
)
SCALING_IGNORED = (
    "rope_scaling is not used. A model whose context was stretched by it then sees its far "
    "positions at angles that it was never trained on."
)
DEVICE_FORGOTTEN = (
    "A tensor is made without `device`, so it is on the CPU. A model on a GPU asks for its tables "
    "there, and torch refuses to multiply the two: hand device on to whatever makes a tensor."
)
EXPONENTS = "torch.arange(0, config.head_dim, 2, dtype=torch.float32, device=device)"

MISTAKES = (
    Mistake("exponent-without-2", EXPONENT_WITHOUT_2,
            {EXPONENTS: EXPONENTS.replace("0, config.head_dim, 2", "config.head_dim // 2")}),
    Mistake(
        "dim-for-head-dim",
        "The exponents are divided by dim, the width of the model. Every head is turned by itself: "
        "they are 2i / head_dim. With dim they end far below 1, and the slow pairs turn far too "
        "fast.",
        {"(exponents / config.head_dim)": "(exponents / config.dim)"},
    ),
    Mistake(
        "without-step-2",
        "The exponents go up in steps of 1, and there are head_dim of them. Two numbers are turned "
        "together, so there are head_dim / 2 pairs: take every second, 0, 2, 4 and so on.",
        {EXPONENTS: EXPONENTS.replace("head_dim, 2,", "head_dim,")},
    ),
    Mistake("device-forgotten", DEVICE_FORGOTTEN, {", device=device)": ")"}),
    Mistake(
        "exponent-doubled",
        "The exponent has its 2 twice. It goes from 0 to just below 1 in steps of "
        "2 / head_dim; here it goes on to nearly 2, and the slow pairs hardly turn.",
        {"exponents / config.head_dim": "2 * exponents / config.head_dim"},
    ),
    Mistake(
        "exponent-reaches-1",
        "The exponents are spread from 0 to 1. The last one is 1 - 2 / head_dim: they are "
        "2i / head_dim for i from 0 to head_dim / 2 - 1.",
        {"exponents / config.head_dim": "exponents / (config.head_dim - 2)"},
    ),
    Mistake("theta-ignored", THETA_IGNORED, {"ntk_theta(config)": "10000.0"}),
    Mistake(
        "upside-down",
        "The power is not divided by: pairs turn faster and faster, thousands of radians a "
        "step. A frequency is one over theta to the power 2i / head_dim.",
        {"1.0 / ntk_theta(config)": "ntk_theta(config)"},
    ),
    Mistake(
        "slowest-first",
        "The frequencies stand in the wrong order. The fastest pair, 1 radian a position, is "
        "the first: trained weights expect their pairs in this order.",
        {"(exponents / config.head_dim)": "(exponents.flip(0) / config.head_dim)"},
    ),
    Mistake(
        "turns-for-radians",
        "The frequencies are multiplied by 2 pi. They are already radians per position: the "
        "first pair turns 1 radian, not a whole circle, which would change nothing.",
        {"frequencies = 1.0 /": "frequencies = 2 * math.pi /"},
    ),
    Mistake(
        "model-dim",
        "The exponents are made of dim, the width of the model. Every head is turned by "
        "itself, so there are head_dim / 2 pairs.",
        {EXPONENTS: EXPONENTS.replace("head_dim", "dim"),
         "(exponents / config.head_dim)": "(exponents / config.dim)"},
    ),
    *(
        Mistake(
            "one-for-every-number",
            "There is a frequency for each of head_dim numbers. The two of a pair turn "
            "together, so there is one for each pair: head_dim / 2.",
            {"1.0 / ntk_theta(config) ** (exponents / config.head_dim)":
             f"(1.0 / ntk_theta(config) ** (exponents / config.head_dim)).{twice}"},
        )
        for twice in ("repeat(2)", "repeat_interleave(2)")
    ),
    Mistake(
        "scaling-ignored",
        SCALING_IGNORED,
        {"    scaling = config.rope_scaling": "    scaling = None",
         "ntk_theta(config)": "config.rope_theta"},
    ),
    Mistake(
        "ntk-without-exponent",
        "For the kind ntk theta is multiplied by the factor itself. The slowest pair then "
        "slows by less than the factor: the power head_dim / (head_dim - 2) is missing.",
        {"ntk_theta(config)":
         "(config.rope_theta * (config.rope_scaling.factor if config.rope_scaling "
         'and config.rope_scaling.kind == "ntk" else 1))'},
    ),
    Mistake(
        "linear-everywhere",
        "Every kind of scaling divides all frequencies by the factor. Only the kind linear "
        "does: llama3 leaves the fast pairs alone, which tell neighbours apart.",
        {'scaling and scaling.kind == "linear"': "scaling",
         "ntk_theta(config)": "config.rope_theta"},
    ),
    Mistake(
        "factor-multiplied",
        "Frequencies are multiplied by the factor, so the context shrinks. Slower pairs reach "
        "further: divide.",
        {"return frequencies / scaling.factor": "return frequencies * scaling.factor",
         "(1 - keep) * frequencies / scaling.factor":
         "(1 - keep) * frequencies * scaling.factor"},
    ),
    Mistake(
        "turns-without-2-pi",
        "The turns of the kind llama3 lack the 2 pi: a pair turns once when its angle has "
        "grown by 2 pi, so turns are tokens times frequency over 2 pi.",
        {" / (2 * math.pi)": ""},
    ),
    Mistake(
        "bands-swapped",
        "The kind llama3 slows the fast pairs and keeps the slow ones. It is the other way: "
        "pairs that turn often within the old context are kept.",
        {"keep * frequencies + (1 - keep)": "(1 - keep) * frequencies + keep"},
    ),
    *(
        Mistake(
            "no-blend",
            "The kind llama3 has no middle: pairs between low_freq_factor and "
            "high_freq_factor turns are a blend of kept and slowed, by their share of turns.",
            {"((turns - low) / (high - low)).clamp(0, 1)": f"(turns > {edge}).float()"},
        )
        for edge in ("low", "high")
    ),
    Mistake(
        "blend-by-wavelength",
        "The blend of the kind llama3 goes by wavelengths. It is even in the number of turns, "
        "one over the wavelength.",
        {"((turns - low) / (high - low)).clamp(0, 1)":
         "((1 / low - 1 / turns) / (1 / low - 1 / high)).clamp(0, 1)"},
    ),
    Mistake(
        "factors-fixed",
        "The bands of the kind llama3 begin at fixed numbers of turns. 1 and 4 are what Llama "
        "3.1 has in its config: take low_freq_factor and high_freq_factor of the scaling.",
        {"scaling.low_freq_factor, scaling.high_freq_factor": "1.0, 4.0"},
    ),
    *(
        Mistake(
            "share-of-the-middle",
            "The share by which the kind llama3 keeps a pair in the middle is not the right "
            "one. It grows evenly with the turns, from 0 at low_freq_factor to 1 at "
            "high_freq_factor: (turns - low) / (high - low).",
            {"((turns - low) / (high - low)).clamp(0, 1)": share},
        )
        for share in (
            "((turns - low) / high).clamp(0, 1)",
            "(turns / high).clamp(0, 1)",
            "(turns - low).clamp(0, 1)",
            "((turns >= high).float() + (turns > low).float()) / 2",
        )
    ),
    Mistake(
        "middle-turned-round",
        "The blend of the kind llama3 is turned round: in the middle, the more often a pair "
        "turns, the more it is slowed. Its share of turns is how much of it is kept.",
        {"return keep *":
         "keep = torch.where((turns > low) & (turns < high), 1 - keep, keep)\n"
         "        return keep *"},
    ),
    Mistake(
        "share-not-cut-off",
        "The share of the kind llama3 is not cut off at 0 and 1, so the fast pairs become "
        "faster than they were and slow ones turn backwards: clamp(0, 1).",
        {".clamp(0, 1)": ""},
    ),
    *(
        Mistake(
            "factors-blended",
            "In the middle the kind llama3 blends the kept frequency and the slowed one, "
            "keep * f + (1 - keep) * f / factor. A frequency that is divided by a blend of 1 "
            "and the factor is another.",
            {"keep * frequencies + (1 - keep) * frequencies / scaling.factor": blend},
        )
        for blend in (
            "frequencies / (keep + (1 - keep) * scaling.factor)",
            "frequencies / scaling.factor ** (1 - keep)",
        )
    ),
    Mistake(
        "ntk-theta-not-used",
        "theta is rope_theta for every kind of scaling. For the kind ntk it is raised, and "
        "this is all that this kind does: take ntk_theta(config).",
        {"ntk_theta(config)": "config.rope_theta"},
    ),
    Mistake(
        "new-context",
        "The kind llama3 counts turns within the new max_seq_len. It is the old context that "
        "decides which angles the model has seen: original_max_seq_len.",
        {"scaling.original_max_seq_len *": "config.max_seq_len *"},
    ),
)  # fmt: skip
