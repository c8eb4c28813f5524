"""Slip, shipping label and command sheet as 1-bit pictures: millimetres in, dots out."""
