"""Sale conditions: the reference rows and the rules that follow from them."""

from offtape_assets.market.conditions import (
    QUOTE_CONDITIONS_WITHOUT_SIDES,
    SALE_CONDITIONS,
    SaleCondition,
)
from offtape_assets.tables import raw

BY_ID = {row.condition: row for row in SALE_CONDITIONS}


def test_fields_are_the_columns_of_the_table():
    assert SaleCondition._fields == tuple(c.name for c in raw.TRADE_CONDITIONS.columns)


def test_ids_are_distinct_and_ascending():
    ids = [row.condition for row in SALE_CONDITIONS]
    assert ids == sorted(set(ids))


def test_intermarket_sweep_is_fourteen_alone():
    assert [row.condition for row in SALE_CONDITIONS if row.is_iso] == [14]
    assert BY_ID[14].sip_code == "F"
    assert BY_ID[14].is_signable


def test_qualified_contingent_trade_counts_but_is_not_signed():
    assert (BY_ID[53].is_signable, BY_ID[53].counts_in_volume) == (False, True)


def test_what_is_no_trade_counts_nowhere_and_is_never_signed():
    outside = {row.condition for row in SALE_CONDITIONS if not row.counts_in_volume_extended}
    assert outside == {15, 16, 38, 40, *range(44, 52), 54}
    assert not any(BY_ID[number].is_signable for number in outside)
    assert not any(BY_ID[number].counts_in_volume for number in outside)


def test_extended_hours_prints_are_late_reports_in_regular_hours():
    late = {
        r.condition for r in SALE_CONDITIONS if r.counts_in_volume_extended > r.counts_in_volume
    }
    assert late == {12, 13}
    assert BY_ID[12].is_signable
    assert not BY_ID[13].is_signable


def test_ordinary_quotes_keep_their_sides():
    assert not QUOTE_CONDITIONS_WITHOUT_SIDES & {0, 1, 2, 3, 4, 5, 9, 13, 34, 35, 81}
