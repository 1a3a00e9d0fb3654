"""How well a model predicts: losses of whole documents, in units that can be compared."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float64
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from minillama.data import IGNORED, Documents
from minillama.model import Llama


@torch.no_grad()
def document_losses(
    model: Llama, documents: Documents, batch_size: int = 32
) -> Float64[Tensor, " documents"]:
    """How surprised the model is by each document: its loss in nats, summed over its tokens.

    That is -ln of the probability of the document after its first token (bos), the end (eos)
    included; so it can be set against the exact probability of the source, where that is known.

    Raises ValueError for a document longer than the model's context.
    """
    longest = int(documents.lengths.max(initial=0)) - 1  # the last token is only a target
    if longest > model.config.max_seq_len:
        raise ValueError(
            f"document {documents.lengths.argmax()} has {longest + 1} tokens, but this model can "
            f"score at most {model.config.max_seq_len + 1}: cut it into shorter documents"
        )
    device = model.tok_embeddings.weight.device
    losses = torch.zeros(len(documents), dtype=torch.float64)
    # Documents of like length go together, so that little is computed for padding.
    by_length = [i for i in documents.lengths.argsort(kind="stable") if documents.lengths[i] > 1]
    for start in range(0, len(by_length), batch_size):
        chosen = by_length[start : start + batch_size]
        rows = pad_sequence(
            [torch.from_numpy(documents[i].astype(np.int64)) for i in chosen],
            batch_first=True,
            padding_value=IGNORED,
        ).to(device)
        # Padding comes last, where no token sees it: as a token it may be anything.
        tokens, targets = rows[:, :-1].clamp(min=0), rows[:, 1:]
        logits = model(tokens).float()
        nats = F.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none"
        )
        losses[chosen] = nats.view_as(targets).double().sum(-1).cpu()
    return losses


def perplexity(nats: float, n_tokens: int) -> float:
    """e to the mean loss: among how many equally likely tokens the model seems to choose.

    nats: a loss summed over n_tokens. Comparable only between models of the same tokenizer.
    Source: Jelinek et al. 1977, doi:10.1121/1.2016299.
    """
    return math.exp(nats / n_tokens)


def bits_per_byte(nats: float, n_bytes: int) -> float:
    """The loss shared out over the text's UTF-8 bytes: comparable between tokenizers.

    nats: a loss summed over the text; n_bytes: `len(text.encode())`, whatever the tokenizer.
    It is also what an arithmetic coder with this model would need to store the text.
    Source: Gao et al. 2020 (The Pile), arXiv:2101.00027, section 3.1.
    """
    return nats / math.log(2) / n_bytes
