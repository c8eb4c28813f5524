"""The simulated bench: one process that stands in for all the hardware of a station."""
