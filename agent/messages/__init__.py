"""The contract: every topic and payload, in both directions."""

from agent.messages import topics
from agent.messages.inbound import decode
from agent.messages.outbound import (
    CONTRACT,
    MAX_BYTES,
    Presence,
    SyncRequest,
    Telemetry,
    envelope,
    fact_topic,
    life_of,
    presence,
    rfc3339,
    source,
    sync_request,
    telemetry,
)

__all__ = [
    "CONTRACT", "MAX_BYTES", "Presence", "SyncRequest", "Telemetry", "decode", "envelope", "fact_topic", "life_of",
    "presence", "rfc3339", "source", "sync_request", "telemetry", "topics",
]
