"""What Auricle is measured against. Nothing of a peer is part of this repository."""
