"""Auricle: speech to text that people run themselves, speaking the Mistral audio API."""

__version__ = "0.1.0"
