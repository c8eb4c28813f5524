"""A short run of the campaign in `tests/campaigns/fuzz_wire.py`."""

from __future__ import annotations

from tests.campaigns.fuzz_wire import FLAT_KB, run


def test_ten_thousand_bad_payloads_crash_nothing_and_none_stays_unacknowledged() -> None:
    result = run(10_000, seed=7)
    assert len(result["codes"]) > 15
    assert result["grown_kb"] < FLAT_KB
