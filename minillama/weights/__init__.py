"""Models as folders: read and written in our own format and in Hugging Face's."""

from minillama.weights.formats import find_model, load, load_model, load_tokenizer, save_model

__all__ = ["find_model", "load", "load_model", "load_tokenizer", "save_model"]
