"""What a test call heard: samples in, verdict out; no network, no clock, no database.

Theory of operation. `sound` reads a recording and measures it. `fingerprint` turns sound into signs, 16 for each 16 ms: does the
energy of a telephone band rise against that of the band above it? What a line does to a voice (level, codec, noise, a lost
packet) leaves most signs as they are; other words change half of them. A template is a prompt's signs, cut into pieces of half a
second, each with weights that say which signs can be trusted. `matching` looks for the pieces in a recording, in their order,
with a little give between them, for recordings lack the packets that were lost. `tones` knows what networks play instead of an
answer. `verdict` weighs all this, and `templates` makes templates of sound files, once for each file.
"""
