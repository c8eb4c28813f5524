"""The bytes of SNMPv1 (RFC 1157) that a network label printer needs: GET of one object, and its answer.

A Brother QL never answers ESC i S on port 9100; it serves the same 32 bytes here.
"""

from __future__ import annotations

from dataclasses import dataclass

STATUS = "1.3.6.1.4.1.2435.3.3.9.1.6.1.0"  # the 32-byte status packet as an OCTET STRING
DEVICE_ID = "1.3.6.1.4.1.2435.2.3.9.1.1.7.0"  # MFG:Brother;...;MDL:QL-820NWB;...
PAGE_COUNT = "1.3.6.1.2.1.43.10.2.1.4.1.1"  # prtMarkerLifeCount (RFC 3805)

GET, RESPONSE = 0xA0, 0xA2
NO_SUCH_NAME = 2
_INTEGER, _OCTETS, _NULL, _OID, _SEQUENCE, _COUNTER = 0x02, 0x04, 0x05, 0x06, 0x30, 0x41


@dataclass(frozen=True, slots=True)
class Message:
    """One SNMPv1 message with one object: `value` is bytes, int or None."""

    kind: int
    request_id: int
    oid: str
    value: bytes | int | None = None
    error: int = 0
    community: str = "public"


def encode(message: Message) -> bytes:
    """Return the message's bytes (BER, definite lengths)."""
    value = _wrap(_NULL, b"")
    if isinstance(message.value, bytes):
        value = _wrap(_OCTETS, message.value)
    elif message.value is not None:
        value = _wrap(_COUNTER, _number(message.value))
    binding = _wrap(_SEQUENCE, _wrap(_OID, _oid(message.oid)) + value)
    numbers = (message.request_id, message.error, 1 if message.error else 0)
    pdu = b"".join(_wrap(_INTEGER, _number(number)) for number in numbers)
    body = _wrap(message.kind, pdu + _wrap(_SEQUENCE, binding))
    return _wrap(_SEQUENCE, _wrap(_INTEGER, b"\0") + _wrap(_OCTETS, message.community.encode()) + body)


def decode(packet: bytes) -> Message:
    """Return what a datagram says. Raises ValueError for anything that is not an SNMPv1 GET or response."""
    try:
        (whole,) = _parts(packet, 1)
        _, (_, community), (kind, pdu) = _parts(whole[1], 3)
        (_, request_id), (_, error), _, (_, bindings) = _parts(pdu, 4)
        (_, binding), *_ = _parts(bindings, 1)
        (oid_tag, oid), (tag, content) = _parts(binding, 2)
    except (ValueError, IndexError) as fault:
        raise ValueError(f"no SNMPv1 message: {packet[:16].hex(' ')}") from fault
    if oid_tag != _OID or kind not in (GET, RESPONSE):
        raise ValueError(f"no SNMPv1 GET or response: {packet[:16].hex(' ')}")
    value: bytes | int | None = None
    if tag == _OCTETS:
        value = content
    elif tag in (_INTEGER, _COUNTER, 0x42, 0x43):
        value = int.from_bytes(content, "big", signed=tag == _INTEGER)
    return Message(kind, int.from_bytes(request_id, "big", signed=True), _oid_text(oid), value,
                   int.from_bytes(error, "big"), community.decode("latin-1"))  # fmt: skip


def _wrap(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def _parts(content: bytes, least: int) -> list[tuple[int, bytes]]:
    """The tag-length-value parts of a constructed value; ValueError when fewer than `least` or cut short."""
    parts = []
    at = 0
    while at < len(content):
        tag, size = content[at], content[at + 1]
        at += 2
        if size & 0x80:
            octets = size & 0x7F
            size = int.from_bytes(content[at : at + octets], "big")
            at += octets
        if at + size > len(content):
            raise ValueError("cut short")
        parts.append((tag, content[at : at + size]))
        at += size
    if len(parts) < least:
        raise ValueError("too few parts")
    return parts


def _number(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def _oid(text: str) -> bytes:
    """BER of an object identifier: base 128, high bit on all bytes but the last (2435 is 93 03)."""
    first, second, *rest = (int(word) for word in text.split("."))
    out = bytearray()
    for number in (first * 40 + second, *rest):
        septets = [number & 0x7F]
        while number := number >> 7:
            septets.append(0x80 | number & 0x7F)
        out += bytes(reversed(septets))
    return bytes(out)


def _oid_text(content: bytes) -> str:
    numbers = [0]
    for octet in content:
        numbers[-1] = numbers[-1] << 7 | octet & 0x7F
        if not octet & 0x80:
            numbers.append(0)
    first, *rest = numbers[:-1]
    return ".".join(str(number) for number in (min(first // 40, 2), first - 40 * min(first // 40, 2), *rest))
