"""What a station is told to be: typed settings, calibration records, reference files."""
