"""What is read from a file, and how much of it at most."""

from dataclasses import dataclass, field

LARGEST_FILE = 32 * 1024**2
"""Bytes that are taken. Sets of a few hundred tracks have 1 to 10 MB."""
MOST_TRACKS = 1000
_LONGEST_NAME = 200


class Unreadable(Exception):
    """Not what its first bytes promise, or larger inside than may be. The message is for the user."""


@dataclass
class Track:
    name: str
    kind: str
    """audio, midi, group, return; `track` where the DAW makes no difference."""


@dataclass
class Session:
    daw: str
    tempo: float | None = None
    """Beats a minute, where the file begins."""
    tracks: list[Track] = field(default_factory=list)

    def add_track(self, kind: str) -> Track:
        """Raises Unreadable beyond MOST_TRACKS."""
        if len(self.tracks) == MOST_TRACKS:
            raise Unreadable(f"It has more than {MOST_TRACKS} tracks.")
        track = Track("", kind)
        self.tracks.append(track)
        return track


def short(name: str) -> str:
    return name[:_LONGEST_NAME]


def tempo_of(text: str) -> float | None:
    """None for what is no tempo: a wrong figure is worse than none."""
    try:
        tempo = float(text)
    except ValueError:
        return None
    return tempo if 1 <= tempo <= 1000 else None
