"""An R process that benchmarks talk to, so that R's functions are timed in turn with ours.

R runs what it is sent and answers with one number; a round trip costs tens of microseconds.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

_LOOP = """
given <- file("stdin", "r")
while (length(line <- readLines(given, 1)) > 0) {
  answer <- tryCatch(as.double(eval(parse(text = line))), error = function(e) NaN)
  cat(sprintf("%.17g\\n", answer))
  flush(stdout())
}
"""


class RSession:
    """R with its own packages (add folders of them by R_LIBS)."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._process = subprocess.Popen(
            ["Rscript", "--vanilla", "-e", _LOOP],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    @staticmethod
    def is_there() -> bool:
        """Whether Rscript is installed."""
        return shutil.which("Rscript") is not None

    def number(self, expression: str) -> float:
        """Evaluate one line of R; NaN where it fails."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(expression + "\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def has_package(self, name: str) -> bool:
        """Whether R can load a package."""
        return self.number(f"suppressMessages(requireNamespace('{name}', quietly = TRUE))") == 1.0

    def assign(self, name: str, values: np.ndarray) -> None:
        """Give R a vector of doubles."""
        path = Path(self._folder.name, name)
        np.ascontiguousarray(values, dtype=np.float64).tofile(path)
        self.number(f"{{{name} <- readBin('{path}', 'double', {values.size}); 0}}")

    def close(self) -> None:
        """End R."""
        self._process.communicate()
        self._folder.cleanup()
