"""Seeded tiny Whisper checkpoints in the real file formats, and a reference in plain NumPy."""
