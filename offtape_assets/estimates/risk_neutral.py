"""Smiles to risk-neutral laws: fits along the day's grid, densities, and dealers' gamma."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from offtape_assets.quant.black_scholes import gamma_exposure, greeks, option_price
from offtape_assets.quant.density import Density, smile_density
from offtape_assets.quant.seed_density import seed_density
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
_READ = (
    *("strike", "log_moneyness", "bid_price", "ask_price", "microprice", "price_sd"),
    *("early_exercise_premium", "forward", "forward_sd", "discount", "tau_years"),
    "parity_residual",
)
_NUMBERS = (
    *("noise_scale", "iv_rmse", "raw_mass", "negative_mass", "mass_outside_quotes"),
    *("mean_error_bp", "in_spread_share", "parity_residual", "calendar_gap"),
    *("mean", "sd", "sd_sd", "skew", "kurtosis", "fit_ms"),
)
_STAMP: dict[str, pl.DataType] = {"ts": pl.Datetime("us"), "expiry": pl.Date()}
FIT_SCHEMA: dict[str, pl.DataType] = {
    **_STAMP,
    **dict.fromkeys(("status", "update_kind"), pl.String()),
    **dict.fromkeys(("forward", "forward_sd", "discount", "tau_years"), pl.Float64()),
    **dict.fromkeys(("n_quotes", "n_outliers"), pl.Int32()),
    **dict.fromkeys(_NUMBERS, pl.Float64()),
}
DENSITY_COLUMNS = (
    *("strike", "log_moneyness", "implied_vol", "implied_vol_sd"),
    *("density", "density_sd", "cdf", "cdf_sd"),
)


class _Chain(NamedTuple):
    """One expiry at one instant: its out-of-the-money options with a volatility, (option,)."""

    forward: float
    discount: float
    tau: float
    strike: Array
    is_call: NDArray[np.bool_]
    log_moneyness: Array
    premium: Array
    bid: Array
    ask: Array
    quotes: Quotes


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
    laws: list[tuple[dict[str, object], Mapping[str, Array]]] = []
    exposures: list[tuple[dict[str, object], Mapping[str, Array]]] = []
    memory: dict[object, _Memory] = {}
    before: tuple[object, _Fitted | None] = (None, None)
    held = _held(open_interest)
    for stamp, rows in _groups(smiles):
        fit = dict(stamp)
        fits.append(fit)
        start = time.perf_counter()
        chain = _read(rows, fit)
        if chain is None:
            continue
        if method == "seed":
            if (found := _fit_by_seed(chain, fit)) is not None:
                laws.append((stamp, found))
            continue
        fitted = _fit(chain, memory.setdefault(stamp["expiry"], _Memory()), fit)
        fit["fit_ms"] = (time.perf_counter() - start) * 1e3
        if fitted is None:
            continue
        _describe(chain, fitted, fit)
        previous = before[1] if before[0] == stamp["ts"] else None
        fit["calendar_gap"] = _calendar_gap(previous, fitted)
        before = (stamp["ts"], fitted)
        laws.append((stamp, vars(fitted.density)))
        if (contracts := held.get(stamp["expiry"])) is not None:
            exposures.append((stamp, _exposure(contracts, chain, fitted.smile)))
    return (
        pl.DataFrame(fits, pl.Schema(FIT_SCHEMA), orient="row"),
        _stacked(laws, DENSITY_COLUMNS),
        _stacked(exposures, ("strike", "gex", "gex_net")),
    )


def _groups(smiles: pl.DataFrame) -> Iterator[tuple[dict[str, object], dict[str, Array]]]:
    """Each (ts, expiry) with its rows as arrays; columns are taken out of the frame once."""
    numbers = {name: smiles[name].cast(pl.Float64).to_numpy() for name in _READ}
    is_call = (smiles["option_right"] == "C").to_numpy()
    is_used = ((smiles["status"] == "ok") & smiles["is_out_of_the_money"]).to_numpy()
    is_expired = (smiles["status"] == "expired").to_numpy()
    columns = {**numbers, "is_call": is_call, "is_used": is_used, "is_expired": is_expired}
    keys = smiles.select("ts", "expiry", rows=pl.len().over("ts", "expiry")).unique(
        ["ts", "expiry"], maintain_order=True
    )
    first = 0
    for ts, expiry, size in keys.iter_rows():
        yield (
            {"ts": ts, "expiry": expiry},
            {name: column[first : first + size] for name, column in columns.items()},
        )
        first += size


def _held(open_interest: pl.DataFrame) -> dict[object, tuple[Array, Array, NDArray[np.bool_]]]:
    """Strikes, contracts and rights with open interest, by expiry."""
    return {
        expiry: (
            rows["strike"].cast(pl.Float64).to_numpy(),
            rows["open_interest"].cast(pl.Float64).to_numpy(),
            (rows["option_right"] == "C").to_numpy(),
        )
        for (expiry,), rows in open_interest.group_by("expiry", maintain_order=True)
    }


def _stacked(
    parts: list[tuple[dict[str, object], Mapping[str, Array]]], names: tuple[str, ...]
) -> pl.DataFrame:
    """One frame of all parts, each under its (ts, expiry)."""
    schema: dict[str, pl.DataType] = {**_STAMP, **dict.fromkeys(names, pl.Float64())}
    if not parts:
        return pl.DataFrame(schema=pl.Schema(schema))
    row = np.repeat(np.arange(len(parts)), [part[names[0]].size for _, part in parts])
    stamps = pl.DataFrame([stamp for stamp, _ in parts], pl.Schema(_STAMP))
    figures = {name: np.concatenate([part[name] for _, part in parts]) for name in names}
    return stamps[row].with_columns(**{n: pl.Series(n, v) for n, v in figures.items()})


def _read(rows: dict[str, Array], fit: dict[str, object]) -> _Chain | None:
    """The chain with its usable out-of-the-money quotes, or None with the status set."""
    if not np.isfinite(rows["forward"][0]):
        fit["status"] = "expired" if rows["is_expired"].any() else "no_forward"
        fit["n_quotes"] = 0
        return None
    forward, discount, tau = (float(rows[n][0]) for n in ("forward", "discount", "tau_years"))
    fit["forward_sd"] = float(rows["forward_sd"][0])
    near = np.argsort(np.abs(rows["log_moneyness"]), kind="stable")
    residual = np.abs(rows["parity_residual"][near])
    residual = residual[np.isfinite(residual)][:NEAR_ROWS]
    used = {name: column[rows["is_used"]] for name, column in rows.items()}
    unit = discount * forward
    is_call = used["is_call"].astype(bool)
    quotes = usable_quotes(
        np.rint(used["strike"] * 1e3).astype(np.int64) * 2 + is_call,
        used["log_moneyness"],
        is_call,
        (used["microprice"] - used["early_exercise_premium"]) / unit,
        used["price_sd"] / unit,
    )
    fit.update(forward=forward, discount=discount, tau_years=tau, n_quotes=quotes.key.size)
    fit["parity_residual"] = float(np.median(residual)) if residual.size else None
    if quotes.key.size < MIN_QUOTES:
        fit["status"] = "too_few"
        return None
    return _Chain(
        forward,
        discount,
        tau,
        used["strike"],
        is_call,
        used["log_moneyness"],
        used["early_exercise_premium"],
        used["bid_price"],
        used["ask_price"],
        quotes,
    )


def _fit(chain: _Chain, memory: _Memory, fit: dict[str, object]) -> _Fitted | None:
    """Update of the last smile where that holds, else a cold fit; None with the status set."""
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
    for name in (*RAW_FIGURES, "mean", "sd", "sd_sd", "skew", "kurtosis"):
        fit[name] = getattr(density, name)


def _in_spread(chain: _Chain, smile: Smile) -> float:
    """Share of the quotes whose fitted premium, early exercise added back, is within bid and ask."""
    total = smile.total_vol(chain.log_moneyness)[0]
    fitted = option_price(chain.forward, chain.strike, 1.0, chain.discount, total, chain.is_call)
    fitted += chain.premium
    return float(np.mean((fitted >= chain.bid - 1e-9) & (fitted <= chain.ask + 1e-9)))


def _calendar_gap(earlier: _Fitted | None, later: _Fitted) -> float | None:
    """Least rise of total variance from the expiry before, within two sds of the money."""
    if earlier is None:
        return None
    reach = 2.0 * earlier.density.sd / earlier.density.mean
    k = np.linspace(-reach, reach, 41)
    rise = later.smile.total_vol(k)[0] ** 2 - earlier.smile.total_vol(k)[0] ** 2
    return float(rise.min())


def _exposure(
    held: tuple[Array, Array, NDArray[np.bool_]], chain: _Chain, smile: Smile
) -> dict[str, Array]:
    """Gamma at the fitted volatility of every strike with open interest."""
    strike, contracts, is_call = held
    total = smile.total_vol(np.log(strike / chain.forward))[0]
    far = ~np.isfinite(total)
    vol = np.where(far, 1.0, total)
    gamma = greeks(chain.forward, strike, 1.0, chain.discount, vol, is_call).gamma
    found = gamma_exposure(strike, np.where(far, 0.0, gamma), contracts, is_call)
    return {"strike": found.strike, "gex": found.gex, "gex_net": found.gex_net}


def _fit_by_seed(chain: _Chain, fit: dict[str, object]) -> dict[str, Array] | None:
    """The seed's density as columns, and its own diagnostics; None with the status set."""
    found = seed_density(chain.quotes, chain.forward, chain.tau)
    fit["status"] = found.status
    if found.status != "ok":
        return None
    used, log_strike = chain.quotes, np.log(found.strike / chain.forward)
    at_quotes = np.interp(used.log_moneyness, log_strike, found.implied_vol)
    gap = used.total_vol / np.sqrt(chain.tau) - at_quotes
    fit.update(
        update_kind="seed",
        n_outliers=0,
        iv_rmse=float(np.sqrt(np.mean(gap**2))),
        mean_error_bp=(found.mean / chain.forward - 1.0) * 1e4,
    )
    for name in ("raw_mass", "negative_mass", "mean", "sd", "skew", "kurtosis"):
        fit[name] = getattr(found, name)
    unknown = np.full(found.strike.size, np.nan)
    return {
        "strike": found.strike,
        "log_moneyness": log_strike,
        "implied_vol": found.implied_vol,
        "implied_vol_sd": unknown,
        "density": found.density,
        "density_sd": unknown,
        "cdf": found.cdf,
        "cdf_sd": unknown,
    }
