"""Seeded tiny Voxtral checkpoints that the real loaders accept.

    python -m tools.tiny_voxtral OUT [--words 1000] [--dtype float32|bfloat16]

OUT/mini      the layout of Voxtral-Mini-3B-2507            (about 3.7 MB)
OUT/realtime  the layout of Voxtral-Mini-4B-Realtime-2602   (about 2.9 MB)

Each folder holds both layouts of the hub's repositories, with the same weights in each:
  Hugging Face   config.json generation_config.json model.safetensors processor_config.json
  Mistral        params.json consolidated.safetensors
  both           tekken.json
Needs torch, transformers >= 5.19 and mistral-common[audio]; neither network nor GPU.

The weights are random but not shapeless, so that a transcript is something to test with:
* mini: greedy decoding is a walk through a shuffled word list. The audio decides where it starts
  and pushes it aside now and then; each word leads to the next, every 12th to </s>.
* realtime: silence is answered with [STREAMING_PAD], that is no text; speech with words.
Words are one token each, some with a letter outside ASCII.
"""
