"""Reading npz files safely: memory is taken for what they hold, not for what they claim to hold."""

import struct
import zipfile
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

MAPPED = 2**26  # bytes; a longer array stays in its file, and the system reads what is asked for
TOGETHER = 2**20  # bytes that are read at a time
LOCAL_HEADER = "<26xHH"  # before each file in a zip file; the lengths of name and extra field


def read_arrays(path: Path, *names: str) -> dict[str, np.ndarray]:
    """The arrays of these names in a file of np.savez: rows of numbers.

    NumPy believes a file that claims a million million numbers, and takes the memory for them.
    Here nothing is unpacked, and what a file claims is held against what it has. Long arrays are
    not read into memory but mapped (`np.memmap`), read-only.
    Raises FileNotFoundError, or ValueError for a file that is damaged or of another kind.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            return {name: _read_array(file, archive, f"{name}.npy") for name in names}
    except Exception as error:  # a zip file can be damaged in more ways than anybody has listed
        raise ValueError(f"{path} is damaged, or is not a file of documents") from error


def held_bytes(*arrays: np.ndarray) -> int:
    """The memory that arrays take; one that is mapped takes none that the system cannot have."""
    return sum(array.nbytes for array in arrays if not isinstance(array, np.memmap))


def _read_array(file: IO[bytes], archive: zipfile.ZipFile, name: str) -> np.ndarray:
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} is compressed, and may unfold to anything")
    with archive.open(name) as member:
        if npy.read_magic(member) != (1, 0):
            raise ValueError(f"{name} is of a version that np.savez does not write")
        shape, _, dtype = npy.read_array_header_1_0(member)
        begin, n_bytes, pieces = member.tell(), 0, []
        while piece := member.read(TOGETHER):  # whose checksum is compared at the end
            n_bytes += len(piece)
            if info.file_size <= MAPPED:
                pieces.append(piece)
    if dtype.kind not in "iuf" or shape != (n_bytes / dtype.itemsize,):
        raise ValueError(f"{name} is not the row of numbers that it claims to be")
    if info.file_size <= MAPPED:
        return np.frombuffer(bytearray().join(pieces), dtype)
    file.seek(info.header_offset)
    lengths = struct.unpack(LOCAL_HEADER, file.read(struct.calcsize(LOCAL_HEADER)))
    offset = info.header_offset + struct.calcsize(LOCAL_HEADER) + sum(lengths) + begin
    return np.memmap(file, dtype, "r", offset, shape)
