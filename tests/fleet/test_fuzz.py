"""The short version of tests/campaigns/fuzz_fleet.py."""

from __future__ import annotations

from tests.campaigns.fuzz_fleet import campaign


def test_ten_thousand_odd_payloads_are_taken_or_refused_and_touch_nothing_protected() -> None:
    found = campaign(range(10_000))
    assert sum(found.values()) == 10_000
    assert found["taken"] > 500
    assert len(found) > 15
