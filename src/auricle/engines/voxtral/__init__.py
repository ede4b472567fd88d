"""Voxtral, Mistral's open speech models, and the servers that people run them on."""
