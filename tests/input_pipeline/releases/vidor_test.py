"""VidOR's annotations: difficult cases give exactly the expected maps, and problems are named."""

import json

import numpy as np
import pytest

from input_pipeline.releases import vidor
from ssa2d_jax.data import vidor_classes
from ssa2d_jax.utils.errors import InputError

CLASS = {name: 1 + i for i, name in enumerate(vidor_classes.OBJECTS)}
DOES = {name: i for i, name in enumerate(vidor_classes.ACTIONS)}
ACTIONS = len(vidor_classes.ACTIONS)


def box(tid, xmin, ymin, xmax, ymax):
    return {"tid": tid, "bbox": {"xmin": xmin, "ymin": ymin, "xmax": xmax, "ymax": ymax}, "generated": 0}


def relation(subject, predicate, other, begin, end):
    return {"subject_tid": subject, "object_tid": other, "predicate": predicate, "begin_fid": begin, "end_fid": end}


def awkward():
    """Gap in the tids, an empty frame, overlapping boxes, two predicates at once, one past the end, boxes outside."""
    return {
        "version": "VERSION 1.0", "video_id": "123", "video_hash": "x", "video_path": "0001/123.mp4",
        "frame_count": 3, "fps": 25.0, "width": 8, "height": 6,
        "subject/objects": [{"tid": 0, "category": "adult"}, {"tid": 7, "category": "dog"},
                            {"tid": 3, "category": "ball/sports_ball"}],
        "trajectories": [
            [box(0, 0, 0, 4, 4), box(7, 2, 2, 6, 6)],
            [],
            [box(7, -3, -2, 2, 2), box(3, 6, 4, 99, 99), box(0, 20, 20, 30, 30)],
        ],
        "relation_instances": [
            relation(0, "chase", 7, 0, 1), relation(0, "watch", 7, 0, 3), relation(7, "bite", 3, 2, 50),
            relation(7, "next_to", 0, 0, 3), relation(7, "watch", 0, 0, 1),
        ],
    }  # fmt: skip


@pytest.fixture
def release(tmp_path):
    folder = tmp_path / "Release"
    (folder / "annotation/training/0001").mkdir(parents=True)
    (folder / "video/0001").mkdir(parents=True)
    return folder


def write(release, content, name="123"):
    path = release / f"annotation/training/0001/{name}.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def actions(*names):
    return np.isin(np.arange(ACTIONS), [DOES[name] for name in names])


def test_the_awkward_cases_give_exactly_these_maps(release):
    annotation = vidor.read_annotation(write(release, awkward()), release)
    assert annotation.video == (release / "video/0001/123.mp4").resolve() and annotation.size == (6, 8)
    first = vidor.regions(annotation, 0, ACTIONS)
    A, D, B = 1, 2, 3  # the adult alone, the dog alone, both
    places = {region: set(zip(*(axis.tolist() for axis in np.nonzero(first.map == region)), strict=True))
              for region in np.unique(first.map) if region}  # fmt: skip
    adult = {(y, x) for y in range(4) for x in range(4)}
    dog = {(y, x) for y in range(2, 6) for x in range(2, 6)}
    by_place = {frozenset(place): region for region, place in places.items()}
    lines = [by_place[frozenset(place)] - 1 for place in (adult - dog, dog - adult, adult & dog)]
    assert len(by_place) == len(lines) == 3 and {A, D, B} == set(places)
    # The dog's box comes later, so it covers; where both are, the actions of both.
    assert [first.actor[line] for line in lines] == [CLASS["adult"], CLASS["dog"], CLASS["dog"]]
    expected_actions = [actions("chase", "watch"), actions("watch"), actions("chase", "watch")]
    for line, row in zip(lines, expected_actions, strict=True):
        np.testing.assert_array_equal(first.actions[line], row)
    assert not first.ignore.any()

    empty = vidor.regions(annotation, 1, ACTIONS)
    assert not empty.map.any() and empty.actor.shape == (0,) and empty.actions.shape == (0, ACTIONS)

    last = vidor.regions(annotation, 2, ACTIONS)
    expected = np.zeros((6, 8), np.uint16)
    expected[:2, :2], expected[4:, 6:] = 1, 2  # cut at the border; the adult is wholly outside
    np.testing.assert_array_equal(last.map, expected)
    assert last.actor.tolist() == [CLASS["dog"], CLASS["ball/sports_ball"]]
    np.testing.assert_array_equal(last.actions, [actions("bite"), actions()])  # only the subject's box bites


def test_end_is_exclusive_and_cut_at_the_last_frame(release):
    annotation = vidor.read_annotation(write(release, awkward()), release)
    spans = {vidor.predicates(False)[r.predicate]: (r.begin, r.end) for r in annotation.relations if r.subject == 7}
    assert spans == {"bite": (2, 3), "watch": (0, 1)}


def test_spatial_predicates_are_a_switch(release):
    annotation = vidor.read_annotation(write(release, awkward()), release, spatial=True)
    assert len(vidor.predicates(True)) == 50 and len(annotation.relations) == 5
    dog = vidor.regions(annotation, 2, 50)
    assert np.flatnonzero(dog.actions[0]).tolist() == [DOES["bite"], 42 + vidor_classes.SPATIAL.index("next_to")]


def test_three_boxes_that_overlap_are_seven_regions(release):
    content = awkward()
    content["trajectories"][0] = [box(0, 0, 0, 4, 4), box(7, 2, 0, 6, 4), box(3, 1, 2, 5, 6)]
    annotation = vidor.read_annotation(write(release, content), release)
    regions = vidor.regions(annotation, 0, ACTIONS)
    # An oracle a pixel: which boxes hold it.
    for y in range(6):
        for x in range(8):
            inside = [tid for tid, (left, top, right, bottom) in annotation.boxes[0].items()
                      if left <= x < right and top <= y < bottom]  # fmt: skip
            region = regions.map[y, x]
            assert bool(region) == bool(inside)
            if inside:
                assert regions.actor[region - 1] == annotation.objects[inside[-1]]
                does = {r.predicate for r in annotation.relations if r.subject in inside and r.begin <= 0 < r.end}
                assert set(np.flatnonzero(regions.actions[region - 1])) == does
    assert sorted(np.unique(regions.map)) == list(range(8))


def changed(**changes):
    return awkward() | changes


BAD = {
    "not JSON": ("{", "not a JSON file"),
    "a list": ([], "expected an object with the annotation of a video, found a list"),
    "no field": ({k: v for k, v in awkward().items() if k != "trajectories"}, "trajectories is missing"),
    "text for a number": (changed(width="8"), "width is '8'; expected a whole number"),
    "no pixels": (changed(height=0), "3 frames of 8x0"),
    "too large": (changed(height=10**6, width=10**6), "at most 9437184 pixels"),
    "length": (changed(frame_count=4), "frame_count is 4, but trajectories has 3 frames"),
    "category": (changed(**{"subject/objects": [{"tid": 0, "category": "unicorn"}]}), "unknown category 'unicorn'"),
    "tid twice": (changed(**{"subject/objects": [{"tid": 0, "category": "cat"}] * 2}), "tid 0 is listed twice"),
    "stray box": (changed(trajectories=[[box(9, 0, 0, 1, 1)], [], []]), "frame 0: tid 9 is not in subject/objects"),
    "two boxes": (changed(trajectories=[[box(0, 0, 0, 1, 1)] * 2, [], []]), "frame 0: tid 0 has two boxes"),
    "no corner": (changed(trajectories=[[{"tid": 0, "bbox": {"xmin": 1}}], [], []]), "ymin is missing"),
    "predicate": (changed(relation_instances=[relation(0, "teleport", 7, 0, 1)]), "unknown predicate 'teleport'"),
    "stray subject": (changed(relation_instances=[relation(5, "watch", 7, 0, 1)]), "tid 5 is not in subject/objects"),
    "backwards": (changed(relation_instances=[relation(0, "watch", 7, 2, 2)]), "begin_fid is 2 and end_fid is 2"),
    "outside": (changed(video_path="../../secret.mp4"), "leads out of .*video"),
    "absolute": (changed(video_path="/etc/passwd"), "leads out of .*video"),
    "surrogate": (changed(video_path="0001/\ud800.mp4"), "names no file .UnicodeEncodeError"),
    "corners": (changed(trajectories=[[box(0, 5, 0, 1, 1)], [], []]), r"tid 0 has a box from \(5, 0\) back to"),
    "path's type": (changed(video_path=3), "video_path is 3; expected a text"),
    "name": (changed(video_id="../123"), "which is not a plain name"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_used_is_named(case, release):
    content, message = BAD[case]
    path = write(release, content)
    with pytest.raises(InputError, match=message) as raised:
        vidor.read_annotation(path, release)
    assert str(raised.value).startswith(str(path))


def test_a_link_does_not_lead_out_of_the_folder(release, tmp_path):
    (release / "video/0001/123.mp4").symlink_to(tmp_path / "elsewhere.mp4")
    with pytest.raises(InputError, match="leads out of"):
        vidor.read_annotation(write(release, awkward()), release)


def test_a_link_to_itself_is_named(release):
    (release / "video" / "loop").symlink_to(release / "video" / "loop")
    path = write(release, changed(video_path="loop/123.mp4"))
    with pytest.raises(InputError, match="names no file"):
        vidor.read_annotation(path, release)


def test_the_layout_is_asked_for(release):
    write(release, awkward())
    (vidor.annotation_files(release, "train")[0].parent / "._123.json").write_bytes(b"")  # from a Mac
    assert [path.name for path in vidor.annotation_files(release, "train")] == ["123.json"]
    with pytest.raises(InputError, match="validation: no such folder"):
        vidor.annotation_files(release, "test")
    (release / "annotation/validation").mkdir()
    with pytest.raises(InputError, match="contains no annotation"):
        vidor.annotation_files(release, "test")


def test_the_classes_are_vidors():
    assert (len(vidor_classes.OBJECTS), ACTIONS, len(vidor_classes.SPATIAL)) == (80, 42, 8)
    assert len(set(vidor_classes.OBJECTS)) == 80 and len(set(vidor.predicates(True))) == 50
    assert set(vidor_classes.FREQUENT_OBJECTS) < set(vidor_classes.OBJECTS)
    assert set(vidor_classes.FREQUENT_ACTIONS) < set(vidor_classes.ACTIONS)
