"""What goes wrong in a step of AdamW: edits of the reference, and why they are wrong."""

from minillama.course.checking import Mistake

STEP = "    parameter = decayed - lr * unbiased_mean / (unbiased_square.sqrt() + eps)\n"
DECAYED = "    decayed = parameter - lr * weight_decay * parameter\n"
DECAY = "    parameter = parameter - lr * weight_decay * parameter\n"
SWAPPED = "The two betas are swapped: the first is the mean's, the second the mean square's."

MISTAKES = (
    Mistake(
        "decay-divided",
        "The decay is divided by the root of the mean square, together with the gradient. "
        "That is what AdamW is there to avoid: weights with large gradients then hardly decay, "
        "and weights with small ones decay far too much.",
        {"parameter - lr * weight_decay * parameter": "parameter",
         "lr * unbiased_mean / (unbiased_square.sqrt() + eps)":
         "lr * (unbiased_mean + weight_decay * parameter) / (unbiased_square.sqrt() + eps)"},
    ),
    Mistake(
        "decay-in-gradient",
        "The decay is added to the gradient, which makes this Adam with an L2 penalty and not "
        "AdamW. It then goes through the averages and the division, so that it hardly depends "
        "on weight_decay any more where the gradient is small.",
        {"beta1, beta2 = betas":
         "beta1, beta2 = betas\n    gradient = gradient + weight_decay * parameter",
         "parameter - lr * weight_decay * parameter": "parameter"},
    ),
    Mistake(
        "decay-without-lr",
        "The decay is not multiplied by lr. At weight_decay = 0.1 a tenth of every weight is "
        "lost at every step, even when the learning rate has come down to nothing.",
        {"- lr * weight_decay": "- weight_decay"},
    ),
    Mistake(
        "no-decay",
        "weight_decay is not used: this is Adam. Weights that no gradient holds should shrink.",
        {" - lr * weight_decay * parameter": ""},
    ),
    Mistake(
        "decay-grows",
        "The decay has the wrong sign: weights grow by it, and faster the larger they are.",
        {"parameter - lr * weight_decay": "parameter + lr * weight_decay"},
    ),
    Mistake(
        "decay-last",
        "The decay is taken from the weight after the gradient's step. It is a share of the "
        "weight before the step; the difference is small, yet it is no longer AdamW.",
        {DECAYED: "", STEP: STEP.replace("decayed", "parameter") + DECAY},
    ),
    Mistake(
        "no-bias-correction",
        "The averages are not corrected for having begun at zero. With the betas 0.9 and 0.95 "
        "the first step is then 0.45 of lr, and not lr.",
        {"mean / (1 - beta1**step)": "mean", "mean_square / (1 - beta2**step)": "mean_square"},
    ),
    Mistake(
        "mean-not-corrected",
        "Only the mean square is corrected for having begun at zero. The mean began there too: "
        "without its correction the first steps are too small, at first a tenth of lr.",
        {"mean / (1 - beta1**step)": "mean"},
    ),
    Mistake(
        "square-not-corrected",
        "Only the mean is corrected for having begun at zero. The mean square began there too: "
        "without its correction the division makes the first steps more than four times too "
        "large.",
        {"mean_square / (1 - beta2**step)": "mean_square"},
    ),
    Mistake(
        "corrected-returned",
        "The corrected averages are returned as the new ones. The next step would correct them "
        "once more: the correction is for this step's use only.",
        {"    mean = beta1 * mean": "    running_mean = beta1 * mean",
         "    mean_square = beta2": "    running_square = beta2",
         "unbiased_mean = mean /": "mean = unbiased_mean = running_mean /",
         "unbiased_square = mean_square /": "mean_square = unbiased_square = running_square /"},
    ),
    Mistake(
        "correction-fixed",
        "The correction is 1 - beta and not 1 - beta to the power of step. That is right at "
        "step 1 only: later the averages are nearly complete, and would be ten or twenty "
        "times too large.",
        {"beta1**step": "beta1", "beta2**step": "beta2"},
    ),
    Mistake(
        "corrected-by-beta1",
        "Both corrections use the first beta. The mean square has the second, and its own.",
        {"beta2**step": "beta1**step"},
    ),
    Mistake(
        "correction-multiplied",
        "The averages are multiplied by one minus the power of beta. They are too small, so "
        "divide by it.",
        {"mean / (1 - beta1**step)": "mean * (1 - beta1**step)",
         "mean_square / (1 - beta2**step)": "mean_square * (1 - beta2**step)"},
    ),
    Mistake(
        "step-counted-from-0",
        "The power of beta is one too high: step is 1 at the first step here, so nothing has "
        "to be added to it.",
        {"beta1**step": "beta1 ** (step + 1)", "beta2**step": "beta2 ** (step + 1)"},
    ),
    Mistake(
        "step-too-low",
        "The power of beta is one too low. At the first step that divides by 1 - 1, which is "
        "zero, and the weights are no numbers from there on.",
        {"beta1**step": "beta1 ** (step - 1)", "beta2**step": "beta2 ** (step - 1)"},
    ),
    Mistake(
        "eps-inside-root",
        "eps stands inside the root. It belongs beside the root: inside, 1e-8 counts as 1e-4, "
        "and weights with small gradients hardly move.",
        {"(unbiased_square.sqrt() + eps)": "(unbiased_square + eps).sqrt()"},
    ),
    Mistake(
        "eps-before-correction",
        "eps is added to the root of the mean square before that is corrected. The shortcut at "
        "the end of section 2 of Adam's paper does this, with another eps: here eps would "
        "count for more in the first steps.",
        {"(unbiased_square.sqrt() + eps)":
         "((mean_square.sqrt() + eps) / (1 - beta2**step) ** 0.5)"},
    ),
    Mistake(
        "no-eps",
        "eps is not used. A weight whose gradient has always been zero divides zero by zero.",
        {"(unbiased_square.sqrt() + eps)": "unbiased_square.sqrt()"},
    ),
    Mistake(
        "fixed-eps",
        "The eps that is given is not used.",
        {".sqrt() + eps": ".sqrt() + 1e-8"},
    ),
    Mistake(
        "fixed-betas",
        "The betas that are given are not used.",
        {"beta1, beta2 = betas": "beta1, beta2 = 0.9, 0.95"},
    ),
    Mistake(
        "adams-betas",
        "The betas are Adam's 0.9 and 0.999, whatever is given. LLaMA's are 0.9 and 0.95.",
        {"beta1, beta2 = betas": "beta1, beta2 = 0.9, 0.999"},
    ),
    Mistake(
        "betas-swapped",
        SWAPPED,
        {"beta1, beta2 = betas": "beta2, beta1 = betas"},
    ),
    Mistake(
        "betas-swapped",
        SWAPPED,
        {"beta1 * mean + (1 - beta1) * gradient": "beta2 * mean + (1 - beta2) * gradient",
         "beta2 * mean_square + (1 - beta2) * gradient**2":
         "beta1 * mean_square + (1 - beta1) * gradient**2"},
    ),
    Mistake(
        "betas-swapped",
        SWAPPED,
        {"mean / (1 - beta1**step)": "mean / (1 - beta2**step)",
         "mean_square / (1 - beta2**step)": "mean_square / (1 - beta1**step)"},
    ),
    Mistake(
        "shares-swapped",
        "The shares are swapped: beta is the share of the old average, and 1 - beta that of "
        "the new gradient. The other way round there is next to no averaging.",
        {"beta1 * mean + (1 - beta1) * gradient": "(1 - beta1) * mean + beta1 * gradient",
         "beta2 * mean_square + (1 - beta2) * gradient**2":
         "(1 - beta2) * mean_square + beta2 * gradient**2"},
    ),
    Mistake(
        "sums-not-averages",
        "The new gradient is added whole, without its share of 1 - beta. The averages become "
        "sums, ten and twenty times as large.",
        {"(1 - beta1) * gradient": "gradient", "(1 - beta2) * gradient**2": "gradient**2"},
    ),
    Mistake(
        "mean-a-sum",
        "The new gradient is added to the mean whole, as momentum in plain gradient descent "
        "has it. It is given its share of 1 - beta, or the mean is a sum, ten times as large.",
        {"(1 - beta1) * gradient": "gradient"},
    ),
    Mistake(
        "square-of-mean",
        "The square is that of the mean, and not the mean of the gradients' squares. Where "
        "gradients change their sign the mean is near zero, and the step would be huge.",
        {"(1 - beta2) * gradient**2": "(1 - beta2) * mean**2"},
    ),
    Mistake(
        "not-squared",
        "The gradient is not squared in the mean square. Its root is then no number wherever "
        "the gradient is negative.",
        {"gradient**2": "gradient"},
    ),
    Mistake(
        "no-root",
        "The mean is divided by the mean square and not by its root. With the root the "
        "gradient's scale cancels; without it, small gradients make huge steps.",
        {".sqrt()": ""},
    ),
    Mistake(
        "no-division",
        "The mean is not divided by the root of the mean square: this is gradient descent with "
        "momentum. Steps are then as large as gradients happen to be.",
        {"unbiased_mean / (unbiased_square.sqrt() + eps)": "unbiased_mean"},
    ),
    Mistake(
        "no-momentum",
        "The step goes along the newest gradient and not along the mean of the gradients.",
        {"lr * unbiased_mean /": "lr * gradient /"},
    ),
    Mistake(
        "no-lr",
        "The gradient's part of the step is not multiplied by lr.",
        {"lr * unbiased_mean": "unbiased_mean"},
    ),
    Mistake(
        "change-returned",
        "The change of the weight is returned in place of the weight.",
        {"return parameter, ": "return parameter - decayed / (1 - lr * weight_decay), "},
    ),
    Mistake(
        "ascent",
        "The step goes up the gradient and not down: the loss would rise.",
        {"decayed - lr": "decayed + lr"},
    ),
    Mistake(
        "averages-not-returned",
        "The averages come back as they were given. They must take in each gradient, or every "
        "step is a first step.",
        {"    mean = beta1 * mean": "    new_mean = beta1 * mean",
         "    mean_square = beta2": "    new_square = beta2",
         "unbiased_mean = mean /": "unbiased_mean = new_mean /",
         "unbiased_square = mean_square /": "unbiased_square = new_square /"},
    ),
    Mistake(
        "weight-not-returned",
        "The weight comes back as it was given.",
        {STEP: ""},
    ),
    Mistake(
        "one-scale-for-all",
        "The mean square is averaged over the whole tensor. In AdamW each single weight has "
        "its own.",
        {"gradient**2": "(gradient**2).mean().expand_as(gradient)"},
    ),
)  # fmt: skip
