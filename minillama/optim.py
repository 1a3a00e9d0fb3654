"""AdamW as LLaMA is trained with it, and Muon: what decays, how fast it learns, what it keeps."""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

BETAS = (0.9, 0.95)


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Two groups for AdamW: matrices (embeddings too) decay, vectors (norm weights) do not.

    Decay pulls weights towards zero. For a matrix that is a mild preference for simple maps; for
    the scale of a norm, whose natural value is one, it would only be a wrong aim.
    Source: GPT-3 (Brown et al. 2020, appendix B), as nanoGPT and Llama recipes do it.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]  # a tied matrix comes once
    return [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]


def adamw_step(
    parameter: Float[Tensor, "*shape"],
    gradient: Float[Tensor, "*shape"],
    mean: Float[Tensor, "*shape"],
    mean_square: Float[Tensor, "*shape"],
    step: int,
    *,
    lr: float | int,
    weight_decay: float | int,
    betas: tuple[float | int, float | int] = BETAS,
    eps: float | int = 1e-8,
) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape"], Float[Tensor, "*shape"]]:
    """One step of AdamW for one parameter, in full view: what `adamw` does to each in training.

    `mean` and `mean_square` are running averages of the gradient and of its square, both zero
    before the first step; `step` counts from 1. Returns the new parameter, mean and mean_square.
    Source: Loshchilov and Hutter 2019, algorithm 2, with the decay times lr, as PyTorch has it.
    """
    beta1, beta2 = betas
    mean = beta1 * mean + (1 - beta1) * gradient
    mean_square = beta2 * mean_square + (1 - beta2) * gradient**2
    # Both began at zero and are still too small, by factors that are known.
    unbiased_mean = mean / (1 - beta1**step)
    unbiased_square = mean_square / (1 - beta2**step)
    # The decay stands apart from the division: how fast a weight decays is for lr alone to say.
    decayed = parameter - lr * weight_decay * parameter
    parameter = decayed - lr * unbiased_mean / (unbiased_square.sqrt() + eps)
    return parameter, mean, mean_square


def adamw(model: nn.Module, *, lr: float, weight_decay: float) -> torch.optim.AdamW:
    """AdamW with LLaMA's betas (0.9, 0.95) and decay decoupled from the gradient, as `adamw_step`.

    `fused` does the whole update in one pass over memory: on a CPU three times as fast or more.
    Source: Loshchilov and Hutter 2019, algorithm 2; Touvron et al. 2023, section 2.3.
    """
    groups = parameter_groups(model, weight_decay)
    return torch.optim.AdamW(groups, lr=lr, betas=BETAS, fused=True)


def muon(model: nn.Module, *, lr: float, weight_decay: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for embedding, output and norms.

    Where AdamW scales each number of a gradient by its own history, Muon takes a running average of
    the whole matrix and makes all its singular values about equal, so that rare directions are
    learnt as fast as common ones. Its steps are scaled to the size of AdamW's, so that both take
    the same lr. On ToyTown it needs a fifth more time a step, and fewer steps: see
    `minillama.training.config`.
    Source: Jordan et al. 2024, kellerjordan.github.io/posts/muon; Liu et al. 2025,
    arXiv:2502.16982, section 2.2 (the scale and the decay).
    """
    layers = [p for p in model.get_submodule("layers").parameters() if p.ndim == 2]
    ours = {id(p) for p in layers}
    groups = parameter_groups(model, weight_decay)
    for group in groups:
        group["params"] = [p for p in group["params"] if id(p) not in ours]
    return [
        torch.optim.Muon(layers, lr=lr, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(groups, lr=lr, betas=BETAS, fused=True),
    ]


def learning_rate(
    step: int, *, peak: float, warmup: int, total: int, floor_ratio: float = 0.0
) -> float:
    """The learning rate of one step of `total`, counted from 0.

    It rises in a straight line, reaches `peak` at the last of `warmup` steps (at step 0 if there
    are none), then falls along half a cosine to `floor_ratio * peak` at the last step, and stays
    there. Where no step is left to fall in, it stays at `peak`.
    Source: Loshchilov and Hutter 2017 (SGDR), equation 5, without restarts; Touvron et al. 2023.
    Raises ValueError where the numbers cannot make such a curve.
    """
    if not 0 <= warmup <= total or total < 1 or step < 0:
        raise ValueError(
            f"a schedule needs step >= 0 and 0 <= warmup <= total, total >= 1; "
            f"got step {step}, warmup {warmup}, total {total}"
        )
    if step < warmup:
        return peak * (step + 1) / warmup
    top, last = max(warmup - 1, 0), total - 1  # the steps where the cosine begins and ends
    progress = min((step - top) / (last - top), 1.0) if last > top else 0.0
    floor = peak * floor_ratio
    return floor + (peak - floor) * 0.5 * (1 + math.cos(math.pi * progress))
