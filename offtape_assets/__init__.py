"""Offtape: a workflow-orchestrated warehouse for event-day information diffusion.

Importing the package pins BLAS to one thread unless the environment says otherwise: tickers are
built in a pool, and two BLAS threads on two busy cores make small solves 5 to 100 times slower.
"""

import os

for _library in ("OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
