"""Commands: an allow-list with words, an end, one answer for each correlation id, and answers to one topic alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.fleet import commands
from agent.fleet.commands import KEPT, Answer, Done, cut_short, known, read_request, refusal, remembered
from firmware_config.settings import ConfigError, Problem

NOW_S = 1_800_000_000
TOPIC = "pack/v1/st/st-1/cmd/identify/rsp"


def asked(**words: object) -> bytes:
    return json.dumps({"cid": "c-1", "exp": NOW_S + 30, **words}).encode()


def read(payload: bytes, name: str = "identify", **more: Any) -> commands.Request:  # noqa: ANN401 (of read_request)
    here: dict[str, Any] = {"retained": False, "reply": "", "topic": TOPIC, "wall_s": NOW_S, **more}
    return read_request(name, payload, **here)


def test_a_command_is_read_with_its_words() -> None:
    assert read(asked(seconds=60)) == commands.Identify(cid="c-1", exp=NOW_S + 30, seconds=60)
    assert read(asked(parcel="J-1/1"), "reprint") == commands.Reprint(cid="c-1", exp=NOW_S + 30, parcel="J-1/1")
    assert read(asked(), reply=TOPIC).cid == "c-1"


@pytest.mark.parametrize(("name", "payload", "more", "key", "code"), [
    ("identify", asked(), {"retained": True}, "retain", "command.retained"),
    ("shell", asked(command="reboot"), {}, "name", "command.unknown"),
    ("identify", asked(), {"reply": "pack/v1/st/st-2/job/assign"}, "reply", "command.reply-elsewhere"),
    ("identify", asked(), {"reply": TOPIC + "/x"}, "reply", "command.reply-elsewhere"),
    ("identify", asked(exp=NOW_S - 1), {}, "exp", "command.expired"),
    ("identify", asked(exp=NOW_S + 10**6), {}, "exp", "command.too-long"),
    ("identify", asked(exp="soon"), {}, "exp", "config.value"),
    ("identify", b'{"cid":"c-1"}', {}, "exp", "config.missing-key"),
    ("identify", asked(cid=""), {}, "cid", "config.value"),
    ("identify", asked(cid="a/b#"), {}, "cid", "config.value"),
    ("identify", asked(seconds=1_000_000), {}, "seconds", "config.value"),
    ("identify", asked(secnods=5), {}, "secnods", "config.unknown-key"),
    ("identify", b"not json", {}, "file", "config.not-json"),
    ("identify", b'{"cid":"a","cid":"b"}', {}, "cid", "config.duplicate-key"),
    ("identify", b'{"a":' + b"[" * 30_000, {}, "file", "config.too-deep"),
    ("reprint", asked(parcel="; rm -rf /"), {}, "parcel", "config.value"),
    ("print-test", asked(role="other"), {}, "role", "config.value"),
    ("upgrade", asked(release="../evil.tar"), {}, "release", "config.value"),
    ("upgrade", asked(release="https://evil/x.tar"), {}, "release", "config.value"),
    ("drain", asked(on="yes"), {}, "on", "config.value"),
])
def test_a_bad_command_is_refused_with_its_code(
    name: str, payload: bytes, more: dict[str, Any], key: str, code: str,
) -> None:
    with pytest.raises(ConfigError) as caught:
        read(payload, name, **more)
    assert (key, code) in [(one.key, one.code) for one in caught.value.problems]
    answer = refusal(name, payload, caught.value)
    assert answer.state == "refused"
    assert answer.text


def test_without_a_trusted_clock_the_correlation_id_alone_guards_against_replays() -> None:
    assert read(asked(exp=1), wall_s=None).cid == "c-1"


def test_the_same_request_gets_the_same_answer_and_another_with_its_id_is_refused() -> None:
    answer = Answer("c-1", "identify", "taken", "command.taken", "it is being done.")
    done = remembered((), answer, asked())
    finished = Answer("c-1", "identify", "done", "command.identifying", "the lamps blink.")
    done = remembered(done, finished)
    assert known(done, "c-1", asked()) == finished
    assert known(done, "c-2", asked()) is None
    with pytest.raises(ConfigError) as caught:
        known(done, "c-1", asked(seconds=5))
    assert caught.value.problems[0].code == "command.cid-twice"


def test_what_was_cut_short_is_said_so_and_not_done_again() -> None:
    taken = Answer("c-1", "print-test", "taken", "command.taken", "it is being done.")
    finished = Answer("c-2", "status", "done", "command.status", "see `found`.")
    after = cut_short((Done("a", taken), Done("b", finished)))
    assert (after[0].answer.state, after[0].answer.code) == ("failed", "command.cut-short")
    assert after[1].answer == finished


def test_the_memory_is_bounded() -> None:
    done: tuple[Done, ...] = ()
    for number in range(KEPT + 10):
        done = remembered(done, Answer(f"c-{number}", "status", "done", "command.status", "."), b"x")
    assert (len(done), done[0].answer.cid) == (KEPT, "c-10")


def test_a_refusal_names_the_correlation_id_where_it_can_be_read() -> None:
    error = ConfigError("identify", [Problem("exp", "command.expired", "it expired.")])
    answers = [refusal("identify", payload, error) for payload in (asked(), b"nonsense", b'{"cid": 5}')]
    assert [answer.cid for answer in answers] == ["c-1", "", ""]
