"""How good a model is: its losses, in units that can be compared."""

from minillama.evaluate.losses import bits_per_byte, document_losses, perplexity

__all__ = ["bits_per_byte", "document_losses", "perplexity"]
