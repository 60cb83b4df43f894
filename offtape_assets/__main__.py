"""`python -m offtape_assets` is `offtape`."""

from offtape_assets.cli import app

app()
