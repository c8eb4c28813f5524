"""Who may tell stations what to be: Ed25519 keys with ids, and the wrapper around signed bytes.

The wrapper is `{"kid": id, "p": base64, "sig": base64}`; the signature (RFC 8032) is over `pack-cfg-v1`, a NUL and the
exact bytes of `p`, so that no canonical JSON is needed and a signature made for another purpose means nothing here.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from firmware_config.settings import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PREFIX = b"pack-cfg-v1\0"
MAX_BYTES = 65_536
_HALF = re.compile("[\ud800-\udfff]")
_KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


class Signed(Struct, frozen=True):
    """A pushed layer: `p` is the base64 of the layer's bytes, `sig` that of the signature over them by key `kid`."""

    kid: str
    p: str
    sig: str


def trusted_keys(folder: Path) -> dict[str, bytes]:
    """Return the public keys (PEM) in `folder` by key id, the name of `ID.pub`; empty where there is no such folder.

    It is read for each push: a file put there is a key that holds, a file taken away is one that was revoked.
    """
    found = {}
    for path in sorted(folder.glob("*.pub")):
        try:
            found[path.stem] = path.read_bytes()
        except OSError:  # taken away while we looked
            continue
    return found


def make_key() -> tuple[bytes, bytes]:
    """Return a new private key and its public key, both PEM."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate()
    return (
        private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                              serialization.NoEncryption()),
        private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
    )


def sign(body: bytes, key_id: str, private_pem: bytes) -> bytes:
    """Return the wrapper of `body`. Raises ValueError for what is no unencrypted Ed25519 private key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(private_pem, password=None)
    except TypeError as error:
        raise ValueError("the private key is encrypted") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("it is not an Ed25519 key")  # noqa: TRY004 (the file's content is at fault, not a type)
    signature = key.sign(PREFIX + body)
    return json.dumps({"kid": key_id, "p": base64.b64encode(body).decode(),
                       "sig": base64.b64encode(signature).decode()}).encode()


def verified(wrapper: bytes, keys: Mapping[str, bytes], source: str) -> bytes:
    """Return the signed bytes inside `wrapper`. Raises ConfigError: too large, no wrapper, unknown key, signature."""
    def wrong(key: str, code: str, text: str) -> ConfigError:
        return ConfigError(source, [Problem(key, code, text)])

    if not keys:
        raise wrong("kid", "config.no-keys", "this station trusts no key; put one into the folder of [fleet] keys.")
    if len(wrapper) > MAX_BYTES:
        raise wrong("file", "config.too-large", f"{len(wrapper)} bytes; the limit is {MAX_BYTES}.")
    outer = strict_json(wrapper, source)
    if set(outer) != {"kid", "p", "sig"} or not all(isinstance(value, str) for value in outer.values()):
        text = 'a push is {"kid", "p", "sig"}, all text; make one: packbench config sign.'
        raise wrong("file", "config.wrapper", text)
    if not _KEY_ID.match(outer["kid"]) or outer["kid"] not in keys:
        text = f"no trusted key has this id; trusted are {', '.join(sorted(keys))}."
        raise wrong("kid", "config.unknown-key-id", text)
    try:
        body, signature = (base64.b64decode(outer[name], validate=True) for name in ("p", "sig"))
    except (binascii.Error, ValueError):  # ValueError: a character beyond ASCII
        raise wrong("p", "config.wrapper", "`p` and `sig` are base64.") from None
    if not _holds(keys[outer["kid"]], signature, body):
        raise wrong("sig", "config.signature", f"the signature is not that of key {outer['kid']} over these bytes.")
    return body


def strict_json(text: bytes, source: str) -> dict[str, Any]:
    """Return a JSON object. Raises ConfigError: no JSON, no object, a key twice, NaN, nested too deeply, not UTF-8."""
    def no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            problem = Problem(twice[:64], "config.duplicate-key", "this key stands twice; one would be lost.")
            raise ConfigError(source, [problem])
        return found

    def no_number(word: str) -> float:
        raise ValueError(f"{word} is no number")

    try:
        found = json.loads(text.decode(), object_pairs_hook=no_twins, parse_constant=no_number)
    except RecursionError:
        raise ConfigError(source, [Problem("file", "config.too-deep", "it is nested too deeply.")]) from None
    except ValueError as error:  # JSONDecodeError, UnicodeDecodeError, integers of thousands of digits
        text_ = f"it is no JSON: {str(error)[:120]}."
        raise ConfigError(source, [Problem("file", "config.not-json", text_)]) from None
    if not isinstance(found, dict):
        raise ConfigError(source, [Problem("file", "config.not-json", "it must be a JSON object.")])
    if b"\\" in text and _HALF.search(json.dumps(found, ensure_ascii=False)):
        raise ConfigError(source, [Problem("file", "config.text", "a text holds half a character (U+D800 to U+DFFF).")])
    return found


def _holds(public_pem: bytes, signature: bytes, body: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    key = _public_key(public_pem)
    if key is None:
        return False
    try:
        key.verify(signature, PREFIX + body)
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=16)
def _public_key(pem: bytes) -> Ed25519PublicKey | None:
    """Return the key in a PEM file, None when there is no Ed25519 public key in it."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, Ed25519PublicKey) else None
