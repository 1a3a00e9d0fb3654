"""The colours of every picture: told apart with any colour vision, and in grey by lightness."""

from matplotlib import colormaps
from matplotlib.colors import LinearSegmentedColormap, to_rgb

# Okabe and Ito 2008, "Color Universal Design".
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"

INK, QUIET, FAINT = "#1B1F24", "#5A6470", "#D5DAE0"  # text, lesser text, lines that stay behind

# In every drawing of a data flow: what is computed from the input, and what is learned.
COMPUTED, LEARNED = "#B9D3E8", "#FBE3AE"

# From paper to ink in blue: eight steps of CIE lightness that are equally large, from 99 to 11,
# so that the same distance in numbers is the same distance to the eye, and to a grey printer.
SHADES = LinearSegmentedColormap.from_list(
    "minillama shades",
    "#fbfdff #c3e1f5 #8fc5e9 #63a7d9 #3889c6 #216ba9 #0c4f89 #0b3461 #081c3c".split(),
)

# Orange below zero and purple above, as light as paper at it: ColorBrewer's, for any colour vision.
TWO_SIDED = colormaps["PuOr"]


def luminance(color: str | tuple[float, float, float]) -> float:
    """How light a colour is: 0 for black, 1 for white. Source: WCAG 2.2, "relative luminance"."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def ink_on(color: str | tuple[float, float, float]) -> str:
    """Dark or white, whichever is read more easily on a background of this colour."""
    light = luminance(color)
    contrast_of_ink = (light + 0.05) / (luminance(INK) + 0.05)
    return INK if contrast_of_ink >= 1.05 / (light + 0.05) else "#FFFFFF"
