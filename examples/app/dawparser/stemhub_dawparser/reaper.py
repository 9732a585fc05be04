"""Reaper projects (.rpp): lines of words, nested by `<NAME` and `>`."""

from .session import Session, Track, Unreadable, short, tempo_of

MAGIC = b"<REAPER_PROJECT"
_DEEPEST = 200
_QUOTES = "\"'`"


def parse(content: bytes) -> Session:
    """Raises Unreadable."""
    session: Session | None = None
    blocks: list[str] = []
    track: Track | None = None
    for line in _lines(content):
        if line.startswith("<"):
            words = _words(line[1:], 3)
            blocks.append(words[0] if words else "")
            if len(blocks) > _DEEPEST:
                raise Unreadable("Its blocks are nested deeper than may be.")
            if blocks == ["REAPER_PROJECT"]:
                session = Session(short(f"Reaper {words[2].split('/')[0]}" if len(words) > 2 else "Reaper"))
            elif session and blocks == ["REAPER_PROJECT", "TRACK"]:
                track = session.add_track("track")
        elif line == ">":
            if not blocks:
                raise Unreadable("It is no Reaper project: a block ends that never began.")
            blocks.pop()
        elif session and blocks == ["REAPER_PROJECT"] and line.startswith("TEMPO "):
            session.tempo = tempo_of(_words(line, 2)[1])
        elif track and blocks == ["REAPER_PROJECT", "TRACK"] and line.startswith("NAME "):
            track.name = short(_words(line, 2)[1])
    if session is None or blocks:
        raise Unreadable("It ends too early: perhaps it was not uploaded whole.")
    return session


def _lines(content: bytes):
    """One by one: a list of all would take several times the file."""
    start = 0
    while start < len(content):
        end = content.find(b"\n", start)
        end = len(content) if end < 0 else end
        # Of the longest lines, which are sound and plug-ins, nobody asks for the end.
        yield content[start : min(end, start + 4096)].decode("utf-8", "replace").strip()
        start = end + 1


def _words(line: str, most: int) -> list[str]:
    """The first words. One with spaces stands in quotes, of the kind that it does not hold itself."""
    words, rest = [], line.strip()
    while rest and len(words) < most:
        quote = rest[0] if rest[0] in _QUOTES else None
        if quote:
            word, _, rest = rest[1:].partition(quote)
        else:
            word, _, rest = rest.partition(" ")
        words.append(word)
        rest = rest.lstrip()
    return words
