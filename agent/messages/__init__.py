"""The contract: every topic and payload, in both directions."""

from agent.messages.inbound import decode
from agent.messages.outbound import CONTRACT, MAX_BYTES, Presence, envelope, fact_topic, presence, rfc3339, source

__all__ = ["CONTRACT", "MAX_BYTES", "Presence", "decode", "envelope", "fact_topic", "presence", "rfc3339", "source"]
