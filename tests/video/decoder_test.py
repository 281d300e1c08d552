"""Damaged, cut and joined videos are read as players read them, and what was lost is said."""

from fractions import Fraction

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video.decoder import Damage
from ssa2d_jax.video.reader import read_frames
from tests.fixtures.encoded_video import COUNT, GROUPS, PACKET, encode, lost_in_the_middle, noise, positions, square


def read(path, **options):
    """The frames that can be read, the error at the end or None, and the remarks."""
    frames, remarks, error = [], [], None
    try:
        for frame in read_frames(path, notify=remarks.append, **options):
            frames.append(frame)
    except InputError as caught:
        error = str(caught)
    return frames, error, remarks


def overwritten_in_the_middle(tmp_path):
    """An mp4 with other bytes where a picture in the middle begins."""
    path = encode(tmp_path / "a.mp4", [noise(i) for i in range(COUNT)], options=GROUPS)
    with av.open(str(path)) as container:
        start = [packet.pos for packet in container.demux(video=0)][COUNT // 2]
    data = bytearray(path.read_bytes())
    data[start : start + 40] = b"\xff" * 40
    (tmp_path / "damaged.mp4").write_bytes(data)
    return tmp_path / "damaged.mp4"


def overwritten_pictures(tmp_path):
    """An AVI of JPEGs, one of which is damaged."""
    frames = [noise(i) for i in range(COUNT)]
    data = bytearray(encode(tmp_path / "a.avi", frames, codec="mjpeg", pix_fmt="yuvj420p").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = bytes(400)
    (tmp_path / "damaged.avi").write_bytes(data)
    return tmp_path / "damaged.avi"


@pytest.mark.parametrize("make", [lost_in_the_middle, overwritten_in_the_middle, overwritten_pictures])
def test_what_follows_a_damaged_place_is_read(tmp_path, make):
    path = make(tmp_path)
    frames, error, _ = read(path)
    assert len(frames) >= COUNT - 2
    assert f"{path}: " in error and "damaged" in error and f"all {len(frames)} frames that FFmpeg can decode" in error
    np.testing.assert_allclose(frames[-1].rgb.mean(), noise(COUNT - 1).mean(), atol=8)
    times = [frame.pts for frame in frames]
    assert times[0] == 0 and all(np.diff(times) > 0)


def test_strict_stops_at_the_damage(tmp_path):
    frames, error, _ = read(lost_in_the_middle(tmp_path), strict=True)
    assert 20 < len(frames) < 40 and "stops there: later frames may have other numbers" in error


def test_frames_that_the_decoder_holds_before_a_cut_are_kept(tmp_path):
    frames = [noise(i) for i in range(COUNT)]
    path = encode(tmp_path / "a.mp4", frames, options=GROUPS, container_options={"movflags": "faststart"})
    with av.open(str(path)) as container:
        ends = sorted(packet.pos + packet.size for packet in container.demux(video=0) if packet.size)
    data = path.read_bytes()
    frames, error, _ = read_cut(tmp_path, data, ends[33])
    assert len(frames) == 34 and f"breaks off after 34 of {COUNT} frames" in error
    frames, error, _ = read_cut(tmp_path, data, ends[33] + 5)
    assert len(frames) == 34 and "breaks off after 34" in error


def read_cut(tmp_path, data, size):
    """Reads an mp4, index first, that ends after `size` bytes."""
    (tmp_path / "cut.mp4").write_bytes(data[:size])
    return read(tmp_path / "cut.mp4")


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_a_broadcast_from_the_middle_begins_with_the_next_key_picture(tmp_path, codec):
    frames = [square(i) for i in range(COUNT)]
    options = {"g": "15", "bf": "2"} | ({"x264-params": "repeat-headers=1:scenecut=0"} if codec == "libx264" else {})
    data = encode(tmp_path / "a.ts", frames, codec=codec, options=options).read_bytes()
    (tmp_path / "cut.ts").write_bytes(data[len(data) // PACKET // 5 * PACKET :])
    read_of_it, error, _ = read(tmp_path / "cut.ts")
    assert error is None and COUNT - 20 <= len(read_of_it) < COUNT
    assert positions(frame.rgb for frame in read_of_it[-5:]) == positions(frames[-5:])


def test_joined_files_are_read_to_the_end(tmp_path):
    parts = [encode(tmp_path / f"{i}.ts", [square(k) for k in range(20)]).read_bytes() for i in range(2)]
    (tmp_path / "both.ts").write_bytes(b"".join(parts))
    frames, _, _ = read(tmp_path / "both.ts")
    assert len(frames) == 40
    times = [float(frame.pts * frame.time_base) for frame in frames]
    np.testing.assert_allclose(np.diff(times), 1 / 25, atol=2e-3)


def test_a_start_that_is_not_zero(tmp_path):
    path = encode(tmp_path / "a.ts", [square(k) for k in range(5)], start=25 * 3600)
    frames, error, _ = read(path)
    assert error is None
    assert [float(frame.pts * frame.time_base) for frame in frames] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])


def pack_b_frames(tmp_path, count):
    """An AVI of MPEG-4 whose B-frames share a packet with the frame before them, as DivX wrote it."""
    encode(
        tmp_path / "a.avi", [square(i) for i in range(count)], codec="mpeg4", options={"bf": "1", "g": "12", "b": "2M"}
    )
    start_of_picture, start_of_group, user_data = b"\0\0\1\xb6", b"\0\0\1\xb3", b"\0\0\1\xb2DivX503b1393p"
    is_b = lambda data: data[data.index(start_of_picture) + 4] >> 6 == 2
    not_coded = start_of_picture + bytes([0b01010000, 0b01001111])  # a P-frame without content; times of 5 bits
    with av.open(str(tmp_path / "a.avi")) as source, av.open(str(tmp_path / "packed.avi"), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        packets = [bytes(packet) for packet in source.demux(video=0) if packet.size]
        header = packets[0].index(start_of_group if start_of_group in packets[0] else start_of_picture)
        packets[0] = packets[0][:header] + user_data + packets[0][header:]
        packed = []
        for data in packets:
            packed += [packed.pop() + data, not_coded] if is_b(data) else [data]
        for number, data in enumerate(packed):
            packet = av.Packet(data)
            packet.stream, packet.time_base, packet.pts, packet.dts = stream, Fraction(1, 25), number, number
            container.mux(packet)
    return tmp_path / "packed.avi"


def test_packed_b_frames_are_shown_one_frame_apart(tmp_path):
    path = pack_b_frames(tmp_path, 20)
    with av.open(str(path)) as container:
        stored = [frame.pts for frame in container.decode(video=0)]
    assert stored != sorted(stored)  # otherwise this test would show nothing
    frames, error, _ = read(path)
    assert error is None and positions(frame.rgb for frame in frames) == positions(square(i) for i in range(20))
    assert [frame.pts * frame.time_base for frame in frames] == [Fraction(i, 25) for i in range(20)]


TURNS = {
    "rotate=90": lambda rgb: np.rot90(rgb),  # counter-clockwise
    "rotate=180": lambda rgb: rgb[::-1, ::-1],
    "flip=horizontal": lambda rgb: rgb[:, ::-1],
    "flip=vertical": lambda rgb: rgb[::-1],
}


@pytest.mark.parametrize("message", TURNS)
def test_an_orientation_that_the_stream_gives_once_holds(tmp_path, message):
    encode(tmp_path / "a.h264", [square(0)] * 6, options={"bf": "0"})
    with av.open(str(tmp_path / "a.h264")) as container:
        stream = container.streams.video[0]
        insert = BitStreamFilterContext(f"h264_metadata=display_orientation=insert:{message}", stream)
        packets = [out for packet in container.demux(stream) for out in insert.filter(packet if packet.size else None)]
    (tmp_path / "turned.h264").write_bytes(b"".join(map(bytes, packets)))
    frames, error, _ = read(tmp_path / "turned.h264")
    assert error is None and len(frames) == 6
    for frame in frames:
        np.testing.assert_allclose(frame.rgb.astype(int), TURNS[message](square(0)), atol=40)
    assert [float(frame.pts * frame.time_base) for frame in frames] == pytest.approx(np.arange(6) / 25)  # it has none


def test_joined_recordings_are_no_damage(tmp_path):
    parts = [encode(tmp_path / f"{i}.ts", [square(k) for k in range(20)]).read_bytes() for i in range(2)]
    (tmp_path / "both.ts").write_bytes(b"".join(parts))
    frames, error, remarks = read(tmp_path / "both.ts", strict=True)
    assert len(frames) == 40 and error is None
    assert any("times jump at 1 place" in remark for remark in remarks)


def test_damage_in_the_last_frame_alone_is_a_remark(tmp_path):
    data = encode(tmp_path / "a.ts", [noise(i) for i in range(10)], options={"bf": "0", "g": "1"}).read_bytes()
    (tmp_path / "cut.ts").write_bytes(data[: len(data) // PACKET * PACKET - 5 * PACKET])
    for strict in (False, True):
        frames, error, remarks = read(tmp_path / "cut.ts", strict=strict)
        assert error is None and len(frames) == 10 and "its last frame is damaged" in remarks[-1]


def _seen(numbers, rate=25):
    """Damage after which frames with these numbers of the undamaged video were shown, an hour after the clock began."""
    damage = Damage(Fraction(rate))
    for number, of_all in enumerate(numbers):
        damage.see(number, 3600 + of_all / rate)
    return damage


def test_lost_frames_are_counted_with_their_time():
    damage = _seen([*range(25), *range(33, 50)])
    damage.add(25, packets=8)
    text = "damaged: about 8 of 50 frames lost between 0.96 and 1.32 s, after frame 24"
    assert damage.describe(42, 0) == damage.describe(42, 50) == text
    assert damage.describe(42, None) == text.replace("8 of 50 frames", "8 frames")


def test_several_places_and_frames_that_no_gap_shows():
    damage = _seen([*range(10), 11, *range(13, 20)])
    damage.add(10, packets=2)
    assert damage.describe(18, 25) == (
        "damaged: about 2 of 25 frames lost in 2 places between 0.36 and 0.52 s, after frame 9 and 5 frames lost at "
        "other places"
    )


def test_gaps_far_from_the_damage_are_no_loss():
    damage = _seen([0, 1, *range(5, 300)])  # a camera that starts slowly
    damage.add(280, frames=2)
    assert damage.describe(297, 297) == "damaged near frame 280 (11.96 s): 2 frames decoded in part from 11.96 s on"


def test_without_times_the_place_is_said():
    damage = Damage(None)
    damage.add(7, packets=1)
    assert damage.describe(20, 0) == "damaged near frame 7 (0.00 s)"
    assert damage.describe(20, 22) == "damaged near frame 7 (0.00 s): 2 frames lost"


def test_a_clock_that_begins_anew_is_no_gap():
    damage = _seen([0, 1, 2, 10_000_000, 10_000_001])
    damage.add(2, packets=1)
    assert "lost" not in damage.describe(5, 0)
