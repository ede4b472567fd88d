"""Whisper: weights, features, tokens, decoding."""
