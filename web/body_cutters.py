"""Finds where the body of a request ends, so that the parser never gets more than one request."""

import re

from web.problems import ProblemError

LONGEST_CHUNK_LINE = 256
"""Bytes of the line before a chunk: its size and extensions, of which nobody has a use."""

_HEXADECIMAL = re.compile(rb"[0-9A-Fa-f]{1,15}")


class LengthCutter:
    """Cuts a body of a known length; false when it has ended."""

    def __init__(self, left: int) -> None:
        """Expect ``left`` bytes."""
        self._left = left

    def __bool__(self) -> bool:
        """Return whether more is to come."""
        return self._left > 0

    def length(self, received: bytes | bytearray) -> int:
        """Return how many of the bytes belong to the body."""
        size = min(self._left, len(received))
        self._left -= size
        return size


class ChunkedCutter:
    """Cuts a chunked body (RFC 9112, 7.1), which ends with the empty line after its trailer.

    The parser checks what it is given. Here only the lines are found, and the long ones refused.
    """

    def __init__(self, trailer_bytes: int) -> None:
        """Allow the trailer so many bytes."""
        self._trailer_left = trailer_bytes
        self._data_left = 0
        self._line = b""
        self._is_trailer = False

    def length(self, received: bytes | bytearray) -> int:
        """Return how many of the bytes belong to the body.

        Raises:
            ProblemError: a line is too long, or the size of a chunk is no number.
        """
        place = 0
        while place < len(received):
            if self._data_left:
                step = min(self._data_left, len(received) - place)
                self._data_left -= step
                place += step
                continue
            end = received.find(b"\n", place) + 1
            self._line += received[place : end or len(received)]
            if self._is_trailer:
                self._trailer_left -= (end or len(received)) - place
            elif len(self._line) > LONGEST_CHUNK_LINE:
                raise ProblemError(
                    "malformed-request", "The chunked coding of the body is malformed."
                )
            if self._trailer_left < 0:
                raise ProblemError("head-too-large", "The trailer is too large.")
            place = end or len(received)
            if end and self._ends_with_line():
                break
        return place

    def _ends_with_line(self) -> bool:
        line, self._line = self._line.strip(), b""
        if self._is_trailer:
            return not line
        size = line.partition(b";")[0].strip()
        if not _HEXADECIMAL.fullmatch(size):
            raise ProblemError("malformed-request", "The chunked coding of the body is malformed.")
        self._is_trailer = int(size, 16) == 0
        self._data_left = 0 if self._is_trailer else int(size, 16) + len(b"\r\n")
        return False


BodyCutter = LengthCutter | ChunkedCutter
