"""What a contract pays, read from its short title or, where that says too little, its question."""

import re

_NUMBER = r"\$?(\d+(?:\.\d+)?)(k?)"
_RANGE = re.compile(rf"(?:between)?{_NUMBER}(?:-|and|to){_NUMBER}")
_ABOVE = re.compile(rf"(?:>=?|≥|above|over|greaterthan|morethan|higherthan|atleast){_NUMBER}")
_BELOW = re.compile(rf"(?:<=?|≤|below|under|lessthan|lowerthan){_NUMBER}")
_TOUCH = re.compile(r"↑|↓|\bhit\b|\breach\b|\bdip\b|\btouch\b", re.IGNORECASE)


def contract_terms(title: str, question: str) -> tuple[str, float | None, float | None]:
    """Kind and bounds in dollars: ('range', low, high), ('above', low, None), ('below', None, high).

    Thousands separators, `k`, dashes of any length and `<`, `>` are understood.

    Raises
    ------
    ValueError
        If the payoff is not one of the three; contracts on touching a price say so.
    """
    if _TOUCH.search(title) or _TOUCH.search(question):
        raise ValueError(f"{question!r} pays when a price is touched, not at settlement")
    return _terms(title, whole=True) or _terms(question, whole=False) or _unknown(title, question)


def _terms(text: str, whole: bool) -> tuple[str, float | None, float | None] | None:
    plain = re.sub(r"[\s,]", "", text.lower()).replace("–", "-").replace("—", "-")
    find = re.fullmatch if whole else re.search
    if match := find(_RANGE, plain):
        low, low_k, high, high_k = match.groups()
        thousands = high_k and not low_k and float(low) < 1000
        bounds = _dollars(low, low_k or ("k" if thousands else "")), _dollars(high, high_k)
        if bounds[0] >= bounds[1]:
            raise ValueError(f"{text!r} is an empty range")
        return "range", *bounds
    if match := find(_ABOVE, plain):
        return "above", _dollars(*match.groups()), None
    if match := find(_BELOW, plain):
        return "below", None, _dollars(*match.groups())
    return None


def _dollars(number: str, thousands: str) -> float:
    return float(number) * (1000.0 if thousands else 1.0)


def _unknown(title: str, question: str) -> tuple[str, float | None, float | None]:
    raise ValueError(f"neither {title!r} nor {question!r} names a range, above or below")
