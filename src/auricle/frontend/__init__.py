"""Container to waveform to speech probabilities, in processes that can be killed."""
