"""Where the files that come with minillama lie: trained models, tokenizers."""

from pathlib import Path

PACKAGE = Path(__file__).parent.parent
# An installed package carries its assets inside; in a clone they stand beside the package.
ROOTS = (PACKAGE / "assets", PACKAGE.parent / "assets")


def asset_path(name: str) -> Path:
    """The path of a file or folder that comes with minillama, such as `"models/toytown"`.

    Raises FileNotFoundError, naming what there is, if nothing of that name comes with it.
    """
    for root in ROOTS:
        if (root / name).exists():
            return root / name
    kind = Path(name).parent
    there = sorted({path.name for root in ROOTS for path in (root / kind).glob("[!.]*")})
    raise FileNotFoundError(
        f"minillama does not come with {name!r}: in {kind.as_posix()!r} it has "
        f"{', '.join(there) or 'nothing'}"
    )
