"""The tokenizer of a model folder, in either format: which file it is, and what ends a text."""

from pathlib import Path
from reprlib import repr as short_repr
from typing import Any

from minillama.tokenizer import FILE_NAME, Tokenizer
from minillama.weights import sentencepiece_json
from minillama.weights.json_tokenizer import CONFIG_NAME, JSON_NAME, JsonTokenizer
from minillama.weights.tensors import read_json, write_json

GENERATION_NAME = "generation_config.json"


def load_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer.model in a folder, or the tokenizer.json where that alone has all pieces.

    Raises FileNotFoundError if there is neither, and ValueError for what cannot be read.
    """
    has_model, has_json = ((folder / name).is_file() for name in (FILE_NAME, JSON_NAME))
    bos, eos = _configured(folder, "bos_token_id"), _configured(folder, "eos_token_id")
    tokenizer = Tokenizer.load(folder) if has_model or not has_json else None
    if tokenizer is None or (has_json and _rows(folder) > tokenizer.vocab_size):
        # In fine-tuned models the file of SentencePiece may lack the tokens that were added.
        tokenizer = JsonTokenizer.load(folder, next(iter(bos), None), next(iter(eos), None))
    for i in eos:
        if i >= tokenizer.vocab_size:
            raise ValueError(
                f"{folder} says that the id {i} ends a text, but its tokenizer has only "
                f"{tokenizer.vocab_size} pieces: add the {JSON_NAME} that belongs to the model"
            )
    tokenizer.eos_ids |= set(eos)
    return tokenizer


def read_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer in a folder, or in a file: of SentencePiece, or a tokenizer.json.

    Raises FileNotFoundError if there is none, and ValueError for what cannot be read.
    """
    if path.is_dir():
        return load_tokenizer(path)
    return JsonTokenizer.load(path.parent) if path.name == JSON_NAME else Tokenizer.load(path)


def save_tokenizer(
    tokenizer: Tokenizer, folder: Path, for_hf: bool = False, max_seq_len: int = 0
) -> None:
    """Write a tokenizer into a folder that exists, and what ends a text.

    for_hf: also as a tokenizer.json, where it is SentencePiece's; max_seq_len: of its model.
    Raises ValueError where no tokenizer.json would give the same ids.
    """
    tokenizer.save(folder)
    if for_hf and not isinstance(tokenizer, JsonTokenizer):
        values = sentencepiece_json.tokenizer_json(tokenizer)
        write_json(folder / JSON_NAME, values)
        unknown = values["model"]["unk_token"]
        config = sentencepiece_json.tokenizer_config(tokenizer, unknown, max_seq_len)
        write_json(folder / CONFIG_NAME, config)
    if for_hf or tokenizer.eos_ids != {tokenizer.eos_id} - {-1}:
        write_json(folder / GENERATION_NAME, special_ids(tokenizer))


def special_ids(tokenizer: Tokenizer) -> dict[str, Any]:
    """The ids that begin and end a text, as config.json and generation_config.json have them."""
    bos, eos = tokenizer.bos_id, tokenizer.eos_id
    ends = sorted(tokenizer.eos_ids, key=lambda i: (i != eos, i))
    return {
        "bos_token_id": bos if bos >= 0 else None,
        "eos_token_id": ends if len(ends) > 1 else ends[0] if ends else None,
    }


def _configured(folder: Path, name: str) -> list[int]:
    """The ids that generation_config.json or, where that has none, config.json gives a name."""
    for path in (folder / GENERATION_NAME, folder / "config.json"):
        if path.is_file() and (value := read_json(path).get(name)) is not None:
            ids = value if isinstance(value, list) else [value]
            if not all(type(i) is int for i in ids):
                raise ValueError(
                    f"{path}: {name} must be an id or several, not {short_repr(value)}"
                )
            return [i for i in ids if i >= 0]
    return []


def _rows(folder: Path) -> int:
    """How many rows the model's vocabulary has; 0 if its config does not say."""
    path = folder / "config.json"
    rows = read_json(path).get("vocab_size") if path.is_file() else 0
    return rows if type(rows) is int else 0
