"""A site's catalogue over the broker: taken whole, or refused with every bad row; what is unknown stays unknown."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agent.messages import decode, topics
from agent.messages.catalogue import Catalogue
from agent.station.events import CatalogueCame, Delivery, Event, MessageIgnored, MessageRefused

UNITS = {"length": "mm", "weight": "g", "money": "cents"}
CARTON = {"id": "S", "inner": [200, 150, 100], "outer": [208, 158, 110], "tare": 120, "max_weight": 9_000, "cost": 40}


def came(body: Any, *, site: str = "ams1", retained: bool = True) -> Event:  # noqa: ANN401 (any JSON)
    payload = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return decode(topics.site(site, "catalogue"), payload, station="st-1", site="ams1", retained=retained,
                  delivery=Delivery(1, 1), at_ms=5)


def refused(body: Any) -> tuple[str, str]:  # noqa: ANN401 (any JSON)
    event = came(body)
    assert isinstance(event, MessageRefused)
    return event.code, event.detail


@pytest.mark.parametrize("retained", [True, False])
def test_cartons_and_skus_are_taken_retained_or_not(*, retained: bool) -> None:
    event = came({"units": UNITS, "cartons": [CARTON], "skus": [{"sku": "TEA", "weight": 128, "dims": None}]},
                 retained=retained)
    assert isinstance(event, CatalogueCame)
    read = Catalogue().with_rows(event.rows)
    assert read.cartons["S"].inner_mm == (200, 150, 100)
    assert (read.skus["TEA"].weight_g, read.skus["TEA"].dims_mm) == (128, None)


def test_each_column_may_name_its_unit_and_sizes_are_rounded_to_the_safe_side() -> None:
    event = came({"cartons": [{"id": "S", "inner_cm": [20.09, 15, 10], "outer_cm": [20.81, 15.8, 11], "tare_kg": 0.12,
                               "max_weight_kg": 9, "cost_eur": "0.40"}]})
    assert isinstance(event, CatalogueCame)
    carton = Catalogue().with_rows(event.rows).cartons["S"]
    assert (carton.inner_mm, carton.outer_mm) == ((200, 150, 100), (209, 158, 110))
    assert (carton.tare_g, carton.max_gross_g, carton.cost_cents) == (120, 9000, 40)


def test_a_number_without_a_unit_or_in_two_refuses_the_message_and_every_bad_row_is_named() -> None:
    code, detail = refused({"skus": [{"sku": "A", "weight": 128}, {"sku": "B", "weight_g": 5},
                                     {"sku": "C", "weight_g": 1, "weight_kg": 1}, {"sku": "D", "weight_g": 0}]})
    assert code == "unit.missing"
    assert [word in detail for word in ("Row 1:", "Row 2:", "Row 3:", "Row 4:")] == [True, False, True, True]
    assert ("unit.mixed" in detail, "unit.number" in detail) == (True, True)


@pytest.mark.parametrize(("body", "code"), [
    (b"{", "message.not-json"),
    ([], "field.type"),
    ({}, "file.shape"),
    ({"units": {"length": "furlong"}}, "field.range"),
    ({"units": UNITS, "cartons": [{**CARTON, "outer": [1, 1, 1]}]}, "carton.outer-smaller"),
    ({"units": UNITS, "cartons": [CARTON, CARTON]}, "row.duplicate"),
    ({"units": UNITS, "cartons": [{**CARTON, "inner": [0, 150, 100]}]}, "unit.number"),
    ({"units": UNITS, "cartons": [{**CARTON, "inner": [1e300, 150, 100]}]}, "unit.number"),
    ({"units": UNITS, "cartons": [{**CARTON, "tare": None}]}, "carton.weight-unknown"),
    ({"units": UNITS, "skus": [{"sku": "A", "size_from": "guess"}]}, "row.size-from"),
])
def test_what_can_not_be_used_is_refused_with_a_code(body: object, code: str) -> None:
    assert refused(body)[0] == code


def test_many_bad_rows_are_counted() -> None:
    _, detail = refused({"skus": [{"sku": f"S{number}", "weight": 1} for number in range(30)]})
    assert detail.endswith("And 22 rows more.")


def test_another_sites_catalogue_and_an_emptied_topic_change_nothing() -> None:
    assert isinstance(came({"units": UNITS, "cartons": [CARTON]}, site="lhr2"), MessageRefused)
    assert isinstance(came(b""), MessageIgnored)


def test_what_is_not_named_stays_and_a_row_that_can_not_be_read_counts_as_not_there() -> None:
    body = b'{"sku":"A","barcodes":[],"dims_mm":null,"weight_g":5,"upright":false,"max_load_g":null}'
    first = Catalogue().with_rows([("sku:A", body), ("carton:X", b"nonsense"), ("other:Y", b"{}")])
    assert (list(first.skus), first.cartons) == (["A"], {})
    assert list(first.with_rows([]).skus) == ["A"]
