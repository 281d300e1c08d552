"""What the records of VidOR's clips hold."""

import cv2
import numpy as np
import pytest

from input_pipeline.records import vidor_clips, vidor_notes
from input_pipeline.records.options import VidorOptions
from input_pipeline.records.vidor_plan import ClipSpan
from ssa2d_jax.data.vidor_classes import ACTIONS, OBJECTS
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video import optical_flow
from ssa2d_jax.video.reader import VideoInfo
from tests.fixtures import vidor_release as fixture

DOG, BALL = 1 + OBJECTS.index("dog"), 1 + OBJECTS.index("ball/sports_ball")


def make_records(path, spans, root, **changes):
    plain = dict(clip_frames=8, labels_per_clip=2, clips_per_video=3, store_height=0, jpeg_quality=95)
    records, remark = vidor_clips.make_records((path, spans), root, VidorOptions(**plain | changes))
    assert remark == ""
    return records


def read_number(jpeg):
    """The number of a frame from `a2d_release.frames`: red is 8 times the number."""
    return round(float(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)[..., 2].mean()) / 8)


def regions(record, i):
    return cv2.imdecode(np.frombuffer(record["regions"][i], np.uint8), cv2.IMREAD_UNCHANGED)


def test_a_record_has_the_frames_of_its_clip_and_their_labels(tmp_path):
    release = fixture.write_release(tmp_path, train=1, test=1)
    path = release / "annotation/training/0000/100.json"
    (key, first), (_, second) = make_records(path, (ClipSpan(3, 1), ClipSpan(4, 2)), release)
    assert key == "0000-100:000003:1" and first["video"] == "100"
    assert [read_number(frame) for frame in first["frames"]] == list(range(3, 11))
    assert [read_number(frame) for frame in second["frames"]] == list(range(4, 20, 2))
    assert first["label_position"].tolist() == [2, 6] and first["label_frame"].tolist() == [6, 10]
    assert second["label_position"].tolist() == [2, 6] and second["label_frame"].tolist() == [9, 17]
    for record in (first, second):
        for i, number in enumerate(record["label_frame"] - 1):
            expected = np.zeros(fixture.SIZE, int)
            expected[4:20, number : number + 16] = DOG
            expected[24:32, 30:38] = BALL
            classes = np.concatenate([[0], record["region_actor"][2 * i : 2 * i + 2]])
            np.testing.assert_array_equal(classes[regions(record, i)], expected)
        # The dog's two actions; biting is visible in less than half of either clip.
        rows = record["region_actions"][record["region_actor"] == DOG]
        assert [[ACTIONS[a] for a in np.flatnonzero(row)] for row in rows] == [["chase", "watch"]] * 2
        assert not record["region_actions"][record["region_actor"] == BALL].any()


def test_an_action_is_kept_if_it_is_seen_in_half_of_the_clip(tmp_path):
    relations = [fixture.relation(2, "chase", 5, 0, 4), fixture.relation(2, "bite", 5, 0, 3)]
    fixture.write_release(tmp_path, train=0, test=1)
    content = fixture.annotation("7", relations=relations)
    content["trajectories"][0] = []  # frame 0 shows nobody
    fixture.write_video(tmp_path, "7")
    path = fixture.write_annotation(tmp_path, "train", content)

    def seen(start):
        ((_, record),) = make_records(path, (ClipSpan(start, 1),), tmp_path, clip_frames=4, labels_per_clip=4)
        return {ACTIONS[action] for row in record["region_actions"] for action in np.flatnonzero(row)}

    assert seen(0) == {"chase", "bite"}  # in frames 1 to 3, and 1 to 2, of 0 to 3
    assert seen(2) == {"chase"}  # frames 2 and 3 of 2 to 5; biting in frame 2 alone
    assert seen(3) == set()


def test_short_videos_give_short_clips(tmp_path):
    fixture.write_release(tmp_path, train=0, test=1)
    fixture.write_video(tmp_path, "7", count=5)
    path = fixture.write_annotation(tmp_path, "train", fixture.annotation("7", count=5))
    ((_, record),) = make_records(path, (ClipSpan(0, 1),), tmp_path)
    assert len(record["frames"]) == 5 and record["label_position"].tolist() == [1, 3]


def test_a_video_a_frame_shorter_than_its_annotation_gives_a_shorter_clip(tmp_path):
    fixture.write_video(tmp_path, "7", count=23)
    path = fixture.write_annotation(tmp_path, "test", fixture.annotation("7"))
    records = make_records(path, (ClipSpan(0, 1), ClipSpan(16, 1)), tmp_path, flow="dis", flow_height=16)
    assert [[read_number(frame) for frame in record["frames"]] for _, record in records] == [
        list(range(8)),
        list(range(16, 23)),
    ]
    assert [len(record["flow"]) for _, record in records] == [8, 7]
    assert records[1][1]["label_frame"].tolist() == [16 + 1 + 1, 16 + 5 + 1]


def test_flow_is_from_each_frame_of_the_clip_to_its_next(tmp_path, monkeypatch):
    release = fixture.write_release(tmp_path, train=1, test=1)
    number = lambda grey: round(float(grey.astype(float).mean()) * 100)  # noqa: E731
    pairs = []

    def estimate(first, second, method):
        pairs.append((number(first), number(second)))
        return np.zeros((*first.shape, 2), np.float32)

    monkeypatch.setattr(optical_flow, "estimate", estimate)
    path = release / "annotation/training/0000/100.json"
    ((_, record),) = make_records(path, (ClipSpan(4, 2),), release, flow="dis", flow_height=16)
    assert len(record["flow"]) == len(record["frames"]) == len(pairs) == 8
    assert [second for _, second in pairs[:-1]] == [first for first, _ in pairs[1:]]
    ((_, record),) = make_records(path, (ClipSpan(8, 2),), release, flow="dis", flow_height=16)
    assert len(record["flow"]) == 8 and len(pairs) == 8 + 7  # the video's last frame has no next frame
    assert record["flow"][-1] == record["flow"][-2]


def test_frames_are_counted_where_the_container_states_another_number(tmp_path, monkeypatch):
    fixture.write_video(tmp_path, "7")  # 24 frames
    path = fixture.write_annotation(tmp_path, "train", fixture.annotation("7"))
    options = VidorOptions(clip_frames=8, labels_per_clip=2, clips_per_video=3, store_height=0, jpeg_quality=95)
    expected, _ = vidor_clips.make_records((path, (ClipSpan(3, 1),)), tmp_path, options)
    monkeypatch.setattr(vidor_clips, "probe", lambda _: VideoInfo(None, 40))
    folder = tmp_path / "notes"
    folder.mkdir()
    records = vidor_clips.records_of_video((path, (ClipSpan(3, 1),)), folder=folder, root=tmp_path, options=options)
    assert [record["frames"] for _, record in records] == [record["frames"] for _, record in expected]
    note = vidor_notes.read_note(vidor_notes.note_file(folder, path))
    video = tmp_path / "video/0000/7.mp4"
    assert note.remark == f"{video}: the file states 40 frames, but 24 can be read: used, since {path} has 24"
    assert note.labels == [2] and note.problem == ""
    monkeypatch.setattr(vidor_clips, "probe", lambda _: VideoInfo(None, 24))
    path = fixture.write_annotation(
        tmp_path, "train", fixture.annotation("7") | {"frame_count": 40, "trajectories": [[]] * 40}
    )
    with pytest.raises(InputError, match="7.mp4: has 24 frames, but .* describes 40"):
        vidor_clips.make_records((path, (ClipSpan(3, 1),)), tmp_path, options)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"frame_count": 40, "trajectories": [[]] * 40}, "has 24 frames, .* describes 40"),
        ({"frame_count": 26, "trajectories": [[]] * 26}, "has 24 frames, .* describes 26"),
        ({"height": 30}, "frame 0 is 48x32, .* describes 48x30"),
        ({"height": 48, "width": 32}, "frame 0 is 48x32, .* describes 32x48: is the label turned by 90 degrees"),
        ({"video_path": "0000/gone.mp4"}, "gone.mp4: no such file, but .*7.json names it"),
    ],
)
def test_a_video_that_disagrees_with_its_annotation_is_named(tmp_path, changes, message):
    fixture.write_video(tmp_path, "7")
    path = fixture.write_annotation(tmp_path, "train", fixture.annotation("7") | changes)
    with pytest.raises(InputError, match=message):
        make_records(path, (ClipSpan(0, 1),), tmp_path)
