"""What a house does to the process it is opened in."""

import subprocess
import sys

import pytest

from tests.conftest import PROJECT

FREED_AND_MADE = """
import ctypes
import numpy as np
from offtape_assets.assets.house import open_house
from offtape_assets.settings import Settings

class Heap(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Heap
if {is_open}:
    open_house(Settings())
del (large := [np.ones(3_000_000)])[:]  # what is freed decides what glibc calls large from now on
before = libc.mallinfo2().hblkhd
kept = np.ones(1_000_000)
print((libc.mallinfo2().hblkhd - before) // kept.nbytes)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
@pytest.mark.parametrize("is_open", [False, True])
def test_a_large_array_has_pages_of_its_own(is_open: bool) -> None:
    code = FREED_AND_MADE.replace("{is_open}", str(is_open))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == is_open
