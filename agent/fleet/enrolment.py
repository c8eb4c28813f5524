"""How a new station comes to its certificate: invited with a one-time token, pending, then accepted by the admin.

A request (CSR) carries a proof: HMAC-SHA256 (RFC 2104) of its DER bytes under the token. The proof says that whoever
made this key was given the token; it is spent with the first request, and no key is signed before the admin accepts it.
In the authority's folder `invited/NAME` is a token that waits, `pending/NAME.csr` a request that was proven.
"""

from __future__ import annotations

import datetime as dt
import hmac
import json
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.fleet.identity import IdentityError, check_name, fingerprint, names_of

if TYPE_CHECKING:
    from pathlib import Path

DAYS_TOKEN = 7
PROOF = b"packbench-proof: "
LARGEST = 16_384


def proven(asked: bytes, token: str) -> bytes:
    """Return a request (PEM) with the proof for a token before it; PEM readers skip what is before its first line."""
    return PROOF + _proof(asked, token).encode() + b"\n" + asked


def _proof(asked: bytes, token: str) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    der = x509.load_pem_x509_csr(asked).public_bytes(Encoding.DER)
    return hmac.new(token.strip().lower().encode(), der, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A station that has no certificate yet: `pending` with the fingerprint of its key, or still only `invited`."""

    name: str
    state: str
    fingerprint: str = ""


class Enrolment:
    """The stations on their way, in the authority's folder."""

    def __init__(self, folder: Path) -> None:
        self._invited, self._pending = folder / "invited", folder / "pending"

    def invite(self, name: str, now: dt.datetime) -> str:
        """Return a new one-time token for a station; an earlier one is void. Raises IdentityError, OSError."""
        check_name(name, reserved=False)
        token = "-".join(secrets.token_hex(2) for _ in range(6))
        self._invited.mkdir(mode=0o700, parents=True, exist_ok=True)
        until = (now + dt.timedelta(days=DAYS_TOKEN)).isoformat()
        descriptor = os.open(self._invited / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump({"token": token, "until": until}, file)
        return token

    def receive(self, content: bytes, now: dt.datetime) -> Waiting:
        """Take a request that proves the token of its name; it is pending then, and the token spent.

        Raises IdentityError.
        """
        line, _, asked = content[:LARGEST].partition(b"\n")
        if not line.startswith(PROOF):
            raise IdentityError("identity.no-proof", "the request holds no proof of a token: make it with one.")
        name = names_of(asked)
        check_name(name, reserved=False)
        invited = self._invited / name
        try:
            invitation = json.loads(invited.read_text(encoding="ascii"))
        except FileNotFoundError:
            text = f"{name} was not invited, or its token is spent: packbench provision invite {name}"
            raise IdentityError("identity.not-invited", text) from None
        if now > dt.datetime.fromisoformat(invitation["until"]):
            raise IdentityError("identity.token-old", f"the token of {name} is too old: invite it again.")
        said = line.removeprefix(PROOF).strip().decode("ascii", "replace")
        if not hmac.compare_digest(said.encode(), _proof(asked, invitation["token"]).encode()):
            raise IdentityError("identity.token", f"the request was not made with the token of {name}.")
        self._pending.mkdir(parents=True, exist_ok=True)
        (self._pending / f"{name}.csr").write_bytes(asked)
        invited.unlink()
        return Waiting(name, "pending", fingerprint(asked))

    def waiting(self) -> list[Waiting]:
        """Return all that were invited or wait to be accepted, by name."""
        pending = [Waiting(path.stem, "pending", fingerprint(path.read_bytes()))
                   for path in self._pending.glob("*.csr")]
        invited = [Waiting(path.name, "invited") for path in self._invited.glob("*")]
        return sorted([*pending, *invited], key=lambda one: one.name)

    def pending(self, name: str) -> bytes:
        """Return the request of a station that waits to be accepted. Raises IdentityError."""
        check_name(name)
        try:
            return (self._pending / f"{name}.csr").read_bytes()
        except FileNotFoundError:
            raise IdentityError("identity.not-pending", f"no request of {name} is pending.") from None

    def settle(self, name: str) -> None:
        """Forget a request that was accepted or refused."""
        (self._pending / f"{name}.csr").unlink(missing_ok=True)
