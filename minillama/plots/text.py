"""Tokens as labels: with visible spaces, and in a font that has their characters."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib import font_manager, ft2font
from torch import Tensor

# Fonts with Han characters that systems come with; matplotlib's own has none.
HAN_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "SimHei",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Noto Sans CJK JP",  # the only name that a collection of all of Noto's goes by
    "Droid Sans Fallback",
    "Heiti TC",
    "Arial Unicode MS",
)
HAN_FILES = (
    "notosanscjk", "notosanssc", "sourcehansans", "pingfang", "hiragino sans gb", "msyh", "simhei",
    "wqy", "droidsansfallback", "stheiti", "arial unicode",
)  # fmt: skip
MISSING = "□"
NO_HAN = (
    "This machine has no font for Chinese, so figures show □ in place of its characters. To see "
    "them, install one and restart the kernel: `sudo apt install fonts-noto-cjk` on Debian and "
    "Ubuntu; on macOS and Windows, the system's own Chinese fonts (PingFang SC, Microsoft YaHei)."
)


def readable(token: str) -> str:
    """A token to look at: its spaces as "·", its line breaks as "↵".

    Spaces come as " " or as SentencePiece's "▁", which is wide and dark where letters should be.
    """
    return token.replace("▁", "·").replace(" ", "·").replace("\n", "↵").replace("\t", "→")


def drawable(token: str) -> str:
    """The readable token, with "□" for each character that no font at hand can draw."""
    return drawable_text(readable(token))


def drawable_text(text: str) -> str:
    """A text with "□" for each character that no font at hand can draw."""
    known = _characters()
    return "".join(c if ord(c) in known else MISSING for c in text)


@cache
def fonts() -> tuple[str, ...]:
    """matplotlib's own font, and one for Han characters if this machine has any."""
    if not _han_fonts():
        # Perhaps it was installed after matplotlib made its list, which it keeps for ever.
        for path in font_manager.findSystemFonts():
            if Path(path).stem.lower().startswith(HAN_FILES):
                font_manager.fontManager.addfont(path)
    return ("DejaVu Sans", *_han_fonts()[:1])


def _han_fonts() -> list[str]:
    listed = {font.name for font in font_manager.fontManager.ttflist}
    return [name for name in HAN_FONTS if name in listed]


@cache
def _characters() -> frozenset[int]:
    """Every character that one of `fonts()` can draw."""
    files = [font_manager.findfont(name) for name in fonts()]
    return frozenset().union(*(ft2font.FT2Font(file).get_charmap() for file in files))


def as_array(numbers: Tensor | np.ndarray | Sequence[float | int]) -> Float[np.ndarray, "..."]:
    """Numbers that matplotlib can take: from any device and dtype, as float64."""
    if isinstance(numbers, Tensor):
        return numbers.detach().cpu().double().numpy()  # NumPy has no bfloat16
    return np.asarray(numbers, dtype=np.float64)


def number(value: float, form: str = ".2f") -> str:
    """A number in words, without a sign where it is rounded to nothing."""
    text = f"{value:{form}}"
    return text if float(text) else text.lstrip("+-")
