"""The hotline by telephone: our side of Asterisk."""
