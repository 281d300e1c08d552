"""Opening videos: which stream is read, what a container can know, and addresses in a network."""

import functools
import http.server
import threading
from fractions import Fraction

import av
import pytest
from av.stream import Disposition

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video.reader import probe, read_frames
from tests.fixtures.encoded_video import add_stream, encode, square

SMALL, LARGE = [square(i) for i in range(12)], [square(i, 96, 128) for i in range(12)]
ONE = [square(0, 200, 200)]


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def write_streams(path, *streams):
    """A file with several video streams, each given as (frames, disposition)."""
    with av.open(str(path), "w") as container:
        made = []
        for frames, disposition in streams:
            made.append((container.add_stream("libx264", rate=25), frames))
            stream = made[-1][0]
            stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], "yuv420p"
            if disposition is not None:
                stream.disposition = disposition
        for stream, frames in made:
            for i, frame in enumerate(frames):
                picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
                picture.pts, picture.time_base = i, Fraction(1, 25)
                container.mux(stream.encode(picture))
            container.mux(stream.encode())
    return path


def read(path, **options):
    remarks = []
    frames = list(read_frames(path, notify=remarks.append, **options))
    return frames, remarks


@pytest.mark.parametrize(
    "name, streams, chosen",
    [
        ("a.mkv", ((SMALL, None), (LARGE, None)), 1),  # the largest
        ("a.mkv", ((LARGE, None), (SMALL, None)), 0),
        ("a.mkv", ((SMALL, Disposition.default), (LARGE, Disposition(0))), 0),  # the default one
        ("a.mkv", ((LARGE, Disposition(0)), (SMALL, Disposition.default)), 1),
        ("a.mp4", ((ONE, None), (SMALL, None)), 1),  # a thumbnail that isn't marked as one
        ("a.mkv", ((ONE, None), (SMALL, None)), 1),
    ],
)
def test_the_stream_that_players_show(tmp_path, name, streams, chosen):
    path = write_streams(tmp_path / name, *streams)
    frames, remarks = read(path)
    expected = streams[chosen][0]
    assert len(frames) == len(expected) and frames[0].rgb.shape == expected[0].shape
    assert len(remarks) == 1 and "has 2 video streams" in remarks[0] and f"reads {chosen}" in remarks[0]


def test_another_stream_by_its_number(tmp_path):
    path = write_streams(tmp_path / "a.mkv", (SMALL, None), (LARGE, None))
    frames, remarks = read(path, stream=0)
    assert frames[0].rgb.shape == SMALL[0].shape and not remarks
    with pytest.raises(InputError, match="stream 5 is no video stream; the video streams are 0, 1"):
        list(read_frames(path, stream=5))


def test_a_fragmented_file_does_not_know_its_frames(tmp_path):
    path = tmp_path / "a.mp4"
    options = {"movflags": "frag_keyframe+empty_moov"}
    with av.open(str(path), "w", options=options) as container:
        add_stream(container, SMALL, options={"g": "4"})
    assert probe(path).total is None
    assert len(read(path)[0]) == 12
    assert probe(encode(tmp_path / "b.mp4", SMALL)).total == 12


def test_pixels_that_are_not_square(tmp_path):
    path = encode(tmp_path / "a.mp4", SMALL, aspect=Fraction(16, 11))
    assert probe(path).pixel_aspect == Fraction(16, 11)
    assert probe(encode(tmp_path / "b.mp4", SMALL)).pixel_aspect == 1


def test_a_file_as_an_address(tmp_path):
    path = encode(tmp_path / "a clip.mp4", SMALL)
    assert len(read(path.as_uri())[0]) == 12
    with pytest.raises(InputError, match="no such file"):
        probe((tmp_path / "none.mp4").as_uri())


def test_an_address_in_the_network(tmp_path):
    encode(tmp_path / "a.mp4", SMALL)
    handler = functools.partial(QuietHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        assert len(read(f"{address}/a.mp4")[0]) == 12
        with pytest.raises(InputError, match="none.mp4: not a video that FFmpeg can read"):
            probe(f"{address}/none.mp4")
        server.shutdown()
    with pytest.raises(InputError, match="does it answer within 15 s"):
        probe(f"{address}/a.mp4")


def test_a_codec_that_nobody_knows(tmp_path):
    data = encode(tmp_path / "a.mp4", SMALL).read_bytes()
    (tmp_path / "b.mp4").write_bytes(data.replace(b"avc1", b"xyz1"))
    with pytest.raises(InputError, match="in a codec that FFmpeg does not know here"):
        list(read_frames(tmp_path / "b.mp4"))
