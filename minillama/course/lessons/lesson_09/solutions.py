"""Solutions of lesson 09, the whole model."""


def count_weights(config):
    """How many parameters a Llama of this config has, a tied output counted once."""
    table = config.vocab_size * config.dim
    attention = 2 * config.dim * config.head_dim * (config.n_heads + config.n_kv_heads)
    feed_forward = 3 * config.dim * config.hidden_dim
    layers = config.n_layers * (attention + feed_forward + 2 * config.dim)
    return table + layers + config.dim + (0 if config.tie_embeddings else table)


def read_early(model, x):
    """Probabilities (..., vocab_size) from vectors of the residual stream (..., dim)."""
    return model.output(model.norm(x)).softmax(dim=-1)
