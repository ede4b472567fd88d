"""Container to waveform: decoding, mixing, resampling, log-mel."""
