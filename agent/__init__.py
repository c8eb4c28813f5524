"""The packbench daemon and everything that it is made of."""

__version__ = "0.1.0"
