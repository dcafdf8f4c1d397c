"""What callers hear: words from a catalogue, spoken by a voice into sound files that Asterisk plays.

Theory of operation. `catalogue` holds the words, `phrases` with `numbers_zh` and `numbers_en` turns a call's values into words
without digits, a voice (`synth_espeak`, or another with `name` and `speak`) speaks whole sentences, `measure` brings them
to one level and refuses silence and clipping, `files` keeps them. What is always the same is made by `build` before the service
starts, and so is what the settings make likely (services, topics, places in the queue); anything else is made while the call
waits, a few milliseconds, and kept by its content. `voice` is what the dialogue asks.
"""
