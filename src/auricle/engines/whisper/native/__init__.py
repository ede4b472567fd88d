"""Whisper's layers in C, for processors with AVX2 or more."""
