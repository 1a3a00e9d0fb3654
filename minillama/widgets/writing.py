"""A text that a model writes in the background."""

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from minillama.inference.engine import generate
from minillama.model import Llama
from minillama.tokenizer import Tokenizer

REFRESH = 0.05  # seconds from one look of the text to the next while it is written


class Writing:
    """A prompt and what a model writes after it, in a thread of its own.

    `on_change` is called there, with this object: while the text grows, and once when it is `done`.
    `words` say how it goes, or what went wrong if it `failed`.
    settings: those of `generate`, without the seed, which is as somebody typed it.
    """

    def __init__(
        self,
        model: Llama,
        tokenizer: Tokenizer,
        prompt: str,
        seed: str,
        settings: dict[str, Any],
        on_change: Callable[["Writing"], None],
    ) -> None:
        # A word of the vocabulary begins with its space, so that after one at the end of the prompt
        # the model would have to go on as no story does.
        self.prompt, self.written = prompt.rstrip(" "), ""
        self.words, self.done, self.failed = "Writing …", False, False
        self._model, self._tokenizer = model, tokenizer
        self._seed, self._settings, self._on_change = seed, settings, on_change
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Let the token that is being made be the last."""
        self._stopping.set()

    def wait(self, timeout: float | int) -> bool:
        """Wait for the end, for so many seconds at most; whether it is reached."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self.words = self._write()
        except Exception as error:  # nobody else would see it: a thread has no cell
            words = str(error) or type(error).__name__
            self.words, self.failed = f"{words[0].upper()}{words[1:]}.", True
        self.done = True
        self._on_change(self)

    def _write(self) -> str:
        """Write the text and say how it went. Raises ValueError for settings that do not work."""
        seed, tokenizer, count = _number(self._seed), self._tokenizer, 0
        prompt = tokenizer.encode(self.prompt, bos=True)
        stop = tokenizer.eos_ids
        tokens = generate(self._model, prompt, stop=stop, seed=seed, **self._settings)

        def counted() -> Iterator[int]:
            nonlocal count
            for token in tokens:
                if self._stopping.is_set():
                    return
                count += 1
                yield token

        start = shown = time.perf_counter()
        for part in tokenizer.stream(counted(), after=prompt):
            if self._stopping.is_set():
                break
            self.written += part
            if time.perf_counter() - shown > REFRESH:
                self._on_change(self)
                shown = time.perf_counter()
        seconds = time.perf_counter() - start
        if self._stopping.is_set():
            end = "Stopped"
        elif count == self._settings["max_new_tokens"]:
            end = "As long as asked for"
        elif len(prompt) + count == self._model.config.max_seq_len:
            end = "As long as the model can read"
        else:
            end = "The end"
        pace = f"{count} tokens, {count / seconds:.0f} a second" if count else "no tokens"
        return f"{end}: {pace}. Seed {seed} writes it again."


def _number(seed: str) -> int:
    """The seed that was typed, or a new one; not from PyTorch, whose own seed is the notebook's."""
    seed = seed.strip()
    if not seed:
        return secrets.randbelow(10**6)
    if not (seed.isdecimal() and len(seed) <= 18):
        raise ValueError(f"the seed must be a whole number, or empty for a new one, not {seed!r}")
    return int(seed)
