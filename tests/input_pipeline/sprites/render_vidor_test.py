"""The sprites world in VidOR's layout: valid annotations, exact boxes, the same annotations for the same seed."""

import dataclasses
import json

import numpy as np
import pytest

from input_pipeline.releases import vidor
from input_pipeline.sprites.render_vidor import (
    _INTERACTIONS,
    PREDICATES,
    VidorRenderOptions,
    _box,
    _predicate_spans,
    plan_scene,
    render_vidor,
)
from ssa2d_jax.data.vidor_classes import SPLIT_FOLDERS
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video.reader import read_frames

SETTINGS = VidorRenderOptions(seed=3, train_clips=10, test_clips=2, size=(64, 96), frames=24)


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sprites") / "Release"
    render_vidor(folder, SETTINGS, processes=2)
    return folder


def annotations(release):
    return [
        vidor.read_annotation(path, release)
        for split in ("train", "test")
        for path in vidor.annotation_files(release, split)
    ]


def test_the_reader_accepts_it_and_every_predicate_occurs(release):
    videos = annotations(release)
    assert len(videos) == 12 and SPLIT_FOLDERS == {"train": "training", "test": "validation"}
    names = vidor.predicates(False)
    # Each of the ten videos has another one of the ten interactions.
    assert {names[r.predicate] for video in videos for r in video.relations} == set(PREDICATES)
    assert len(PREDICATES) == 10
    for video in videos:
        assert len(video.boxes) == 24 and sum(1 for _ in read_frames(video.video)) == 24
        assert any(r.subject in video.boxes[12] for r in video.relations)  # a subject is in the picture
    assert any(max(video.objects) >= len(video.objects) for video in videos)  # tids with gaps


def test_boxes_bound_the_figures():
    rng = np.random.default_rng(0)
    scene = plan_scene(rng, [_INTERACTIONS[0]], (64, 96), 16)
    _, owners = next(scene.clip.frames())
    box = _box(4, owners == 1)["bbox"]
    inside = np.zeros_like(owners, bool)
    inside[box["ymin"] : box["ymax"], box["xmin"] : box["xmax"]] = True
    assert (inside | (owners != 1)).all()
    for edge in (owners[box["ymin"]], owners[box["ymax"] - 1], owners[:, box["xmin"]], owners[:, box["xmax"] - 1]):
        assert (edge == 1).any()


def test_still_figures_do_what_standing_figures_do():
    pushing = next(interaction for interaction in _INTERACTIONS if interaction.predicates == ("push",))
    carrying = next(interaction for interaction in _INTERACTIONS if interaction.predicates == ("carry", "hold"))
    assert _predicate_spans(pushing, 6, 24, 24) == {"push": (6, 24), "lean_on": (0, 6)}
    assert _predicate_spans(carrying, 0, 20, 24) == {"carry": (0, 20), "hold": (0, 24)}
    assert _predicate_spans(pushing, 0, 24, 24) == {"push": (0, 24)}


def test_annotations_follow_from_the_seed_alone(release, tmp_path):
    render_vidor(tmp_path / "again", SETTINGS, processes=1)
    render_vidor(tmp_path / "other", dataclasses.replace(SETTINGS, seed=4), processes=1)
    read = lambda folder: [  # noqa: E731
        json.loads(path.read_text())["trajectories"] for path in sorted(folder.glob("annotation/*/*/*.json"))
    ]
    assert read(tmp_path / "again") == read(release) != read(tmp_path / "other")


def test_a_folder_with_anything_else_is_refused(release):
    render_vidor(release, SETTINGS, processes=2)  # unchanged
    parameters = {"vidor_world": 1, "seed": 3, "train_clips": 10, "test_clips": 2, "size": [64, 96], "frames": 24}
    assert (release / "render.json").read_text() == json.dumps(parameters, indent=1) + "\n"
    with pytest.raises(InputError, match="holds another rendering"):
        render_vidor(release, dataclasses.replace(SETTINGS, frames=16), processes=2)
    with pytest.raises(InputError, match="even sizes"):
        render_vidor(release, dataclasses.replace(SETTINGS, size=(63, 96)), processes=2)
