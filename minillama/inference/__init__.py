"""The same tokens, sooner: batches of texts, steps of few operations, compiled steps."""
