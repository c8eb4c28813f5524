"""The station core: pure. No I/O, no clock, no threads; facts in, records and effects out."""
