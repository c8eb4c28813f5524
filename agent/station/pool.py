"""The site's pool of jobs, the serial numbers for SSCCs, and the comparison with the OMS.

A claim gives no right to a job: only an assign does, and the OMS assigns a job to one station. A block of serial
numbers belongs to one database; a new one never continues it, so no SSCC is ever used twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from agent.station.facts import BlockWanted, JobClaimed, MessageDead, StoreBegan
from agent.station.gs1 import check_digit
from agent.station.records import Synchronize
from agent.station.state import Block, Claim, sha256_hex

if TYPE_CHECKING:
    from agent.station.events import AgentStarted, BlockLeased, JobOffered, LinkChanged, OmsChanged, SyncAnswered
    from agent.station.state import Turn

CLAIM_WAIT_MS = 60_000
SYNC_EVERY_MS = 3_600_000
SYNC_AGAIN_MS = 30_000  # without an answer; doubled each time
OUTBOX_FULL = 50_000


def offered(turn: Turn, event: JobOffered) -> None:
    """Claim an offered job while we have less to do than the settings want."""
    claims = tuple(claim for claim in turn.state.claims if claim.until_ms > turn.state.now_ms)
    turn.state = replace(turn.state, claims=claims)
    room = turn.config.station.pool_jobs - event.open_jobs - len(claims)
    if event.known is None and room > 0 and not is_full(turn) and all(claim.job != event.job for claim in claims):
        claim = Claim(event.job, turn.state.now_ms + CLAIM_WAIT_MS)
        turn.state = replace(turn.state, claims=(*claims, claim))
        turn.tell(JobClaimed(job=event.job, rev=event.rev, station=turn.config.station.id))


def settled(turn: Turn, job: str) -> None:
    """A job came or was taken back: it is not waited for any more."""
    turn.state = replace(turn.state, claims=tuple(claim for claim in turn.state.claims if claim.job != job))


def is_full(turn: Turn) -> bool:
    """True when so many facts wait for the OMS that taking more work would be a promise that we can't keep."""
    return turn.state.waiting >= OUTBOX_FULL


def began(turn: Turn, event: AgentStarted) -> None:
    """A new life: nothing is awaited. A first life is told, so that blocks of an older database are burnt."""
    turn.state = replace(turn.state, claims=(), waiting=0, oms="", session_answered=0, next_sync_ms=0,
                         sync_wait_ms=0)
    if event.boot == 1:
        turn.tell(StoreBegan(store=event.store_id, station=turn.config.station.id))
    _want_block(turn)


def leased(turn: Turn, event: BlockLeased) -> None:
    """Take a block of serial numbers once, and only if it was leased to this very database."""
    if event.store != turn.state.store_id:
        turn.tell(MessageDead(topic="job/sscc", sha256=sha256_hex(event.block.encode()), bytes=event.count,
                              code="sscc.other-store", detail=f"block {event.block} was leased to store {event.store}"))
    elif event.block not in turn.state.leased:
        block = Block(int(event.first), event.count)
        turn.state = replace(turn.state, blocks=(*turn.state.blocks, block), leased=(*turn.state.leased, event.block))


def next_sscc(turn: Turn) -> str:
    """Return the next SSCC of our blocks (General Specifications, 3.3.1: 17 digits and a check digit), or nothing."""
    if not turn.state.blocks:
        return ""
    first, *rest = turn.state.blocks
    used = [] if first.left == 1 else [Block(first.next + 1, first.left - 1)]
    turn.state = replace(turn.state, blocks=(*used, *rest))
    _want_block(turn)
    digits = f"{first.next:017d}"
    return f"{digits}{check_digit(digits)}"


def _want_block(turn: Turn) -> None:
    left = sum(block.left for block in turn.state.blocks)
    if turn.config.station.sscc_low > left:
        turn.tell(BlockWanted(store=turn.state.store_id, left=left, leased=len(turn.state.leased)))


def link_changed(turn: Turn, event: LinkChanged) -> None:
    """Compare with the OMS on every new connection: any broker may have dropped what waited for us."""
    turn.state = replace(turn.state, link_up=event.up, sync_wait_ms=SYNC_AGAIN_MS)
    if event.up:
        _compare(turn)


def time_passed(turn: Turn) -> None:
    """Compare with the OMS every hour, too, and again when it did not answer."""
    if turn.state.link_up and turn.state.now_ms >= turn.state.next_sync_ms:
        _compare(turn)


def _compare(turn: Turn) -> None:
    wait_ms = turn.state.sync_wait_ms or SYNC_AGAIN_MS
    turn.state = replace(turn.state, next_sync_ms=turn.state.now_ms + wait_ms,
                         sync_wait_ms=min(2 * wait_ms, SYNC_EVERY_MS))
    turn.effects.append(Synchronize())


def answered(turn: Turn, event: SyncAnswered) -> None:
    """The OMS answered: the way there and back is proven, which a SUBACK does not do."""
    turn.state = replace(turn.state, session_answered=event.session, oms="ready", sync_wait_ms=SYNC_AGAIN_MS,
                         next_sync_ms=turn.state.now_ms + SYNC_EVERY_MS)


def oms_changed(turn: Turn, event: OmsChanged) -> None:
    """Keep what the OMS says of itself; a screen may show it."""
    turn.state = replace(turn.state, oms=event.oms)
