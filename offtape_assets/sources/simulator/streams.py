"""Random streams named by what they feed, so that no row depends on which others were asked for.

A name such as (seed, date, ticker, "tape") is hashed by blake2b into a key; the same name gives
the same numbers on every machine, in every process and in any order.
"""

from hashlib import blake2b

import numpy as np
from scipy.special import ndtri

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def stream_key(*name: object) -> int:
    """A 64-bit key of a stream's name."""
    text = "|".join(str(part) for part in name)
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def generator(*name: object) -> np.random.Generator:
    """The generator of one named stream."""
    return np.random.Generator(np.random.PCG64(stream_key(*name)))


def indexed_uniforms(key: int, index: np.ndarray) -> np.ndarray:
    """One uniform in (0, 1) for each integer index, by splitmix64 of (key, index).

    Unlike a generator it needs no earlier draws, so a day's number costs the same in any year.
    """
    with np.errstate(over="ignore"):
        z = np.uint64(key) + (np.asarray(index).astype(np.int64).view(np.uint64) + 1) * _GOLDEN
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(11)).astype(float) + 0.5) * 2.0**-53


def indexed_normals(key: int, index: np.ndarray) -> np.ndarray:
    """One standard normal for each integer index."""
    return ndtri(indexed_uniforms(key, index))
