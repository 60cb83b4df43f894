"""Draws the README's pictures from a warehouse that holds the event day (`make demo` makes one).

python docs/pictures.py [--warehouse warehouse] [--date 2024-11-05] [--ticker NVDA]
"""

import argparse
import base64
from pathlib import Path

from offtape_assets.report.event import filtered_band
from offtape_assets.report.options import smile_and_density
from offtape_assets.storage.catalog import open_catalog
from offtape_assets.storage.warehouse import Warehouse

FOLDER = Path(__file__).parent / "pictures"


def main() -> None:
    parser = argparse.ArgumentParser(description="the README's pictures")
    parser.add_argument("--warehouse", default="warehouse")
    parser.add_argument("--date", default="2024-11-05")
    parser.add_argument("--ticker", default="NVDA")
    options = parser.parse_args()
    day, name = f"date = '{options.date}'", f"ticker = '{options.ticker}'"
    with open_catalog(Warehouse(options.warehouse)) as catalog:

        def rows(table: str, where: str, order: str = "ts"):
            return catalog.execute(f"from {table} where {where} order by {order}").pl()

        pictures = {
            "probability": filtered_band(
                rows("model.kalshi_probabilities", day),
                rows("model.event_diagnostics", day, "method"),
            ),
            "smile": smile_and_density(
                rows("model.risk_neutral_fits", f"{day} and {name}"),
                rows("model.risk_neutral_densities", f"{day} and {name}", "ts, strike"),
                rows("model.gamma_exposures", f"{day} and {name}", "ts, strike"),
            ),
        }
    FOLDER.mkdir(exist_ok=True)
    for picture, text in pictures.items():
        (FOLDER / f"{picture}.png").write_bytes(base64.b64decode(text))


if __name__ == "__main__":
    main()
