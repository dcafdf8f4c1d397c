"""The rules of the hotline: pure decisions over immutable inputs, no I/O, no clock, no randomness."""
