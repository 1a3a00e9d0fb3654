"""Solutions of lesson 09, the whole model."""


def count_weights(config):
    """How many parameters a Llama of this config has, a tied output counted once."""
    table = config.vocab_size * config.dim
    attention = 2 * config.dim * config.head_dim * (config.n_heads + config.n_kv_heads)
    feed_forward = 3 * config.dim * config.hidden_dim
    layers = config.n_layers * (attention + feed_forward + 2 * config.dim)
    return table + layers + config.dim + (0 if config.tie_embeddings else table)


def flops_per_token(config, length):
    """FLOPs to write one token of a text that then has `length`: matrices and attention."""
    attention = 2 * config.dim * config.head_dim * (config.n_heads + config.n_kv_heads)
    layer = attention + 3 * config.dim * config.hidden_dim
    matrices = config.n_layers * layer + config.dim * config.vocab_size
    return 2 * matrices + 4 * config.n_layers * length * config.n_heads * config.head_dim


def read_early(model, x):
    """Probabilities (..., vocab_size) from vectors of the residual stream (..., dim)."""
    return model.output(model.norm(x)).softmax(dim=-1)
