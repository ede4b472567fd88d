"""What a recording may ask of whoever decodes it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What a recording may ask for; each is checked while reading, whatever headers say."""

    max_audio_s: float = 3 * 3600
    """Decoded seconds; a container that states more is refused at once."""
    max_decoded_bytes: int = 16 << 30
    """Decoded bytes before resampling: samples x channels x sample size."""
    max_channels: int = 32
    min_sample_rate: int = 1_000  # Hz
    max_sample_rate: int = 768_000  # Hz
    max_idle_packets: int = 10_000
    """Packets in a row that decode to nothing."""
