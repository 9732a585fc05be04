"""Ableton Live sets (.als): XML in gzip, read as a stream, so that memory is bounded whatever is inside.

Refused: document types, and with them every entity (an XML bomb is made of these, and a set has none); more than
LARGEST_XML unpacked (a zip bomb); tags without end, which a parser would keep in memory; deep nesting.
"""

import zlib
from collections.abc import Iterator
from typing import NoReturn
from xml.parsers import expat

from .session import Session, Track, Unreadable, short, tempo_of

MAGIC = b"\x1f\x8b"
LARGEST_XML = 256 * 1024**2
"""Bytes unpacked. XML of sets packs about 1 : 15."""
_DEEPEST = 200
_LONGEST_TAG = 1024**2
_CHUNK = 64 * 1024

_KINDS = {"AudioTrack": "audio", "MidiTrack": "midi", "GroupTrack": "group", "ReturnTrack": "return"}
_TRACKS = ["Ableton", "LiveSet", "Tracks"]
_TEMPO = ["DeviceChain", "Mixer", "Tempo"]
_MAIN = ("MainTrack", "MasterTrack")
"""Live 12, and those before it."""


def parse(content: bytes) -> Session:
    """Raises Unreadable."""
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = False
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = _refuse_doctype
    fed = 0
    try:
        for chunk in _unpacked(content):
            parser.Parse(chunk, False)
            fed += len(chunk)
            if fed - max(parser.CurrentByteIndex, 0) > _LONGEST_TAG:
                raise Unreadable("It has a tag without end.")
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise Unreadable("It is no Live set: its XML is broken.") from error
    if reader.session is None:
        raise Unreadable("It is no Live set: its XML is something else.")
    return reader.session


def _refuse_doctype(*_: object) -> NoReturn:
    raise Unreadable("It declares a document type, which no Live set does.")


def _unpacked(content: bytes) -> Iterator[bytes]:
    unpacker, total, rest = zlib.decompressobj(wbits=31), 0, content
    try:
        while not unpacker.eof:
            chunk = unpacker.decompress(rest, _CHUNK)
            rest = unpacker.unconsumed_tail
            if not chunk and not rest:
                break
            total += len(chunk)
            if total > LARGEST_XML:
                raise Unreadable("Unpacked it is larger than may be.")
            yield chunk
    except zlib.error as error:
        raise Unreadable("It is no Live set: it cannot be unpacked.") from error
    if not unpacker.eof:
        raise Unreadable("It ends too early: perhaps it was not uploaded whole.")


class _Reader:
    """Takes what is asked for as its elements pass by."""

    def __init__(self) -> None:
        self.session: Session | None = None
        self._path: list[str] = []
        self._track: Track | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        path = self._path
        if not path and name == "Ableton":
            self.session = Session(short(attributes.get("Creator", "Ableton Live")))
        elif self.session is not None:
            self._take(self.session, path, name, attributes.get("Value", ""))
        path.append(name)
        if len(path) > _DEEPEST:
            raise Unreadable("Its XML is nested deeper than may be.")

    def _take(self, session: Session, path: list[str], name: str, value: str) -> None:
        if path == _TRACKS and name in _KINDS:
            self._track = session.add_track(_KINDS[name])
        elif self._track and len(path) == 5 and path[:3] == _TRACKS and path[4] == "Name" and name == "EffectiveName":
            self._track.name = short(value)
        elif name == "Manual" and len(path) == 6 and path[2] in _MAIN and path[3:] == _TEMPO:
            session.tempo = tempo_of(value)

    def end(self, _: str) -> None:
        self._path.pop()
