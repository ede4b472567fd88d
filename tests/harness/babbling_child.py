"""`python -m harness.babbling_child HEX`: a child that sends these bytes and then waits."""

import sys

sys.stdout.buffer.write(bytes.fromhex(sys.argv[1]))
sys.stdout.buffer.flush()
sys.stdin.buffer.read()
