"""`python -m tools.tiny_voxtral OUT`."""

import argparse
from pathlib import Path

import torch
from tools.tiny_voxtral.models import make_mini, make_realtime


def main() -> None:
    """Write both checkpoints; the same bytes every time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--words", type=int, default=1000)
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    dtype = getattr(torch, args.dtype)
    with torch.no_grad():
        make_mini(args.out / "mini", args.words, dtype)
        make_realtime(args.out / "realtime", args.words, dtype)


if __name__ == "__main__":
    main()
