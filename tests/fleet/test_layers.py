"""What a push may say: every bad layer is refused with a stable code for each key, every good one is merged."""

from __future__ import annotations

import base64
import json
import statistics
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from agent.fleet.layers import (
    Candidate,
    Layer,
    check_order,
    document,
    effective,
    fingerprint,
    forbidden,
    merge,
    origin,
    read_layer,
    scopes,
    takes_part,
)
from agent.fleet.signing import make_key, sign, strict_json, trusted_keys, verified
from firmware_config.settings import ConfigError
from tests.builders import settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY, PUBLIC = make_key()
OTHER_KEY, OTHER_PUBLIC = make_key()
NOW_S = 1_800_000_000
SITE = "site/ams1"


def body(stable: dict[str, Any] | None = None, **more: object) -> dict[str, Any]:
    """Return a good body for the site, with changes."""
    return {"scope": SITE, "rev": 7, "exp": NOW_S + 60, "stable": stable or {}, **more}


def wrapped(content: object, key: bytes = KEY, kid: str = "cfg-1") -> bytes:
    """Return a body (or the text of one), signed."""
    return sign(content if isinstance(content, bytes) else json.dumps(content).encode(), kid, key)


def take(wrapper: bytes, wall_s: int | None = NOW_S, **more: object) -> Layer:
    """Read a wrapper as a station of the site does, and merge it."""
    here: dict[str, Any] = {"scope": SITE, "station": "st-1", "keys": {"cfg-1": PUBLIC}, "agent": "1.4.2", **more}
    layer = read_layer(wrapper, wall_s=wall_s, **here)
    effective(settings(), [layer.patch])
    return layer


def refused(wrapper: bytes, **more: object) -> set[tuple[str, str]]:
    """Return (key, code) of each problem of a layer that is refused; each has a sentence."""
    with pytest.raises(ConfigError) as caught:
        take(wrapper, NOW_S, **more)
    assert all(len(one.text) > 10 for one in caught.value.problems)
    return {(one.key, one.code) for one in caught.value.problems}


def tampered() -> bytes:
    outer = json.loads(wrapped(body({"printer": {"media": "62"}})))
    outer["p"] = base64.b64encode(base64.b64decode(outer["p"]).replace(b'"62"', b'"29"')).decode()
    return json.dumps(outer).encode()


def with_parts(**parts: object) -> bytes:
    return json.dumps({**json.loads(wrapped(body())), **parts}).encode()


LONG = "9" * 5_000
DEEP = b"[" * 50_000 + b"]" * 50_000
BAD_WRAPPERS = {
    "huge": (b'{"kid":"' + b"x" * 70_000 + b'"}', "file", "config.too-large"),
    "no JSON": (b"media = 62", "file", "config.not-json"),
    "not UTF-8": (b'{"kid":"\xff"}', "file", "config.not-json"),
    "a list": (b"[]", "file", "config.not-json"),
    "nested without end": (b'{"kid":' + DEEP[:30_000] + b"}", "file", "config.too-deep"),
    "no signature": (json.dumps(body()).encode(), "file", "config.wrapper"),
    "a number for a signature": (with_parts(sig=5), "file", "config.wrapper"),
    "one part too many": (with_parts(more="x"), "file", "config.wrapper"),
    "kid twice": (b'{"kid":"cfg-1","kid":"cfg-2","p":"","sig":""}', "kid", "config.duplicate-key"),
    "unknown key id": (wrapped(body(), kid="cfg-9"), "kid", "config.unknown-key-id"),
    "key id of a path": (with_parts(kid="../cfg-1"), "kid", "config.unknown-key-id"),
    "no base64": (with_parts(p="*"), "p", "config.wrapper"),
    "base64 of another alphabet": (with_parts(sig="é"), "p", "config.wrapper"),
    "tampered": (tampered(), "sig", "config.signature"),
    "signed by a stranger under our name": (wrapped(body(), key=OTHER_KEY), "sig", "config.signature"),
    "signature cut": (with_parts(sig="AAAA"), "sig", "config.signature"),
    "empty signature": (with_parts(sig=""), "sig", "config.signature"),
}
BAD_BODIES: dict[str, tuple[object, str, str]] = {
    "signed nonsense": (b"\x00\x01", "file", "config.not-json"),
    "signed list": ([], "file", "config.not-json"),
    "NaN": (b'{"rev": NaN}', "file", "config.not-json"),
    "a number of 5000 digits": (f'{{"rev": {LONG}}}'.encode(), "file", "config.not-json"),
    "a key twice": (b'{"scope":"fleet","scope":"site/ams1"}', "scope", "config.duplicate-key"),
    "a setting twice": (json.dumps(body()).replace("{}", '{"keep":1,"keep":2}').encode(), "keep",
                        "config.duplicate-key"),
    "no revision": ({key: value for key, value in body().items() if key != "rev"}, "rev", "config.missing-key"),
    "revision as text": (body(rev="7"), "rev", "config.value"),
    "revision true": (body(rev=True), "rev", "config.value"),
    "revision 0": (body(rev=0), "rev", "config.value"),
    "revision over 2^53": (body(rev=2**60), "rev", "config.value"),
    "unknown field": (body(revision=8), "revision", "config.unknown-key"),
    "stable is a list": (body() | {"stable": []}, "stable", "config.value"),
    "other site": (body(scope="site/ams2"), "scope", "config.other-scope"),
    "fleet's own, replayed to the site": (body(scope="fleet"), "scope", "config.other-scope"),
    "expired": (body(exp=NOW_S - 1), "exp", "config.expired"),
    "for a newer agent": (body(min_agent="1.5"), "min_agent", "config.agent-too-old"),
    "agent version is words": (body(min_agent="newest"), "min_agent", "config.value"),
    "candidate of 101 percent": (body(candidate={"rev": 8, "body": {}, "percent": 101}), "candidate.percent",
                                 "config.value"),
    "candidate without body": (body(candidate={"rev": 8}), "candidate.body", "config.missing-key"),
    "candidate changes the broker": (body(candidate={"rev": 8, "body": {"broker": {"url": "mqtt://evil"}}}),
                                     "candidate.body.broker.url", "config.protected"),
}
BAD_SETTINGS: dict[str, tuple[dict[str, Any], str, str]] = {
    "broker address": ({"broker": {"url": "mqtts://evil.example"}}, "stable.broker.url", "config.protected"),
    "broker taken away": ({"broker": None}, "stable.broker", "config.protected"),
    "keepalive": ({"broker": {"keepalive_s": 5}}, "stable.broker.keepalive_s", "config.protected"),
    "own powers": ({"fleet": {"keys": "/srv"}}, "stable.fleet.keys", "config.protected"),
    "station's id": ({"station": {"id": "st-2"}}, "stable.station.id", "config.protected"),
    "station's site": ({"station": {"site": "x"}}, "stable.station.site", "config.protected"),
    "station taken away": ({"station": None}, "stable.station", "config.protected"),
    "where calibrations lie": ({"directory": "/srv"}, "stable.directory", "config.protected"),
    "local socket": ({"socket": "/srv/x"}, "stable.socket", "config.protected"),
    "simulated bench": ({"bench": "/srv"}, "stable.bench", "config.protected"),
    "shell in a path": ({"printer": {"path": "/dev/x; reboot"}}, "stable.printer.path", "config.text"),
    "path outside of /dev": ({"printer": {"path": "/etc/passwd"}}, "stable.printer.path", "config.path"),
    "path in a list": ({"camera": [{"driver": "v4l2", "path": "/var/x"}]}, "stable.camera[0].path", "config.path"),
    "path climbs": ({"printer": {"path": "/dev/../etc/shadow"}}, "stable.printer.path", "config.path"),
    "pages into any folder": ({"printer": {"driver": "png"}}, "stable.printer.driver", "config.driver"),
    "line end in a text": ({"printer": {"host": "a\nb"}}, "stable.printer.host", "config.text"),
    "half a character": ({"printer": {"host": "\ud800"}}, "file", "config.text"),
    "NUL": ({"printer": {"host": "\0"}}, "stable.printer.host", "config.text"),
    "nested deeply": ({"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}}, "stable.a.b.c.d.e.f", "config.too-deep"),
    "600 keys": ({f"k{n}": 1 for n in range(600)}, "stable", "config.too-many-keys"),
    "number over 2^53": ({"printer": {"port": 2**63}}, "stable.printer.port", "config.value"),
    "typo": ({"printer": {"medya": "62"}}, "printer.medya", "config.unknown-key"),
    "unknown section": ({"prinetr": {}}, "prinetr", "config.unknown-key"),
    "out of range": ({"camera": {"rate_hz": 500}}, "camera.rate_hz", "config.value"),
    "text for a number": ({"printer": {"port": "9100"}}, "printer.port", "config.value"),
    "number for a table": ({"printer": 5}, "printer", "config.type"),
    "unknown driver": ({"scale": {"driver": "guess"}}, "scale.driver", "config.value"),
    "driver taken away": ({"scale": {"driver": None}}, "scale.driver", "config.missing-key"),
    "tcp without host": ({"printer": {"driver": "tcp"}}, "printer.host", "config.missing-key"),
    "division of nothing": ({"scale": {"division_g": 0.0}}, "scale.division_g", "config.value"),
}


@pytest.mark.parametrize("kind", BAD_WRAPPERS)
def test_a_bad_wrapper_is_refused_with_its_code(kind: str) -> None:
    wrapper, key, code = BAD_WRAPPERS[kind]
    assert (key, code) in refused(wrapper)


@pytest.mark.parametrize("kind", BAD_BODIES)
def test_a_bad_body_is_refused_with_its_code(kind: str) -> None:
    content, key, code = BAD_BODIES[kind]
    assert (key, code) in refused(wrapped(content))


@pytest.mark.parametrize("kind", BAD_SETTINGS)
def test_a_bad_setting_is_refused_with_its_code(kind: str) -> None:
    stable, key, code = BAD_SETTINGS[kind]
    assert (key, code) in refused(wrapped(body(stable)))


def test_each_of_several_problems_is_told() -> None:
    content = body({"broker": {"url": "x"}, "printer": {"path": "/etc"}}, exp=1, scope="fleet")
    assert {code for _, code in refused(wrapped(content))} == {
        "config.protected", "config.path", "config.expired", "config.other-scope"}


def test_a_station_without_keys_takes_nothing() -> None:
    assert refused(wrapped(body()), keys={}) == {("kid", "config.no-keys")}


def test_an_expired_layer_is_taken_while_the_clock_is_not_trusted() -> None:
    assert take(wrapped(body(exp=1)), wall_s=None).rev == 7


def test_keys_rotate_by_files_and_a_file_that_is_gone_is_a_key_revoked(tmp_path: Path) -> None:
    (tmp_path / "cfg-1.pub").write_bytes(PUBLIC)
    (tmp_path / "cfg-2.pub").write_bytes(OTHER_PUBLIC)
    (tmp_path / "cfg-3.pub").write_text("no key at all")
    for kid, key in (("cfg-1", KEY), ("cfg-2", OTHER_KEY)):
        assert take(wrapped(body(), key, kid), keys=trusted_keys(tmp_path)).rev == 7
    assert refused(wrapped(body(), KEY, "cfg-3"), keys=trusted_keys(tmp_path)) == {("sig", "config.signature")}
    (tmp_path / "cfg-1.pub").unlink()
    assert refused(wrapped(body()), keys=trusted_keys(tmp_path)) == {("kid", "config.unknown-key-id")}
    assert trusted_keys(tmp_path / "nowhere") == {}


def test_a_signature_for_another_purpose_means_nothing_here() -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key: Any = load_pem_private_key(KEY, None)
    content = json.dumps(body()).encode()
    parts = {"p": base64.b64encode(content).decode(), "sig": base64.b64encode(key.sign(content)).decode()}
    assert refused(with_parts(**parts)) == {("sig", "config.signature")}


def test_revisions_only_count_up() -> None:
    seven = take(wrapped(body()))
    assert check_order(seven, None, 0)
    assert not check_order(seven, seven, 7)
    for kept, newest, code in ((seven, 8, "config.older"), (None, 8, "config.older"), (None, 7, "config.rev-conflict"),
                               (replace(seven, sha256="0"), 7, "config.rev-conflict")):
        with pytest.raises(ConfigError) as caught:
            check_order(seven if newest == 7 else replace(seven, sha256="1"), kept, newest)
        assert caught.value.problems[0].code == code


def test_station_beats_site_and_site_beats_fleet_and_null_takes_a_key_away() -> None:
    patches: list[dict[str, Any]] = [
        {"printer": {"media": "29", "port": 1}, "station": {"proof": "off"}},
        {"printer": {"media": "62x100"}, "station": {"proof": None}}, {"printer": {"port": 2}}]
    whole = effective(settings(), patches)
    assert (whole.printer[0].media, whole.printer[0].port, whole.station.proof) == ("62x100", 2, "required")
    layers = {scope: Layer(scope=scope, rev=1, sha256="", patch=patch)
              for scope, patch in zip(scopes("st-1", "ams1"), patches, strict=True)}
    order = scopes("st-1", "ams1")
    assert [origin(key, layers, order) for key in ("printer.media", "printer[0].port", "station.proof", "keep")] == [
        "site/ams1", "station/st-1", "site/ams1", ""]


def test_no_layer_and_empty_layers_leave_the_stations_own_file_as_it_is() -> None:
    local = settings(pool_jobs=3)
    assert effective(local, []) is local
    assert effective(local, [{}, {}]) is local
    assert effective(local, [{"keep": {"ended_days": 90}}]) == local
    assert fingerprint([]) == fingerprint([{}]) == ""
    assert document(local)["printer"]["driver"] == "bench"


# RFC 7396, appendix A.
@pytest.mark.parametrize(("target", "patch", "result"), [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}), ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}), ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}), ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}), ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}), (["a", "b"], ["c", "d"], ["c", "d"]), ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None), ({"a": "foo"}, "bar", "bar"), ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}), ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
])
def test_merging_is_what_the_rfc_says(target: object, patch: object, result: object) -> None:
    assert merge(target, patch) == result


def test_a_candidate_runs_on_its_share_and_on_those_listed_and_more_percent_only_adds() -> None:
    names = [f"st-{n}" for n in range(2_000)]
    shares = [{name for name in names if takes_part(Candidate(rev=2, body={}, percent=percent, salt="2a"), name)}
              for percent in (0, 10, 50, 100)]
    assert shares[0] == set()
    assert shares[0] < shares[1] < shares[2] < shares[3] == set(names)
    assert 140 < len(shares[1]) < 260
    pinned = body({"printer": {"media": "62"}}, candidate={"rev": 8, "body": {"printer": {"media": "29"}},
                                                          "stations": ["st-1"]})
    assert take(wrapped(pinned)).candidate == 8
    assert take(wrapped(pinned)).patch == {"printer": {"media": "29"}}
    assert take(wrapped(pinned), station="st-2").patch == {"printer": {"media": "62"}}


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_and_never_crash(payload: bytes) -> None:
    with pytest.raises(ConfigError):
        take(payload)


VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8),
                      lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
                          st.sampled_from(["station", "broker", "printer", "id", "url", "path", "media", "x"]), inner,
                          max_size=4), max_leaves=12)


@given(st.dictionaries(st.sampled_from(["station", "broker", "printer", "camera", "keep", "fleet", "bench"]), VALUES))
def test_no_patch_that_is_allowed_changes_what_is_protected(patch: dict[str, Any]) -> None:
    local = settings()
    if forbidden(patch, "stable"):
        return
    try:
        whole = effective(local, [patch])
    except ConfigError:
        return
    assert (whole.broker, whole.fleet, whole.bench, whole.directory, whole.socket) == (
        local.broker, local.fleet, local.bench, local.directory, local.socket)
    assert (whole.station.id, whole.station.site) == (local.station.id, local.station.site)


def test_verifying_merging_and_validating_a_push_costs_less_than_twenty_verifications() -> None:
    """The bound on time is a ratio to the signature alone, so that it means the same on any machine."""
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    wrapper = wrapped(body({"printer": {"media": "62x100"}, "station": {"proof": "off"}}))
    outer = json.loads(wrapper)
    signed, signature = base64.b64decode(outer["p"]), base64.b64decode(outer["sig"])
    key: Any = load_pem_public_key(PUBLIC)
    assert strict_json(verified(wrapper, {"cfg-1": PUBLIC}, SITE), SITE)["rev"] == 7

    def median_s(once: Callable[[], object]) -> float:
        spans = []
        for _ in range(60):
            began_s = time.process_time()
            once()
            spans.append(time.process_time() - began_s)
        return statistics.median(spans)

    assert median_s(lambda: take(wrapper)) < 20 * median_s(lambda: key.verify(signature, b"pack-cfg-v1\0" + signed))
