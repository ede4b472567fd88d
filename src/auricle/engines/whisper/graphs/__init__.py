"""Whisper's encoder and decoder as OpenVINO graphs, built from the weights with nothing else."""
