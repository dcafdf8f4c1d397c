"""Asterisk itself: getting one without root, writing its settings, running it."""
