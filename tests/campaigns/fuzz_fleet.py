"""Fuzz of configuration and commands: `python -m tests.campaigns.fuzz_fleet [--seeds N] [--first S]`.

Each seed is one payload, made of a good one by damage of bytes, of base64, of JSON, or of values, signed anew or not.
It must be taken or refused with a stable code and a sentence; what is taken never touches what is protected.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import re
import time
from collections import Counter
from typing import Any

from agent.fleet.commands import NAMES, Request, read_request, refusal
from agent.fleet.layers import effective, read_layer
from agent.fleet.signing import make_key, sign
from firmware_config.settings import ConfigError, Settings
from tests.builders import settings

KEY, PUBLIC = make_key()
NOW_S = 1_800_000_000
CODE = re.compile(r"(config|command)\.[a-z-]+\Z")
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 2**53, 2**80, 0.1, 1e308, "", "x" * 300, "\0", "\ud800", "💥", "; reboot", "$(id)", "../..",
    "/dev/null", "/etc/shadow", "png", "tcp", [], [[]], {}, {"a": {}}, [1, "2", None],
)
KEYS = ("station", "broker", "printer", "camera", "scale", "scanner", "signals", "keep", "fleet", "directory", "bench",
        "socket", "id", "site", "url", "path", "driver", "host", "port", "media", "role", "keys", "proof", "", "💥")


def value(chance: random.Random, depth: int = 0) -> Any:  # noqa: ANN401 (any JSON value)
    """Return an odd JSON value."""
    kind = chance.random()
    if depth < 9 and kind < 0.35:
        return {chance.choice(KEYS): value(chance, depth + 1) for _ in range(chance.randrange(4))}
    if depth < 9 and kind < 0.45:
        return [value(chance, depth + 1) for _ in range(chance.randrange(3))]
    return chance.choice(ODD)


def damaged(chance: random.Random, payload: bytes) -> bytes:
    """Return a payload with some bytes changed, cut, doubled or put in."""
    body = bytearray(payload)
    for _ in range(chance.randrange(1, 4)):
        place = chance.randrange(len(body) + 1)
        match chance.randrange(4):
            case 0:
                body[place:place + 1] = bytes([chance.randrange(256)])
            case 1:
                del body[place:place + chance.randrange(1, 20)]
            case 2:
                body[place:place] = body[place:place + chance.randrange(1, 30)]
            case _:
                body[place:place] = chance.choice([b"[", b"{", b'"', b"\\", b"\xff", b"1e999", b"[" * 3_000, b"NaN"])
    return bytes(body)


def layer(chance: random.Random) -> bytes:
    """Return a push that is good, odd or damaged."""
    body: dict[str, Any] = {"scope": "site/ams1", "rev": 7, "exp": NOW_S + 60, "stable": {"printer": {"media": "62"}}}
    if chance.random() < 0.6:
        body["stable"] = {chance.choice(KEYS): value(chance) for _ in range(chance.randrange(1, 4))}
    if chance.random() < 0.3:
        body[chance.choice([*body, "candidate", "min_agent", "more"])] = value(chance)
    text = json.dumps(body).encode()
    if chance.random() < 0.3:
        text = damaged(chance, text)
    wrapper = sign(text, chance.choice(["cfg-1", "cfg-1", "cfg-1", "", "x"]), KEY)
    if chance.random() < 0.1:
        outer = json.loads(wrapper)
        outer[chance.choice(["p", "sig", "kid"])] = chance.choice([*ODD, base64.b64encode(b"x" * 64).decode()])
        wrapper = json.dumps(outer).encode()
    return damaged(chance, wrapper) if chance.random() < 0.2 else wrapper


def request(chance: random.Random) -> tuple[str, bytes]:
    """Return the name and payload of a command that is good, odd or damaged."""
    name = chance.choice([*NAMES, "shell", ""])
    words: dict[str, Any] = {"cid": "c-1", "exp": NOW_S + 30}
    for key in ("cid", "exp", "seconds", "role", "parcel", "on", "release", "command"):
        if chance.random() < 0.2:
            words[key] = value(chance)
    text = json.dumps(words).encode()
    return name, damaged(chance, text) if chance.random() < 0.4 else text


def one(seed: int, local: Settings) -> str:
    """Try one payload; return `taken` or the code of its refusal. Raises AssertionError for a broken promise."""
    chance = random.Random(seed)
    pushed = chance.random() < 0.7
    name, payload = ("", layer(chance)) if pushed else request(chance)
    try:
        if pushed:
            _push(payload, local, seed)
        else:
            assert isinstance(read_request(name, payload, retained=False, reply="", topic="t", wall_s=NOW_S), Request)
    except ConfigError as error:
        refused = error
    else:
        return "taken"
    assert refused.problems, seed
    assert all(CODE.match(each.code) and each.text for each in refused.problems), seed
    assert refusal(name, payload, refused).text, seed
    return refused.problems[0].code


def _push(payload: bytes, local: Settings, seed: int) -> None:
    read = read_layer(payload, scope="site/ams1", station="st-1", keys={"cfg-1": PUBLIC}, agent="1.0", wall_s=NOW_S)
    whole = effective(local, [read.patch])
    assert (whole.broker, whole.fleet) == (local.broker, local.fleet), seed
    assert (whole.directory, whole.socket, whole.bench) == (local.directory, local.socket, local.bench), seed
    assert (whole.station.id, whole.station.site) == (local.station.id, local.station.site), seed


def campaign(seeds: range) -> Counter[str]:
    """Return how often each outcome came."""
    local = settings()
    return Counter(one(seed, local) for seed in seeds)


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200_000)
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args()
    began_s = time.process_time()
    found = campaign(range(asked.first, asked.first + asked.seeds))
    for code, count in found.most_common():
        print(f"{count:8d}  {code}")
    print(f"{asked.seeds} payloads, no crash, nothing protected touched; {time.process_time() - began_s:.0f} s of CPU")


if __name__ == "__main__":
    main()
