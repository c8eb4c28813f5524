"""A frame to facts: barcodes and dimensions. numpy and OpenCV, no camera."""
