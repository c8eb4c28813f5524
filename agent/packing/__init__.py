"""Which carton, what it should weigh, what is probably missing: pure Python."""
