"""The outbox: facts that the OMS does not have yet. A row goes when the OMS says that it has it, and only then.

When a row was last sent is kept in memory alone: after a restart everything is due again, and the OMS knows
copies by their id. So sending costs no write.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from msgspec import Struct

from agent.messages import envelope, fact_topic

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from agent.station.facts import Fact

PRIORITIES = 4
WINDOW = 4_000  # rows that were sent and have no receipt; beyond it, sending more would only fill the OMS's queue
FIRST_RESEND_MS = 15_000
LAST_RESEND_MS = 600_000


SEQ_BITS = 56


def place_of(priority: int, seq: int) -> int:
    """Return the row id of a fact: its priority in the upper byte, its seq below.

    >>> divmod(place_of(2, 7), 1 << SEQ_BITS)
    (2, 7)
    """
    return priority << SEQ_BITS | seq


class Row(Struct, frozen=True):
    """A fact to publish: its place in the outbox, its transport id, its topic and its bytes."""

    priority: int
    seq: int
    id: str
    topic: str
    body: bytes
    attempt: int = 1


class _Sent(Struct):
    priority: int
    attempts: int
    due_ms: int


def digest(body: bytes) -> bytes:
    """Return the eight bytes that are kept beside a row: a flipped bit on the card passes SQLite's own check."""
    return blake2b(body, digest_size=8).digest()


class Outbox:
    """The rows of one store, in the order in which they should leave."""

    def __init__(self, connection: sqlite3.Connection, *, store_id: str, station: str) -> None:
        self._db = connection
        self._store_id = store_id
        self._station = station
        self._sent: dict[int, _Sent] = {}
        self._dropped: list[int] = []
        self._waiting = int(connection.execute("SELECT count(*) FROM outbox").fetchone()[0])
        self._written_waiting = self._waiting
        self._next_due_ms = 0
        self._cursor = [0] * PRIORITIES
        row = connection.execute("SELECT value FROM meta WHERE name='seq'").fetchone()
        self._last = [0] * PRIORITIES  # the highest seq of each priority: beyond it nothing has to be looked for
        for priority in range(PRIORITIES):
            (highest,) = connection.execute("SELECT max(place) FROM outbox WHERE place BETWEEN ? AND ?",
                                            (place_of(priority, 0), place_of(priority + 1, 0) - 1)).fetchone()
            self._last[priority] = (highest or 0) & (1 << SEQ_BITS) - 1
        self._seq = max(int(row[0]) if row else 0, *self._last)
        self._written_seq = self._seq

    def add(self, fact: Fact, *, boot: int, mono_ms: int, wall_ms: int, time_ok: bool) -> int:
        """Store a fact in the running transaction and return its seq; its id and bytes never change from now on."""
        self._seq += 1
        self._last[fact.priority] = self._seq
        self._waiting += 1
        body = envelope(fact, id=f"{self._store_id}:{self._seq}", station=self._station, seq=self._seq, boot=boot,
                        mono_ms=mono_ms, wall_ms=wall_ms, time_ok=time_ok)
        self._db.execute("INSERT INTO outbox (place, kind, body, digest, wall_ms) VALUES (?,?,?,?,?)",
                         (place_of(fact.priority, self._seq), fact.kind, body, digest(body), wall_ms))
        return self._seq

    def adopt(self, rows: Iterable[tuple[int, str, str, bytes, int]]) -> int:
        """Take over rows (priority, kind, id, body, wall_ms) of a salvaged store; return how many. Their ids stay."""
        count = 0
        for priority, kind, old_id, body, wall_ms in rows:
            self._seq += 1
            self._last[priority] = self._seq
            count += self._db.execute(
                "INSERT OR IGNORE INTO outbox (place, kind, foreign_id, body, digest, wall_ms) VALUES (?,?,?,?,?,?)",
                (place_of(priority, self._seq), kind, old_id, body, digest(body), wall_ms)).rowcount
        self._waiting += count
        return count

    def before_commit(self) -> None:
        """Write down the highest seq, so that it is never used again after its row is gone."""
        if self._seq != self._written_seq:
            self._db.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('seq', ?)", (str(self._seq),))

    def after_commit(self) -> None:
        """Take what is on disk as true."""
        self._written_seq, self._written_waiting = self._seq, self._waiting
        for seq in self._dropped:
            self._sent.pop(seq, None)
        self._dropped.clear()

    def after_rollback(self) -> None:
        """Forget what was not committed."""
        self._seq, self._waiting = self._written_seq, self._written_waiting
        self._last = [min(last, self._seq) for last in self._last]
        self._dropped.clear()

    def drop(self, ids: Iterable[str]) -> None:
        """Delete the rows that the OMS has; ids that are not ours or are gone already change nothing."""
        ours = f"{self._store_id}:"
        keys: list[tuple[int]] = []
        for fact_id in ids:
            if fact_id.startswith(ours):
                seq = int(fact_id[len(ours):])
                sent = self._sent.get(seq)
                priorities = range(PRIORITIES) if sent is None else (sent.priority,)
                keys += [(place_of(priority, seq),) for priority in priorities if seq <= self._seq]
                self._dropped.append(seq)
            else:
                gone = self._db.execute("DELETE FROM outbox WHERE foreign_id=? RETURNING place", (fact_id,)).fetchall()
                self._waiting -= len(gone)
                self._dropped.extend(place & (1 << SEQ_BITS) - 1 for (place,) in gone)
        if keys:
            self._waiting -= self._db.executemany("DELETE FROM outbox WHERE place=?", keys).rowcount

    def due(self, now_ms: int, limit: int) -> list[Row]:
        """Return up to `limit` rows to publish now: by priority, then in the order in which they happened.

        A row that was sent comes again after 15 s, then 30 s, ... up to 10 minutes, until it is dropped.
        """
        rows: list[Row] = []
        overdue = self._overdue(now_ms) if now_ms >= self._next_due_ms else {}
        for priority in range(PRIORITIES):
            for seq in overdue.get(priority, ())[: limit - len(rows)]:
                rows.extend(self._rows(place_of(priority, seq), place_of(priority, seq), 1))
            room = min(limit - len(rows), WINDOW - len(self._sent))
            if room > 0 and self._cursor[priority] < self._last[priority]:
                first = place_of(priority, self._cursor[priority] + 1)
                rows.extend(self._rows(first, place_of(priority + 1, 0) - 1, room))
        return rows

    def _overdue(self, now_ms: int) -> dict[int, list[int]]:
        """Return the seqs that wait for too long, by priority, oldest first."""
        overdue: dict[int, list[int]] = {}
        self._next_due_ms = min((sent.due_ms for sent in self._sent.values() if sent.due_ms > now_ms),
                                default=now_ms + FIRST_RESEND_MS)
        for seq in sorted(self._sent):
            sent = self._sent[seq]
            if sent.due_ms <= now_ms:
                overdue.setdefault(sent.priority, []).append(seq)
                self._next_due_ms = now_ms  # until it was sent
        return overdue

    def _rows(self, first: int, last: int, limit: int) -> list[Row]:
        """Return the rows from one place to another, at most `limit`."""
        found = self._db.execute("SELECT place, kind, foreign_id, body FROM outbox WHERE place BETWEEN ? AND ?"
                                 " ORDER BY place LIMIT ?", (first, last, limit)).fetchall()
        rows = []
        for place, kind, foreign_id, body in found:
            priority, seq = divmod(place, 1 << SEQ_BITS)
            attempt = self._sent[seq].attempts + 1 if seq in self._sent else 1
            rows.append(Row(priority, seq, foreign_id or f"{self._store_id}:{seq}",
                            fact_topic(self._station, kind), body, attempt))
        return rows

    def mark_sent(self, row: Row, now_ms: int) -> None:
        """Remember that `row` was handed to the link just now."""
        wait_ms = min(FIRST_RESEND_MS << min(row.attempt - 1, 8), LAST_RESEND_MS)
        self._sent[row.seq] = _Sent(row.priority, row.attempt, now_ms + wait_ms)
        self._next_due_ms = min(self._next_due_ms, now_ms + wait_ms)
        self._cursor[row.priority] = max(self._cursor[row.priority], row.seq)

    def resend_all(self) -> None:
        """Make every row due again: a new connection or a sync says that nothing is known of those on the way."""
        self._sent.clear()
        self._cursor = [0] * PRIORITIES

    @property
    def waiting(self) -> int:
        """The number of facts that the OMS has not confirmed."""
        return self._waiting

    def oldest_id(self) -> str:
        """The id of the oldest fact of the first priority without a receipt, or an empty text."""
        rows = self._db.execute("SELECT place, foreign_id FROM outbox ORDER BY place LIMIT 1").fetchall()
        return "".join(foreign_id or f"{self._store_id}:{place & (1 << SEQ_BITS) - 1}" for place, foreign_id in rows)

    @property
    def unreceipted(self) -> int:
        """The number of rows that were sent on this connection and have no receipt yet."""
        return len(self._sent)
