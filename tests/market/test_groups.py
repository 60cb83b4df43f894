"""How groups are written and what is refused."""

import pytest

from offtape_assets.market.groups import DEFAULT_GROUPS, Group, Member, parse_groups
from offtape_assets.market.universe import NAMES
from offtape_assets.settings import Settings


def test_groups_are_read() -> None:
    text = "nasdaq=QQQ, TQQQ:3,SQQQ:-3;  chips = SMH,@SMH ;"
    assert parse_groups(text) == (
        Group("nasdaq", (Member("QQQ", 1.0), Member("TQQQ", 3.0), Member("SQQQ", -3.0))),
        Group("chips", (Member("SMH", 1.0), Member("@SMH", 1.0))),
    )
    assert parse_groups("") == ()


def test_the_default_groups_are_of_the_study() -> None:
    for group in parse_groups(DEFAULT_GROUPS):
        for member in group.members:
            assert (member.fund or member.ticker) in NAMES


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SPY,IVV", "not a group"),
        ("trackers=SPY", "two different"),
        ("trackers=SPY,SPY", "two different"),
        ("trackers=SPY,IVV:0", "not a member"),
        ("trackers=SPY,IVV:x", "not a member"),
        ("trackers=SPY,@", "not a member"),
        ("a=SPY,IVV; a=SPY,VOO", "name of its own"),
        ("A=SPY,IVV", "not a group"),
    ],
)
def test_wrong_groups_are_named(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_groups(text)
    with pytest.raises(ValueError, match=reason):
        Settings(leadership_groups=text)
