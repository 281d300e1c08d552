"""From decoded pictures to RGB of BT.709, by FFmpeg's own filters: matrices, ranges, HDR, interlaced fields."""

import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.filter import Graph
from jaxtyping import UInt8

from ssa2d_jax.video.container import Notify

_BT709, _UNSPECIFIED = 1, 2  # of colour matrices and primaries, H.273
_SRGB = 13  # of transfer characteristics
_HD_HEIGHT, _HD_WIDTH = 720, 1280  # pixels, from which players take an untagged video for BT.709
_TRANSFERS = {16: "PQ", 18: "HLG"}  # of HDR
_DEINTERLACE = "bwdif", "mode=send_frame:deint=interlaced"


class RgbConverter:
    """Converts the pictures of one stream."""

    def __init__(self, path: str | Path, video: av.VideoStream, notify: Notify) -> None:
        """Remarks about the stream go to `notify`."""
        self._path, self._video, self._notify = path, video, notify
        self._time_base = video.time_base or Fraction(1, 90_000)
        self._deinterlacer: Graph | None = None
        self._hdr_noted = False

    def deinterlace(self, picture: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
        """Yields the picture, or those that are ready, from the first interlaced one on; None asks for the last."""
        if self._deinterlacer is None:
            if picture is None:
                return
            if not picture.interlaced_frame:
                yield picture
                return
            self._deinterlacer = self._graph(picture, *_DEINTERLACE)
            self._notify(f"{self._path}: interlaced; fields are joined into frames by FFmpeg's {_DEINTERLACE[0]}")
        self._deinterlacer.vpush(picture)
        yield from self._pull(self._deinterlacer)

    def to_rgb(self, picture: av.VideoFrame) -> UInt8[np.ndarray, "H W 3"]:
        """The picture as RGB of BT.709, as stored: not turned."""
        if picture.color_trc in _TRANSFERS:
            return self._tone_map(picture)
        hd = picture.height >= _HD_HEIGHT or picture.width >= _HD_WIDTH
        if picture.colorspace == _UNSPECIFIED and hd and not picture.format.is_rgb:
            picture.colorspace = _BT709
        return picture.to_ndarray(format="rgb24")

    def _tone_map(self, picture: av.VideoFrame) -> UInt8[np.ndarray, "H W 3"]:
        remark = f"{self._path}: HDR ({_TRANSFERS[picture.color_trc]}); FFmpeg's swscale maps its colours to BT.709"
        try:
            mapped = picture.reformat(format="rgb24", dst_color_trc=_SRGB, dst_color_primaries=_BT709)
            rgb = mapped.to_ndarray(format="rgb24")
        except (TypeError, ValueError, av.FFmpegError):  # PyAV 16 has no such arguments
            remark = f"{self._path}: HDR, which PyAV {av.__version__} can't map to BT.709: pale colours; PyAV 17 can"
            rgb = picture.to_ndarray(format="rgb24")
        if not self._hdr_noted:
            self._notify(remark)
            self._hdr_noted = True
        return rgb

    def _graph(self, picture: av.VideoFrame, name: str, options: str) -> Graph:
        graph = Graph()
        graph.threads = 1
        source = graph.add_buffer(
            width=picture.width, height=picture.height, format=picture.format, time_base=self._time_base
        )
        graph.link_nodes(source, graph.add(name, options), graph.add("buffersink")).configure()
        return graph

    def _pull(self, graph: Graph) -> Iterator[av.VideoFrame]:
        """Yields the pictures that a graph has ready, with times in the stream's own ticks."""
        while True:
            try:
                picture = graph.vpull()
            except (BlockingIOError, EOFError):
                return
            if picture.pts is not None and picture.time_base:
                picture.pts = round(picture.pts * picture.time_base / self._time_base)
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
