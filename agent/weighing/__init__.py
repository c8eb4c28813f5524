"""Counts to grams to a stable weight: pure Python, one sample at a time."""
