"""Reading npz files safely: memory is taken for what they hold, not for what they claim to hold."""

import io
import zipfile
from pathlib import Path

import numpy as np
from numpy.lib import format as npy


def read_arrays(path: Path, *names: str) -> dict[str, np.ndarray]:
    """The arrays of these names in a file of np.savez: rows of numbers.

    NumPy believes a file that claims a million million numbers, and takes the memory for them.
    Here nothing is unpacked, and what a file claims is held against what it has.
    Raises FileNotFoundError, or ValueError for a file that is damaged or of another kind.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    content = io.BytesIO(path.read_bytes())
    try:
        with zipfile.ZipFile(content) as archive:
            return {name: _read_array(archive, f"{name}.npy") for name in names}
    except Exception as error:  # a zip file can be damaged in more ways than anybody has listed
        raise ValueError(f"{path} is damaged, or is not a file of documents") from error


def _read_array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    if archive.getinfo(name).compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} is compressed, and may unfold to anything")
    with archive.open(name) as file:
        if npy.read_magic(file) != (1, 0):
            raise ValueError(f"{name} is of a version that np.savez does not write")
        shape, _, dtype = npy.read_array_header_1_0(file)
        data = file.read()
    if dtype.kind not in "iuf" or shape != (len(data) / dtype.itemsize,):
        raise ValueError(f"{name} is not the row of numbers that it claims to be")
    return np.frombuffer(data, dtype).copy()
