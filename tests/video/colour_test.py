"""Colours: matrices with and without tags, ranges, HDR; and interlaced fields."""

import av
import numpy as np
import pytest
from av.codec.context import Flags

from ssa2d_jax.video.reader import read_frames
from tests.fixtures.encoded_video import encode, square

COLOURS = np.array(
    [[220, 40, 40], [40, 200, 60], [30, 60, 210], [230, 200, 40], [128, 128, 128], [250, 250, 250]], float
)
MATRICES = {"601": (0.299, 0.114), "709": (0.2126, 0.0722), "2020": (0.2627, 0.0593)}  # K_R, K_B of ITU-R BT.*
CODES = {"601": 6, "709": 1, "2020": 9, "none": 2}  # of H.273


def bands(matrix, size, *, full=False, tag="none"):
    """A picture of six vertical bands, as yuv420p of this matrix."""
    kr, kb = MATRICES[matrix]
    y = COLOURS @ [kr, 1 - kr - kb, kb]
    cb, cr = (COLOURS[:, 2] - y) / (2 * (1 - kb)), (COLOURS[:, 0] - y) / (2 * (1 - kr))
    scale_y, scale_c, offset = (1, 1, 0) if full else (219 / 255, 224 / 255, 16)
    planes = np.rint([offset + scale_y * y, 128 + scale_c * cb, 128 + scale_c * cr])
    picture = av.VideoFrame(size[1], size[0], "yuv420p")
    for plane, values in zip(picture.planes, planes, strict=True):
        array = np.zeros((plane.height, plane.line_size), np.uint8)
        array[:, : plane.width] = np.repeat(values, -(-plane.width // 6))[: plane.width]
        plane.update(array.tobytes())
    picture.colorspace, picture.color_range = CODES[tag], 2 if full else 1
    return picture


def largest_error(path):
    """Between the bands of the first frame and their colours."""
    rgb = next(read_frames(path)).rgb
    width = rgb.shape[1] // 6
    middles = rgb[rgb.shape[0] // 2, [width * i + width // 2 for i in range(6)]]
    return np.abs(middles - COLOURS).max()


@pytest.mark.parametrize(
    "matrix, tag, size, full",
    [
        ("601", "601", (64, 192), False),
        ("709", "709", (64, 192), False),
        ("709", "709", (64, 192), True),
        ("2020", "2020", (64, 192), False),
        ("601", "none", (64, 192), False),  # untagged: small videos are BT.601, large ones BT.709
        ("601", "none", (576, 720), False),
        ("709", "none", (720, 1280), False),
        ("709", "none", (1280, 720), False),
        ("601", "601", (720, 1280), False),
    ],
)
def test_colours_by_tag_or_size(tmp_path, matrix, tag, size, full):
    frames = [bands(matrix, size, full=full, tag=tag)]
    context = {"colorspace": CODES[tag], "color_range": 2 if full else 1}
    path = encode(tmp_path / "a.mp4", frames, options={"crf": "1", "preset": "ultrafast"}, **context)
    assert largest_error(path) <= 6


def hlg(scene):
    """Light of a scene, RGB of BT.709 in [0, 1], as HLG with primaries of BT.2020, ITU-R BT.2100: [..., 3] in [0, 1].

    The scene's white is at 75 % of the signal, as ITU-R BT.2408 recommends.
    """
    to_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
    light = scene @ to_2020.T * 0.265
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(light <= 1 / 12, np.sqrt(3 * light), a * np.log(np.maximum(12 * light - b, 1e-9)) + c)


def test_hdr_is_mapped_to_the_colours_of_the_scene(tmp_path):
    scene = np.array([[200, 60, 60], [60, 180, 80], [60, 80, 190], [120, 120, 120]], float)
    signal = hlg((scene / 255) ** 2.4)
    kr, kb = MATRICES["2020"]
    y = signal @ [kr, 1 - kr - kb, kb]
    planes = [
        64 + 876 * y,
        512 + 896 * (signal[:, 2] - y) / (2 * (1 - kb)),
        512 + 896 * (signal[:, 0] - y) / (2 * (1 - kr)),
    ]
    picture = av.VideoFrame(128, 64, "yuv420p10le")
    for plane, values in zip(picture.planes, planes, strict=True):
        array = np.zeros((plane.height, plane.line_size // 2), np.uint16)
        array[:, : plane.width] = np.repeat(np.rint(values), plane.width // 4)
        plane.update(array.tobytes())
    tags = {"colorspace": 9, "color_range": 1, "color_primaries": 9, "color_trc": 18}
    for name, value in tags.items():
        setattr(picture, name, value)
    path = encode(tmp_path / "a.mp4", [picture], pix_fmt="yuv420p10le", options={"crf": "1"}, **tags)
    remarks = []
    frame = next(read_frames(path, notify=remarks.append))
    assert any("HDR (HLG)" in remark for remark in remarks)
    found = frame.rgb[32, 16::32].astype(float)
    saturation = lambda colours: colours.max(-1) - colours.min(-1)
    assert (saturation(found)[:3] > 0.75 * saturation(scene)[:3]).all()
    assert saturation(found)[3] <= 4
    assert np.abs(found - scene).mean() < 25


def roughness(rgb):
    """Mean difference between neighbouring rows of the square, beyond that between rows of one field."""
    grey = rgb[12:24].astype(float).mean(-1)
    return np.abs(grey[1:] - grey[:-1]).mean() - np.abs(grey[2:] - grey[:-2]).mean()


@pytest.mark.parametrize("name, codec", [("a.mp4", "libx264"), ("a.mpg", "mpeg2video")])
def test_interlaced_fields_are_joined(tmp_path, name, codec):
    fields = [square(i, 96, 128) for i in range(40)]
    pairs = zip(fields[::2], fields[1::2], strict=True)
    frames = [np.where(np.arange(96)[:, None, None] % 2, odd, even) for even, odd in pairs]
    assert roughness(frames[9]) > 4
    interlaced = Flags.interlaced_dct | Flags.interlaced_me
    path = encode(tmp_path / name, frames, codec=codec, options={"b": "4M"}, flags=interlaced)
    remarks = []
    read = list(read_frames(path, notify=remarks.append))
    assert len(read) == 20 and [remark for remark in remarks if "interlaced" in remark] == remarks[:1]
    assert all(roughness(frame.rgb) < 1 for frame in read[1:-1])
    times = [float(frame.pts * frame.time_base) for frame in read]
    np.testing.assert_allclose(times, np.arange(20) / 25, atol=1e-3)
    progressive = encode(tmp_path / f"plain_{name}", frames, codec=codec, options={"b": "4M"})
    assert roughness(list(read_frames(progressive))[9].rgb) > 2  # what isn't marked stays as it is


@pytest.mark.parametrize("first, second", [((48, 64), (96, 128)), ("yuv422p", "yuv420p")])
def test_interlaced_recordings_of_two_kinds_that_were_joined(tmp_path, first, second):
    data = b""
    for kind in (first, second):
        size, pix_fmt = (kind, "yuv420p") if isinstance(kind, tuple) else ((96, 128), kind)
        frames = [square(i, *size) for i in range(10)]
        options = {"codec": "mpeg2video", "pix_fmt": pix_fmt, "options": {"b": "4M"}}
        path = encode(tmp_path / "a.ts", frames, flags=Flags.interlaced_dct | Flags.interlaced_me, **options)
        data += path.read_bytes()
    (tmp_path / "both.ts").write_bytes(data)
    read = list(read_frames(tmp_path / "both.ts", notify=lambda remark: None))
    sizes = [kind if isinstance(kind, tuple) else (96, 128) for kind in (first, second)]
    # FFmpeg's decoder of MPEG-2 drops the picture that it holds when the stream changes.
    assert [frame.rgb.shape[:2] for frame in read] == [sizes[0]] * 9 + [sizes[1]] * 10
    for number in (5, 14):
        np.testing.assert_allclose(read[number].rgb[18, 2 * 5 + 8], 230, atol=25)
        np.testing.assert_allclose(read[number].rgb[40, 50], 40, atol=25)


def test_hdr10_with_the_light_of_its_display_is_as_bright_as_without(tmp_path):
    """PQ, ITU-R BT.2100: 203 cd/m2, the white of SDR, is 58 % of the signal."""
    picture = av.VideoFrame(64, 64, "yuv420p10le")
    for plane, value in zip(picture.planes, (64 + 876 * 0.58, 512, 512), strict=True):
        array = np.full((plane.height, plane.line_size // 2), round(value), np.uint16)
        plane.update(array.tobytes())
    tags = {"colorspace": 9, "color_range": 1, "color_primaries": 9, "color_trc": 16}
    for name, value in tags.items():
        setattr(picture, name, value)
    display = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400"
    brightness = []
    for parameters in (display, "hdr10=0"):
        options = {"x265-params": f"log-level=none:{parameters}"}
        path = encode(
            tmp_path / "a.mp4", [picture] * 3, codec="libx265", pix_fmt="yuv420p10le", options=options, **tags
        )
        frames = list(read_frames(path, notify=lambda remark: None))
        brightness.append(frames[1].rgb.mean())
    np.testing.assert_allclose(brightness, 235, atol=20)
    np.testing.assert_allclose(*brightness, atol=3)


def test_wide_primaries_of_sdr_are_mapped(tmp_path):
    frames = [bands("709", (64, 192), tag="709")]
    tags = {"colorspace": 1, "color_range": 1, "color_trc": 1}
    red = []
    for primaries in (1, 12):  # BT.709; Display P3, whose red is more saturated
        frames[0].color_primaries = primaries
        remarks = []
        path = encode(tmp_path / "a.mp4", frames, options={"crf": "1"}, color_primaries=primaries, **tags)
        red.append(next(read_frames(path, notify=remarks.append)).rgb[32, 16].astype(int))
        assert bool(remarks) == (primaries == 12)
    assert red[1][0] > red[0][0] + 10 and red[1][1] < red[0][1]


def test_a_field_order_that_only_the_container_tells(tmp_path):
    fields = [square(i, 96, 128) for i in range(40)]
    pairs = zip(fields[::2], fields[1::2], strict=True)
    frames = [np.where(np.arange(96)[:, None, None] % 2, odd, even) for even, odd in pairs]
    path = encode(tmp_path / "a.mkv", frames, codec="ffv1", field_order=2)
    read = list(read_frames(path, notify=lambda remark: None))
    assert len(read) == 20 and all(roughness(frame.rgb) < 1 for frame in read[1:-1])
