"""What the page accepts; imports nothing heavy, so that the command line can check its options first."""

import dataclasses

MAX_RATE = 60  # frames per second that the limit in seconds allows for


@dataclasses.dataclass(frozen=True)
class Limits:
    """The most that a clip may have: `seconds`, `megabytes` (2^20 bytes), and `width` x `height` pixels per frame."""

    seconds: float
    megabytes: float
    width: int = 1920
    height: int = 1080

    @property
    def bytes(self) -> int:
        """The most bytes of a clip's file."""
        return int(self.megabytes * 2**20)

    @property
    def frames(self) -> int:
        """The most frames of a clip."""
        return int(MAX_RATE * self.seconds)
