"""Small plots as PNG text for asset metadata. What is drawn is decided by each subject."""

import base64
import io
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Picture = Callable[..., str]
"""Takes the frames an asset wrote for one partition and returns a PNG in base64."""


def png_text(figure: "Figure") -> str:
    """A matplotlib figure as base64 text of a PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80, bbox_inches="tight")
    return base64.b64encode(buffer.getvalue()).decode()
