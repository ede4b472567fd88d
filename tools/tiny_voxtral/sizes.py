"""Sizes of the tiny models, and the ids that are as in the real ones."""

HIDDEN, HEADS, KV_HEADS, LAYERS = 64, 2, 1, 2
HEAD_DIM = 32  # the smallest that vLLM's attention for processors takes
NUM_SPECIAL = 64  # the real files reserve 1000; ids below 40 are where the real ones are
BOS, EOS, PAD, AUDIO, BEGIN_AUDIO = 1, 2, 11, 24, 25
STREAMING_PAD, STREAMING_WORD, TRANSCRIBE = 32, 33, 34
