"""Solutions of lesson 06, heads."""

from minillama.rope import apply_rope


def split_heads(x, n_heads):
    """(batch, time, dim) to (batch, n_heads, time, head_dim), without einops."""
    batch, time, dim = x.shape
    return x.view(batch, time, n_heads, dim // n_heads).transpose(1, 2)


def join_heads(x):
    """(batch, n_heads, time, head_dim) back to (batch, time, dim), without einops."""
    batch, n_heads, time, head_dim = x.shape
    return x.transpose(1, 2).reshape(batch, time, n_heads * head_dim)


def cache_bytes(config, tokens, bytes_per_number=2):
    """Bytes that the keys and values of so many tokens take, in all layers together."""
    per_layer = 2 * config.n_kv_heads * config.head_dim
    return per_layer * config.n_layers * tokens * bytes_per_number


def more_heads(weight, head_dim, n_heads):
    """wk or wv, (kv_heads * head_dim, dim), for n_heads of them: (n_heads * head_dim, dim)."""
    heads = weight.view(-1, head_dim, weight.shape[1])
    return heads.repeat_interleave(n_heads // len(heads), dim=0).flatten(0, 1)


def look_back(key, back, cos, sin):
    """The query, as long as `key`, whose score is highest for that key `back` tokens earlier."""
    return apply_rope(key[None], cos[back, None], -sin[back, None])[0]
