"""The decoder's step in C, for processors with AVX-512 and VNNI."""
