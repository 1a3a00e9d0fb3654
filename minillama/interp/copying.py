"""Made-up names in stories: which tokens a model can only copy, and where it finds them."""

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from minillama.data import IGNORED
from minillama.interp.attention import attention_maps
from minillama.model import Llama
from minillama.tokenizer import Tokenizer
from minillama.toytown import Story
from minillama.toytown.english import NAMES

ORDINARY = {name for names in NAMES.values() for name in names}


class MadeUpNames(NamedTuple):
    """The tokens of English stories, and the pieces of made-up names in them, but the first piece.

    A name's first piece is left out, since the story may as well continue with another name.
    `ids` is padded with IGNORED. `first` marks pieces in a name's first mention. `sources[b, t, s]`
    says that token t belongs to a later mention, and that token s is the same piece before.
    """

    ids: Int[Tensor, "stories time"]
    first: Bool[Tensor, "stories time"]
    sources: Bool[Tensor, "stories time time"]

    @property
    def lengths(self) -> Int[Tensor, " stories"]:
        """How many tokens each story has."""
        return (self.ids != IGNORED).sum(-1)

    @property
    def later(self) -> Bool[Tensor, "stories time"]:
        """The pieces of later mentions, all of which could be copied."""
        return self.sources.any(-1)


def made_up_names(stories: Sequence[Story], tokenizer: Tokenizer) -> MadeUpNames:
    """Find the pieces of made-up names in English stories."""
    texts = [torch.tensor(tokenizer.encode(story.text, bos=True)) for story in stories]
    ids = pad_sequence(texts, batch_first=True, padding_value=IGNORED)
    first = torch.zeros_like(ids, dtype=torch.bool)
    sources = torch.zeros(*ids.shape, ids.shape[1], dtype=torch.bool)
    for row, (story, text) in enumerate(zip(stories, texts, strict=True)):
        # The tokenizer puts a space before a text, so letter i ends i + 2 letters of its pieces.
        ends = [0, *accumulate(map(len, tokenizer.pieces(text[1:].tolist())))]
        seen: dict[str, list[list[int]]] = {}
        for entity in sorted(story.entities, key=lambda entity: entity.start):
            if entity.kind == "PERSON" and entity.text not in ORDINARY:
                pieces = [t for t, end in enumerate(ends) if entity.start + 1 < end][1:]
                pieces = [t for t in pieces if ends[t] <= entity.end + 1]
                mentions = seen.setdefault(entity.text, [])
                for earlier in mentions:
                    if text[earlier].tolist() == text[pieces].tolist():
                        sources[row, pieces, earlier] = True
                first[row, pieces] = not mentions
                mentions.append(pieces)
    return MadeUpNames(ids, first, sources)


@torch.no_grad()
def losses_by_mention(model: Llama, names: MadeUpNames) -> dict[str, float]:
    """A model's mean loss on all tokens, on names' first mention, and on their later mentions."""
    targets = names.ids[:, 1:]
    logits = model(names.ids[:, :-1].clamp(min=0))  # padding comes last, where no token sees it
    nats = F.cross_entropy(logits.mT, targets, ignore_index=IGNORED, reduction="none")
    marks = {
        "all tokens": targets != IGNORED,
        "names, first mention": names.first[:, 1:],
        "names, later mentions": names.later[:, 1:],
    }
    return {name: float(nats[mark].mean()) for name, mark in marks.items()}


def attention_to_sources(model: Llama, names: MadeUpNames) -> Float[Tensor, "layers heads"]:
    """How much of its attention each head has on the pieces to copy, when they come next.

    It is the mean over all pieces of later mentions: where piece t is expected, which is at t - 1,
    the attention on all places where the same piece of the name stood before.
    """
    maps = attention_maps(model, names.ids.clamp(min=0)).transpose(1, 2)
    there = (maps[..., :-1, :] * names.sources[:, 1:]).sum(-1)
    return there[..., names.later[:, 1:]].mean(-1)
