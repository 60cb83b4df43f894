"""Smiles to risk-neutral laws: fits along the day's grid, densities, and dealers' gamma."""

import time
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from offtape_assets.quant.black_scholes import gamma_exposure, greeks, option_price
from offtape_assets.quant.density import Density, smile_density
from offtape_assets.quant.seed_density import SeedDensity, seed_density
from offtape_assets.quant.smile import (
    MIN_QUOTES,
    Quotes,
    Smile,
    fit_smile,
    update_smile,
    usable_quotes,
)

Array = NDArray[np.float64]
OUTLIER_SDS = 5.0  # robust sds from the smile fitted without the quote: stale or mistaken
OUTLIER_ROUNDS, OUTLIER_SHARE = 3, 0.2
NOISE_FALL, NOISE_GROWTH = 0.5, 1.25  # an update whose noise scale left this range is fitted cold
LAW_TOLERANCE = 0.02  # of raw mass and negative mass: beyond, the smile is no law to be mended
NEAR_ROWS = 24  # of twelve pairs around the money; deep American options owe parity nothing
RAW_FIGURES = ("raw_mass", "negative_mass", "mass_outside_quotes", "mean_error_bp")
_NUMBERS = (
    *("noise_scale", "iv_rmse", "raw_mass", "negative_mass", "mass_outside_quotes"),
    *("mean_error_bp", "in_spread_share", "parity_residual", "calendar_gap"),
    *("mean", "sd", "skew", "kurtosis", "fit_ms"),
)
_STAMP: dict[str, pl.DataType] = {"ts": pl.Datetime("us"), "expiry": pl.Date()}
FIT_SCHEMA: dict[str, pl.DataType] = {
    **_STAMP,
    **dict.fromkeys(("status", "update_kind"), pl.String()),
    **dict.fromkeys(("forward", "discount", "tau_years"), pl.Float64()),
    **dict.fromkeys(("n_quotes", "n_outliers"), pl.Int32()),
    **dict.fromkeys(_NUMBERS, pl.Float64()),
}
DENSITY_COLUMNS = (
    *("strike", "log_moneyness", "implied_vol", "implied_vol_sd"),
    *("density", "density_sd", "cdf", "cdf_sd"),
)


@dataclass
class _Chain:
    """One expiry's rows of option_smiles at one instant, as arrays (option,)."""

    rows: pl.DataFrame
    forward: float
    discount: float
    tau: float
    quotes: Quotes | None = None
    at: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))


class _Fitted(NamedTuple):
    smile: Smile
    density: Density
    kind: str
    outliers: int


@dataclass
class _Memory:
    """What one expiry keeps between instants: the smile, and where and when it was fitted cold."""

    smile: Smile | None = None
    forward: float = 0.0
    tau: float = 0.0
    noise: float = 0.0


def fit_risk_neutral(
    smiles: pl.DataFrame, open_interest: pl.DataFrame, method: str
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Fits, densities and gamma exposures of one ticker and date.

    Parameters
    ----------
    smiles
        Rows of features.option_smiles.
    open_interest
        Rows of raw.open_interest, may be empty.
    method
        'smile' (event mixture plus Gaussian process) or 'seed' (the seed's recipe).

    Returns
    -------
    Rows of model.risk_neutral_fits, model.risk_neutral_densities, model.gamma_exposures.
    """
    fits: list[dict[str, object]] = []
    densities: list[pl.DataFrame] = []
    exposures: list[pl.DataFrame] = []
    memory: dict[object, _Memory] = {}
    before: tuple[object, _Fitted | None] = (None, None)
    prices = ("strike", "bid_price", "ask_price")
    smiles = smiles.with_columns(pl.col(name).cast(pl.Float64) for name in prices)
    for (ts, expiry), rows in smiles.group_by("ts", "expiry", maintain_order=True):
        fit: dict[str, object] = {"ts": ts, "expiry": expiry}
        fits.append(fit)
        start = time.perf_counter()
        chain = _read(rows, fit)
        if chain is None:
            continue
        if method == "seed":
            _fit_by_seed(chain, fit, densities)
            continue
        fitted = _fit(chain, memory.setdefault(expiry, _Memory()), fit)
        fit["fit_ms"] = (time.perf_counter() - start) * 1e3
        if fitted is None:
            continue
        _describe(chain, fitted, fit)
        previous = before[1] if before[0] == ts else None
        fit["calendar_gap"] = _calendar_gap(previous, fitted)
        before = (ts, fitted)
        stamp = [pl.lit(ts, pl.Datetime("us")).alias("ts"), pl.lit(expiry).alias("expiry")]
        frame = pl.DataFrame({name: getattr(fitted.density, name) for name in DENSITY_COLUMNS})
        densities.append(frame.select(*stamp, pl.all()))
        held = open_interest.filter(pl.col("expiry") == expiry)
        if held.height:
            exposures.append(_exposure(held, chain, fitted.smile).select(*stamp, pl.all()))
    return (
        pl.DataFrame(fits, pl.Schema(FIT_SCHEMA), orient="row"),
        _stacked(densities, DENSITY_COLUMNS),
        _stacked(exposures, ("strike", "gex", "gex_net")),
    )


def _stacked(frames: list[pl.DataFrame], names: tuple[str, ...]) -> pl.DataFrame:
    if frames:
        return pl.concat(frames)
    schema: dict[str, pl.DataType] = {**_STAMP, **dict.fromkeys(names, pl.Float64())}
    return pl.DataFrame(schema=pl.Schema(schema))


def _read(rows: pl.DataFrame, fit: dict[str, object]) -> _Chain | None:
    """The chain with its usable out-of-the-money quotes, or None with the status set."""
    known = rows.filter(pl.col("forward").is_not_null())
    if known.is_empty():
        expired = (rows["status"] == "expired").any()
        fit["status"] = "expired" if expired else "no_forward"
        fit["n_quotes"] = 0
        return None
    first = known.row(0, named=True)
    chain = _Chain(rows, first["forward"], first["discount"], first["tau_years"])
    fit.update(forward=chain.forward, discount=chain.discount, tau_years=chain.tau)
    near = known.drop_nulls("parity_residual").sort(pl.col("log_moneyness").abs())
    fit["parity_residual"] = near.head(NEAR_ROWS)["parity_residual"].abs().median()
    chain.at = np.flatnonzero(
        rows.select((pl.col("status") == "ok") & pl.col("is_out_of_the_money")).to_series()
    )
    chain.quotes = _quotes(chain)
    fit["n_quotes"] = chain.quotes.key.size
    if chain.quotes.key.size < MIN_QUOTES:
        fit["status"] = "too_few"
        return None
    return chain


def _quotes(chain: _Chain) -> Quotes:
    used = chain.rows[chain.at]
    is_call = (used["option_right"] == "C").to_numpy()
    unit = chain.discount * chain.forward
    # a quote's key in `at` order survives sorting; between instants strike and right name it
    key = np.rint(used["strike"].to_numpy() * 1e3).astype(np.int64) * 2 + is_call
    price = (used["microprice"] - used["early_exercise_premium"]).to_numpy() / unit
    return usable_quotes(
        key, used["log_moneyness"].to_numpy(), is_call, price, used["price_sd"].to_numpy() / unit
    )


def _fit(chain: _Chain, memory: _Memory, fit: dict[str, object]) -> _Fitted | None:
    """Update of the last smile where that holds, else a cold fit; None with the status set."""
    assert chain.quotes is not None
    quotes, smile, kind = chain.quotes, None, "update"
    if memory.smile is not None:
        shift = float(np.log(chain.forward / memory.forward))
        scale = float(np.sqrt(chain.tau / memory.tau))
        smile, quotes = _updated(memory.smile, quotes, shift, scale)
        if smile is not None:
            change = smile.process.noise_scale / memory.noise
            smile = smile if NOISE_FALL < change < NOISE_GROWTH else None
    if smile is None:
        kind = "cold"
        smile, quotes = _cold(chain.quotes)
        memory.forward, memory.tau = chain.forward, chain.tau
        memory.noise = smile.process.noise_scale
    outliers = chain.quotes.key.size - quotes.key.size
    density = smile_density(smile, quotes, chain.forward, chain.tau)
    if not _is_law(density):
        kind, smile = "mean", fit_smile(quotes, with_process=False)
        density = smile_density(smile, quotes, chain.forward, chain.tau)
    memory.smile = smile if kind != "mean" else None
    if not _is_law(density):
        fit["status"] = "no_density"
        for name in RAW_FIGURES:
            fit[name] = getattr(density, name)
        return None
    return _Fitted(smile, density, kind, outliers)


def _is_law(density: Density) -> bool:
    """Whether what the repair would have to mend is small."""
    broken = max(abs(density.raw_mass - 1.0), density.negative_mass)
    return bool(np.isfinite(density.density).all()) and density.sd > 0.0 and broken < LAW_TOLERANCE


def _cold(quotes: Quotes) -> tuple[Smile, Quotes]:
    """A smile from nothing, and the quotes that are not far from it."""
    limit = int(OUTLIER_SHARE * quotes.key.size)
    smile = fit_smile(quotes)
    for _ in range(OUTLIER_ROUNDS):
        far = _far(smile)
        kept = quotes.key.size - int(far.sum())
        limit -= int(far.sum())
        if not far.any() or limit < 0 or kept < MIN_QUOTES:
            break
        quotes = _without(quotes, far)
        smile = fit_smile(quotes)
    return smile, quotes


def _updated(
    smile: Smile, quotes: Quotes, shift: float, scale: float
) -> tuple[Smile | None, Quotes]:
    """The last smile brought to these quotes, without those that are far from it."""
    moved = update_smile(smile, quotes, shift, scale)
    if moved is None:
        return None, quotes
    far = _far(moved)
    if far.any() and far.sum() <= OUTLIER_SHARE * far.size:
        quotes = _without(quotes, far)
        moved.process.update(
            quotes.key, moved.process.inputs[~far], *moved.process.observations(~far)
        )
    return moved, quotes


def _far(smile: Smile) -> NDArray[np.bool_]:
    """Quotes beyond OUTLIER_SDS robust sds of the smile fitted without them."""
    scores = np.abs(smile.process.left_out_scores())
    return scores > OUTLIER_SDS * max(1.4826 * float(np.median(scores)), 1.0)


def _without(quotes: Quotes, far: NDArray[np.bool_]) -> Quotes:
    return Quotes(*(getattr(quotes, name)[~far] for name in Quotes.__dataclass_fields__))


def _describe(chain: _Chain, fitted: _Fitted, fit: dict[str, object]) -> None:
    density, quotes = fitted.density, chain.quotes
    assert quotes is not None
    total = fitted.smile.total_vol(quotes.log_moneyness)[0]
    gap = (quotes.total_vol - total) / np.sqrt(chain.tau)
    fit.update(
        status="ok",
        update_kind=fitted.kind,
        n_outliers=fitted.outliers,
        noise_scale=fitted.smile.process.noise_scale,
        iv_rmse=float(np.sqrt(np.mean(gap**2))),
        in_spread_share=_in_spread(chain, fitted.smile),
    )
    for name in (*RAW_FIGURES, "mean", "sd", "skew", "kurtosis"):
        fit[name] = getattr(density, name)


def _in_spread(chain: _Chain, smile: Smile) -> float:
    """Share of the quotes whose fitted premium, early exercise added back, is within bid and ask."""
    used = chain.rows[chain.at]
    total = smile.total_vol(used["log_moneyness"].to_numpy())[0]
    is_call = (used["option_right"] == "C").to_numpy()
    fitted = option_price(
        chain.forward, used["strike"].to_numpy(), 1.0, chain.discount, total, is_call
    )
    fitted += used["early_exercise_premium"].to_numpy()
    bid, ask = used["bid_price"].to_numpy(), used["ask_price"].to_numpy()
    return float(np.mean((fitted >= bid - 1e-9) & (fitted <= ask + 1e-9)))


def _calendar_gap(earlier: _Fitted | None, later: _Fitted) -> float | None:
    """Least rise of total variance from the expiry before, within two sds of the money."""
    if earlier is None:
        return None
    reach = 2.0 * earlier.density.sd / earlier.density.mean
    k = np.linspace(-reach, reach, 41)
    rise = later.smile.total_vol(k)[0] ** 2 - earlier.smile.total_vol(k)[0] ** 2
    return float(rise.min())


def _exposure(held: pl.DataFrame, chain: _Chain, smile: Smile) -> pl.DataFrame:
    """Gamma at the fitted volatility of every strike with open interest."""
    strike = held["strike"].cast(pl.Float64).to_numpy()
    is_call = (held["option_right"] == "C").to_numpy()
    total = smile.total_vol(np.log(strike / chain.forward))[0]
    far = ~np.isfinite(total)
    vol = np.where(far, 1.0, total)
    gamma = greeks(chain.forward, strike, 1.0, chain.discount, vol, is_call).gamma
    contracts = held["open_interest"].cast(pl.Float64).to_numpy()
    found = gamma_exposure(strike, np.where(far, 0.0, gamma), contracts, is_call)
    return pl.DataFrame({"strike": found.strike, "gex": found.gex, "gex_net": found.gex_net})


def _fit_by_seed(chain: _Chain, fit: dict[str, object], densities: list[pl.DataFrame]) -> None:
    assert chain.quotes is not None
    found: SeedDensity = seed_density(chain.quotes, chain.forward, chain.tau)
    fit["status"] = found.status
    if found.status != "ok":
        return
    used = chain.quotes
    at_quotes = np.interp(
        used.log_moneyness, np.log(found.strike / chain.forward), found.implied_vol
    )
    gap = used.total_vol / np.sqrt(chain.tau) - at_quotes
    fit.update(
        update_kind="seed",
        n_outliers=0,
        iv_rmse=float(np.sqrt(np.mean(gap**2))),
        raw_mass=found.raw_mass,
        negative_mass=found.negative_mass,
        mean_error_bp=(found.mean / chain.forward - 1.0) * 1e4,
        mean=found.mean,
        sd=found.sd,
        skew=found.skew,
        kurtosis=found.kurtosis,
    )
    unknown = np.full(found.strike.size, np.nan)
    frame = pl.DataFrame(
        {
            "strike": found.strike,
            "log_moneyness": np.log(found.strike / chain.forward),
            "implied_vol": found.implied_vol,
            "implied_vol_sd": unknown,
            "density": found.density,
            "density_sd": unknown,
            "cdf": found.cdf,
            "cdf_sd": unknown,
        }
    )
    stamp = [
        pl.lit(fit["ts"], pl.Datetime("us")).alias("ts"),
        pl.lit(fit["expiry"]).alias("expiry"),
    ]
    densities.append(frame.select(*stamp, pl.all()))
