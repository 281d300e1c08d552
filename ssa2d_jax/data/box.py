"""Boxes around regions of a frame. No framework in here."""

Box = tuple[int, int, int, int]  # left, top, width, height, in pixels
