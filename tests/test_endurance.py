"""A simulated half week, and the report of a long run; the whole ones: `campaigns/week.py`, `packbench endure`."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from agent.demo.endurance import COLUMNS
from agent.demo.endurance_report import curve, growths, page
from tests.campaigns.week import faults, live


def rows(count: int, leak_mb: float = 0.0) -> list[dict[str, str]]:
    """Return samples of a run whose agent was killed once at its beginning and may leak."""
    return [dict(zip(COLUMNS, (str(each) for each in (
        number * 5, number, "poison" if number % 3 == 0 else "", 1 if number < 5 else 2,
        100 + leak_mb * number + number % 2, 12, 20, 9, 92, 0, 0)), strict=True)) for number in range(count)]


def test_half_a_week_of_faults_loses_and_doubles_nothing_and_the_database_stays_as_large() -> None:
    oms, node, nights = live(80, 4, seed=2)
    assert faults(oms, node) == []
    assert node.store.boot > 3
    assert nights[3][4] < 1.1 * nights[2][4]


def test_a_leak_is_found_and_a_steady_life_is_held() -> None:
    assert all(each.held for each in growths(rows(200)))
    assert [each.name for each in growths(rows(200, leak_mb=0.05)) if not each.held] == ["memory of the agent, MB"]
    assert growths(rows(10)) == []


def test_the_page_shows_faults_lives_and_what_was_lost() -> None:
    text = page(rows(60), ["facts lost: 1", "  LOST <J-7>"], ["box 9, paper out: waited"])
    assert "LOST &lt;J-7&gt;" in text
    assert "20 poison" in text
    assert text.count("<svg") == 5
    drawn = ET.fromstring(curve(rows(60), "rss_mb"))  # noqa: S314 (our own text)
    lines = [each.get("stroke") for each in drawn.iter("line")]
    assert (lines.count("#ddd"), lines.count("#c33")) == (20, 1)
    assert len(re.findall(r"[\d.]+,[\d.]+", drawn.find("polyline").get("points"))) == 60  # type: ignore[union-attr, arg-type]  # it is there
