"""Which of millions of rows have been seen: one bit a row. Pure."""

from __future__ import annotations

# Rows to a page: 8 KiB of bits, made when the first row of it is marked.
PAGE = 65536


class Marks:
    """A set of row ids, an eighth of a byte each: 128 KiB for a million rows that follow one another."""

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}

    def add(self, pk: int) -> None:
        """Mark a row."""
        page, place = divmod(pk, PAGE)
        bits = self._pages.get(page)
        if bits is None:
            bits = self._pages[page] = bytearray(PAGE // 8)
        bits[place >> 3] |= 1 << (place & 7)

    def __contains__(self, pk: int) -> bool:
        page, place = divmod(pk, PAGE)
        bits = self._pages.get(page)
        return bits is not None and bool(bits[place >> 3] & (1 << (place & 7)))

    @property
    def size(self) -> int:
        """Bytes that the bits take."""
        return len(self._pages) * (PAGE // 8)
