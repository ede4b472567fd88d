"""`python -m auricle.cli` is the same as `auricle`."""

import sys

from auricle.cli import main

if __name__ == "__main__":
    sys.exit(main())
