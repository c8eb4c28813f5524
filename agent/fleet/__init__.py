"""Configuration layers, trial and roll-back, commands, health."""
