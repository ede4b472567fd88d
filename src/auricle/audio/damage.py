"""What a recording lost on the way in, said in sentences instead of hidden."""

from dataclasses import dataclass


@dataclass(slots=True)
class Damage:
    """Counts while a recording is read. Owner: its decoder."""

    is_understated: bool = False  # the header promises less than there is
    is_cut: bool = False
    promised_s: float | None = None  # length by a header that is worth believing
    n_bad_packets: int = 0
    filled_s: float = 0.0
    n_bad_samples: int = 0
    is_overdriven: bool = False

    def ends_early(self, read_s: float) -> bool:
        """Whether the sound ends clearly before the promised end; encoders pad a little."""
        return self.promised_s is not None and read_s < self.promised_s * 0.98 - 0.5

    def notices(self, read_s: float) -> list[str]:
        """Plain sentences for the caller of the server; none for a sound file.

        Args:
            read_s: length of what could be read, in seconds.
        """
        found = {
            "The header of the file gives too short a length; it was read to its real end.": (
                self.is_understated
            ),
            f"The file says that it is {self.promised_s or 0:.1f} seconds long, but its sound "
            f"ends at {read_s:.1f} seconds.": self.ends_early(read_s),
            "The file was cut off: its last piece is incomplete.": self.is_cut,
            f"Damaged pieces of the file were skipped: {self.n_bad_packets}.": self.n_bad_packets,
            f"{self.filled_s:.1f} seconds are missing in the file and were left silent.": (
                self.filled_s
            ),
            f"Samples that are no numbers were set to zero: {self.n_bad_samples}.": (
                self.n_bad_samples
            ),
            "Samples far beyond full scale were clipped.": self.is_overdriven,
        }
        return [sentence for sentence, applies in found.items() if applies]
