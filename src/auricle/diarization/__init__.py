"""Who speaks when: local speakers in windows, voices as vectors, voices as speakers, turns."""
