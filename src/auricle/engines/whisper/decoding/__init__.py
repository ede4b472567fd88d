"""The policy of decoding, in small objects that know nothing of graphs or threads."""
