"""Answers to the exercises of lesson 06 as beginners write them, right and wrong."""

import pytest
import torch
from answering import Answers, verdicts_of
from einops import rearrange

from minillama.course.registry import CHECKS
from minillama.rope import apply_rope

pytestmark = pytest.mark.usefixtures("as_readers_run")
answers = Answers()


# split_heads


@answers("split_heads")
def by_einops(x, n_heads):
    return rearrange(x, "b t (h d) -> b h t d", h=n_heads)


@answers("split_heads")
def by_chunks(x, n_heads):
    return torch.stack(x.chunk(n_heads, dim=-1), dim=1)


@answers("split_heads")
def by_slices(x, n_heads):
    width = x.shape[-1] // n_heads
    return torch.stack([x[..., h * width : (h + 1) * width] for h in range(n_heads)], 1)


@answers("split_heads")
def by_permute(x, n_heads):
    return x.reshape(*x.shape[:2], n_heads, -1).permute(0, 2, 1, 3)


@answers("split_heads", "view-without-transpose")
def viewed(x, n_heads):
    b, t, d = x.shape
    return x.view(b, n_heads, t, d // n_heads)


@answers("split_heads", "not-exchanged")
def only_cut(x, n_heads):
    return x.unflatten(-1, (n_heads, -1))


@answers("split_heads", "every-n-th-number")
def strided(x, n_heads):
    return torch.stack([x[..., h::n_heads] for h in range(n_heads)], dim=1)


@answers("split_heads", "sizes-exchanged")
def sizes_swapped(x, n_heads):
    return x.unflatten(-1, (-1, n_heads)).transpose(1, 2)


@answers("split_heads", "width-and-time-exchanged")
def wrong_axes(x, n_heads):
    return x.unflatten(-1, (n_heads, -1)).permute(0, 2, 3, 1)


@answers("split_heads", "heads-before-batch")
def stacked_first(x, n_heads):
    return torch.stack(x.chunk(n_heads, dim=-1))


# join_heads


@answers("join_heads")
def joined_by_einops(x):
    return rearrange(x, "b h t d -> b t (h d)")


@answers("join_heads")
def side_by_side(x):
    return torch.cat([x[:, h] for h in range(x.shape[1])], dim=-1)


@answers("join_heads")
def contiguous(x):
    b, h, t, d = x.shape
    return x.permute(0, 2, 1, 3).contiguous().view(b, t, h * d)


@answers("join_heads")
def flattened(x):
    return x.transpose(1, 2).flatten(2)


@answers("join_heads", "reshape-without-transpose")
def reshaped(x):
    b, h, t, d = x.shape
    return x.reshape(b, t, h * d)


@answers("join_heads", "number-by-number")
def interleaved(x):
    return rearrange(x, "b h t d -> b t (d h)")


@answers("join_heads", "not-joined")
def forgets_to_join(x):
    return x.permute(0, 2, 1, 3)


@answers("join_heads", "summed")
def adds_up(x):
    return x.sum(dim=1)


@answers("join_heads", "heads-after-one-another")
def along_time(x):
    return torch.cat(list(x.unbind(1)), dim=1)


def test_a_view_that_torch_refuses_is_said_in_its_words():
    result = CHECKS["join_heads"].run(lambda x: x.transpose(1, 2).view(*x.shape[::2], -1))
    assert not result.passed and "RuntimeError" in result.message and "reshape" in result.message


# cache_bytes


@answers("cache_bytes")
def counts(config, tokens, bytes_per_number=2):
    total = 0
    for _ in range(config.n_layers):
        total += 2 * config.n_kv_heads * (config.dim // config.n_heads)
    return total * tokens * bytes_per_number


@answers("cache_bytes")
def as_a_tensor(config, tokens, bytes_per_number=2):
    shape = (2, config.n_layers, config.n_kv_heads, tokens, config.head_dim)
    return torch.tensor(shape).prod() * bytes_per_number


@answers("cache_bytes", "query-heads")
def by_dim(config, tokens, bytes_per_number=2):
    return 2 * config.dim * config.n_layers * tokens * bytes_per_number


@answers("cache_bytes", "keys-only")
def forgets_values(config, tokens, bytes_per_number=2):
    return config.n_layers * config.n_kv_heads * config.head_dim * tokens * bytes_per_number


@answers("cache_bytes", "one-layer")
def forgets_layers(config, tokens, bytes_per_number=2):
    return 2 * config.n_kv_heads * config.head_dim * tokens * bytes_per_number


@answers("cache_bytes", "numbers-not-bytes")
def forgets_bytes(config, tokens, bytes_per_number=2):
    return 2 * config.n_layers * config.n_kv_heads * config.head_dim * tokens


@answers("cache_bytes", "full-context")
def whole_context(config, tokens, bytes_per_number=2):
    size = 2 * config.n_kv_heads * config.head_dim * config.n_layers
    return size * config.max_seq_len * bytes_per_number


# more_heads


@answers("more_heads")
def more_by_einops(weight, head_dim, n_heads):
    heads = rearrange(weight, "(h d) dim -> h d dim", d=head_dim)
    return rearrange([heads[h * len(heads) // n_heads] for h in range(n_heads)], "h d c -> (h d) c")


@answers("more_heads")
def by_a_list(weight, head_dim, n_heads):
    group = n_heads * head_dim // len(weight)
    return torch.cat([head for head in weight.split(head_dim) for _ in range(group)])


@answers("more_heads", "tiled-heads")
def tiled(weight, head_dim, n_heads):
    return weight.repeat(n_heads * head_dim // len(weight), 1)


@answers("more_heads", "rows-repeated")
def rows(weight, head_dim, n_heads):
    return weight.repeat_interleave(n_heads * head_dim // len(weight), 0)


@answers("more_heads", "n-heads-of-each")
def too_many(weight, head_dim, n_heads):
    return weight.unflatten(0, (-1, head_dim)).repeat_interleave(n_heads, 0).flatten(0, 1)


@answers("more_heads", "columns-repeated")
def columns(weight, head_dim, n_heads):
    return weight.repeat_interleave(n_heads * head_dim // len(weight), 1)


# look_back


@answers("look_back")
def by_hand(key, back, cos, sin):
    a, b = key.chunk(2)
    return torch.cat((a * cos[back] + b * sin[back], b * cos[back] - a * sin[back]))


@answers("look_back")
def by_complex_numbers(key, back, cos, sin):
    half = len(key) // 2
    z = torch.complex(key[:half], key[half:]) / torch.complex(cos[back], sin[back])
    return torch.cat((z.real, z.imag))


@answers("look_back")
def with_a_slice(key, back, cos, sin):
    rows = slice(back, back + 1)
    return apply_rope(key.unsqueeze(0), cos[rows], -sin[rows]).squeeze(0)


@answers("look_back", "forward")
def turns_ahead(key, back, cos, sin):
    return apply_rope(key[None], cos[back : back + 1], sin[back : back + 1])[0]


@answers("look_back", "looks-at-itself")
def not_turned(key, back, cos, sin):
    return key


@answers("look_back", "one-too-few")
def counts_from_one(key, back, cos, sin):
    return apply_rope(key[None], cos[back - 1 : back], -sin[back - 1 : back])[0]


@answers("look_back", "wrong-length")
def five_times_as_long(key, back, cos, sin):
    return 5 * apply_rope(key[None], cos[back, None], -sin[back, None])[0]


@answers("look_back", "wrong-length")
def of_length_one(key, back, cos, sin):
    query = by_hand(key, back, cos, sin)
    return query / query.norm()


@answers("look_back", "opposite")
def points_away(key, back, cos, sin):
    return -apply_rope(key[None], cos[back, None], -sin[back, None])[0]


test_an_answer_gets_its_verdict, test_a_blank_is_not_written_yet = verdicts_of(answers)
