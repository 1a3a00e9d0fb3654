"""What fills each slot of a wording, in either language."""

from . import people, world
from .line import LANGUAGES, SLOTS, Line, spell, template

__all__ = ["LANGUAGES", "SLOTS", "Line", "people", "spell", "template", "world"]
