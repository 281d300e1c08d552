"""From decoded pictures to RGB of BT.709, by FFmpeg's own filters: matrices, ranges, HDR, interlaced fields."""

import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.filter import Graph
from av.video.reformatter import VideoReformatter
from jaxtyping import UInt8

from ssa2d_jax.video.container import Notify, as_fraction, ticks_of

_BT709, _UNSPECIFIED = 1, 2  # of colour matrices, primaries and transfer characteristics, ITU-T H.273
_SRGB = 13  # of transfer characteristics
_HD_HEIGHT, _HD_WIDTH = 720, 1280  # pixels, from which players take an untagged video for BT.709
_HDR = {16: "PQ", 18: "HLG"}  # transfer characteristics
_WIDE = {9: "BT.2020", 11: "DCI-P3", 12: "Display P3"}  # primaries
_FIELD_ORDERS = {2: "tff", 3: "bff", 4: "bff", 5: "tff"}  # FFmpeg's, and which field is shown first
# Codecs whose pictures don't say which fields they have.
_UNMARKED = ("ffv1", "huffyuv", "ffvhuff", "utvideo", "magicyuv", "rawvideo", "v210")
_DEINTERLACER = "bwdif"
# Light levels of the mastering display would darken everything: white is where the signal says.
_WITHOUT_LIGHT_LEVELS = "sidedata", "mode=delete"


class RgbConverter:
    """Converts the pictures of one stream."""

    def __init__(self, path: str | Path, video: av.VideoStream, notify: Notify) -> None:
        """Remarks about the stream go to `notify`."""
        self._path, self._notify = path, notify
        self._time_base = ticks_of(video)
        unmarked = video.codec_context.name in _UNMARKED
        self._parity = _FIELD_ORDERS.get(video.codec_context.field_order) if unmarked else None
        self._deinterlacer = _Filter(self._time_base, _DEINTERLACER, self._deinterlacing)
        self._light_levels = _Filter(self._time_base, *_WITHOUT_LIGHT_LEVELS)
        self._reformatter = VideoReformatter()  # kept: its table for other colours takes seconds to build
        self._noted: set[str] = set()

    @property
    def _deinterlacing(self) -> str:
        return (
            f"mode=send_frame:parity={self._parity}:deint=all" if self._parity else "mode=send_frame:deint=interlaced"
        )

    def deinterlace(self, picture: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
        """Yields the picture, or those that are ready, from the first interlaced one on; None asks for the last."""
        interlaced = picture is not None and (picture.interlaced_frame or self._parity is not None)
        if not interlaced and not self._deinterlacer.is_used:
            if picture is not None:
                yield picture
            return
        self._note(f"interlaced; fields are joined into frames by FFmpeg's {_DEINTERLACER}")
        yield from self._deinterlacer.filter(picture)

    def to_rgb(self, picture: av.VideoFrame) -> UInt8[np.ndarray, "H W 3"]:
        """The picture as RGB of BT.709, as stored: not turned."""
        if picture.color_trc in _HDR:
            self._note(f"HDR ({_HDR[picture.color_trc]}); FFmpeg's swscale maps its colours to BT.709")
            (picture,) = self._light_levels.filter(picture)
            return self._convert(picture, _SRGB)
        if picture.color_primaries in _WIDE:
            self._note(f"colours of {_WIDE[picture.color_primaries]}; FFmpeg's swscale maps them to BT.709")
            if picture.color_trc == _UNSPECIFIED:
                picture.color_trc = _BT709
            return self._convert(picture, picture.color_trc)
        hd = picture.height >= _HD_HEIGHT or picture.width >= _HD_WIDTH
        if picture.colorspace == _UNSPECIFIED and hd and not picture.format.is_rgb:
            picture.colorspace = _BT709
        return picture.to_ndarray(format="rgb24")

    def _convert(self, picture: av.VideoFrame, transfer: int) -> UInt8[np.ndarray, "H W 3"]:
        try:
            mapped = self._reformatter.reformat(
                picture, format="rgb24", dst_color_trc=transfer, dst_color_primaries=_BT709
            )
            return mapped.to_ndarray(format="rgb24")
        except (TypeError, ValueError, av.FFmpegError) as error:  # PyAV 16 has no such arguments
            self._note(f"its colours can't be mapped to BT.709 by PyAV {av.__version__} ({error}): they look pale")
            return picture.to_ndarray(format="rgb24")

    def _note(self, remark: str) -> None:
        if remark not in self._noted:
            self._noted.add(remark)
            self._notify(f"{self._path}: {remark}")


class _Filter:
    """A filter of FFmpeg for pictures whose size and format may change: then it begins anew."""

    def __init__(self, time_base: Fraction, name: str, options: str) -> None:
        self._time_base, self._name, self._options = time_base, name, options
        self._graph: Graph | None = None
        self._key: tuple[object, ...] = ()

    @property
    def is_used(self) -> bool:
        """Whether it has got a picture."""
        return self._graph is not None

    def filter(self, picture: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
        """Yields the pictures that are ready; None asks for the last ones."""
        key = picture and (picture.width, picture.height, picture.format.name, picture.colorspace, picture.color_range)
        if self._graph is not None and key != self._key:
            self._graph.vpush(None)
            yield from self._pull(self._graph)
            self._graph = None
        if picture is None:
            return
        if self._graph is None:
            self._key = key or ()
            try:
                self._graph = self._build(picture)
            except (av.FFmpegError, ValueError):  # too small for the filter
                yield picture
                return
        self._graph.vpush(picture)
        yield from self._pull(self._graph)

    def _build(self, picture: av.VideoFrame) -> Graph:
        graph = Graph()
        graph.threads = 1
        source = graph.add_buffer(
            width=picture.width, height=picture.height, format=picture.format, time_base=self._time_base
        )
        graph.link_nodes(source, graph.add(self._name, self._options), graph.add("buffersink")).configure()
        return graph

    def _pull(self, graph: Graph) -> Iterator[av.VideoFrame]:
        """Yields the pictures that a graph has ready, with times in the stream's own ticks."""
        while True:
            try:
                picture = graph.vpull()
            except (BlockingIOError, EOFError):
                return
            if picture.pts is not None and picture.time_base:
                picture.pts = round(picture.pts * as_fraction(picture.time_base) / self._time_base)
                picture.time_base = self._time_base
            yield picture


def turn_upright(rgb: UInt8[np.ndarray, "h w 3"], matrix: bytes | None) -> UInt8[np.ndarray, "H W 3"]:
    """The picture turned and mirrored by the display matrix (nine int32) in steps of a quarter turn."""
    if matrix is None:
        return rgb
    # x' = a x + c y, y' = b x + d y
    a, b, _, c, d, *_ = struct.unpack("=9i", matrix[:36])
    if abs(b) + abs(c) > abs(a) + abs(d):
        rgb, a, d = rgb.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(rgb[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])
