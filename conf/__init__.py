"""Configuration: shouwen.toml and the catalogues of texts, read into frozen values with all mistakes reported at once."""
