"""Reads the files that `predict --format` writes with the code of the tools themselves, and compares every mask.

Needs no part of the project to read, so that the libraries can be in environments of their own:

    python -m tools.read_exports make folder                     # the project's environment: writes examples
    python tools/read_exports.py read folder                     # one with datumaro, labelme, pycocotools, supervision
"""

import importlib.metadata
import json
import shutil
import sys
import warnings
from collections.abc import Iterator
from importlib import import_module as load  # not needed by the project
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

Entries = Iterator[tuple[int, int, str, str, Any]]  # track, frame, actor, action, mask


def make(folder: Path) -> None:
    """Writes tracks in all formats, with what has to come out again: truth.npz and truth.json."""
    from ssa2d_jax.inference.exports.options import ExportOptions
    from ssa2d_jax.inference.exports.write import write_formats

    clip: Any = load("tests.fixtures.export_clip")  # as the tests

    tracks_json = clip.write_tracks(folder)
    write_formats(tracks_json, folder, ("cvat", "coco", "youtube_vis", "labelme"), ExportOptions())
    (folder / "polygons").mkdir(exist_ok=True)
    write_formats(tracks_json, folder / "polygons", ("cvat", "labelme"), ExportOptions(shapes="polygons"))
    for place in (folder, folder / "polygons"):
        pixels = np.zeros((clip.HEIGHT, clip.WIDTH, 3), np.uint8)
        for path in (place / "labelme").glob("*.json"):
            write_picture(path.with_suffix(".jpg"), pixels)
    truth = {f"{track}/{frame}": mask for track, frames in clip.masks().items() for frame, mask in frames.items()}
    np.savez_compressed(folder / "truth.npz", **truth)
    actors = {number: clip.ACTORS[i] for i, number in enumerate(clip.masks())}
    actions = {key: clip.ACTIONS[clip.action_of(*map(int, key.split("/"))) - 1] for key in truth}
    (folder / "truth.json").write_text(json.dumps({"actors": actors, "actions": actions}))


def write_picture(path: Path, pixels: Any) -> None:
    from ssa2d_jax.utils.images import encode_jpeg

    path.write_bytes(encode_jpeg(pixels, 90))


def read_pycocotools(folder: Path) -> Entries:
    coco = load("pycocotools.coco").COCO(str(folder / "coco.json"))
    for entry in coco.loadAnns(coco.getAnnIds()):
        attributes, frame = entry["attributes"], entry["image_id"] - 1
        assert coco.loadImgs(entry["image_id"])[0]["file_name"] == f"frame_{frame:06d}.PNG"
        actor = coco.loadCats(entry["category_id"])[0]["name"]
        yield attributes["track_id"], frame, actor, attributes["action"], coco.annToMask(entry)


def read_datumaro_coco(folder: Path) -> Entries:
    Dataset = load("datumaro.components.dataset").Dataset

    place = folder / "coco" / "annotations"  # where it looks for such files
    place.mkdir(parents=True, exist_ok=True)
    (folder / "coco" / "images").mkdir(exist_ok=True)
    shutil.copy(folder / "coco.json", place / "instances_default.json")
    yield from _datumaro(Dataset.import_from(str(folder / "coco"), "coco_instances"))


def read_cvat_sdk(folder: Path) -> Entries:
    decode_mask, encode_mask = load("cvat_sdk.masks").decode_mask, load("cvat_sdk.masks").encode_mask

    for image in ElementTree.parse(folder / "cvat.xml").iter("image"):
        width, height = int(image.attrib["width"]), int(image.attrib["height"])
        for shape in image.iter("mask"):
            x, y, w, h = (int(shape.attrib[name]) for name in ("left", "top", "width", "height"))
            points = [*map(int, shape.attrib["rle"].split(",")), x, y, x + w - 1, y + h - 1]
            mask = decode_mask(points, image_width=width, image_height=height)
            assert encode_mask(mask) == points
            attributes = {entry.attrib["name"]: entry.text or "" for entry in shape.iter("attribute")}
            track, actor = int(attributes["track_id"]), shape.attrib["label"]
            yield track, int(image.attrib["id"]), actor, attributes["action"], mask


def read_datumaro_cvat(folder: Path) -> Entries:
    Dataset = load("datumaro.components.dataset").Dataset

    place = folder / "datumaro"
    (place / "images").mkdir(parents=True, exist_ok=True)
    text = (folder / "cvat.xml").read_text(encoding="utf-8")
    (place / "cvat.xml").write_text(text, encoding="utf-8")
    for number in range(text.count("<image ")):  # it wants a file, of whatever content, for each frame
        (place / "images" / f"frame_{number:06d}").touch()
    yield from _datumaro(Dataset.import_from(str(place), "cvat"))


def _datumaro(dataset: Any) -> Entries:
    AnnotationType = load("datumaro.components.annotation").AnnotationType

    names = [item.name for item in dataset.categories()[AnnotationType.label].items]
    for item in dataset:
        for entry in (entry for entry in item.annotations if entry.type == AnnotationType.mask):  # boxes are extra
            track, action = int(entry.attributes["track_id"]), entry.attributes["action"]
            yield track, int(item.id.removeprefix("frame_")), names[entry.label], action, entry.image


def read_supervision(folder: Path) -> Entries:
    dataset = load("supervision").DetectionDataset.from_coco(
        images_directory_path=str(folder), annotations_path=str(folder / "coco.json"), force_masks=True
    )
    tracks = {
        (entry["image_id"] - 1, tuple(entry["bbox"])): entry["attributes"]
        for entry in json.loads((folder / "coco.json").read_text())["annotations"]
    }
    for path, found in dataset.annotations.items():
        frame = int(Path(path).stem.removeprefix("frame_"))
        for box, mask, number in zip(found.xyxy, found.mask, found.class_id, strict=True):
            x, y, right, bottom = (int(value) for value in box)
            attributes = tracks[frame, (x, y, right - x, bottom - y)]  # it reads no attributes
            yield attributes["track_id"], frame, dataset.classes[number], attributes["action"], mask


def read_labelme(folder: Path) -> Entries:
    package = load("labelme")
    LabelFile = getattr(package, "LabelFile", None) or load("labelme._label_file").LabelFile
    shape_to_mask = load("labelme.utils").shape_to_mask
    for path in sorted((folder / "labelme").glob("*.json")):
        file = LabelFile(str(path))
        content = json.loads(path.read_text(encoding="utf-8"))
        size = content["imageHeight"], content["imageWidth"]
        for shape in file.shapes:
            if shape["shape_type"] == "mask":
                (x, y), (right, bottom) = np.array(shape["points"]).astype(int)
                mask = np.zeros(size, bool)
                mask[y : bottom + 1, x : right + 1] = shape["mask"]
            else:
                mask = shape_to_mask(size, shape["points"], shape["shape_type"])
            (action,) = (name for name, is_done in shape["flags"].items() if is_done)
            yield shape["group_id"], int(path.stem.removeprefix("frame_")), shape["label"], action, mask


READERS = {
    "coco, pycocotools": ("pycocotools", read_pycocotools, ""),
    "coco, datumaro": ("datumaro", read_datumaro_coco, ""),
    "cvat masks, cvat_sdk": ("cvat_sdk", read_cvat_sdk, ""),
    "cvat masks, datumaro": ("datumaro", read_datumaro_cvat, ""),
    "coco, supervision": ("supervision", read_supervision, ""),
    "labelme masks, labelme": ("labelme", read_labelme, ""),
    "labelme polygons, labelme": ("labelme", read_labelme, "polygons"),
}


def compare(folder: Path, entries: Entries) -> tuple[int, int, int, float, int]:
    """How many masks came back, how many equal to the pixel, the least IoU, and whether all names are right."""
    names = json.loads((folder / "truth.json").read_text())
    with np.load(folder / "truth.npz") as saved:
        truth = {key: saved[key] for key in saved}
    equal, least, named, count = 0, 1.0, 0, 0
    for track, frame, actor, action, mask in entries:
        key = f"{track}/{frame}"
        expected, found = truth.pop(key), np.asarray(mask).astype(bool)
        count += 1
        equal += bool((expected == found).all())
        least = min(least, (expected & found).sum() / (expected | found).sum())
        named += actor == names["actors"][str(track)] and action == names["actions"][key]
    return count, len(truth), equal, least, named


def read(folder: Path) -> None:
    print(f"{'format, read by':<28}{'version':<12}{'masks':>6}{'lost':>6}{'equal':>7}{'least IoU':>11}{'names':>7}")
    for title, (module, reader, part) in READERS.items():
        try:
            load(module)
        except ImportError:
            continue
        version = importlib.metadata.version(module)
        count, lost, equal, least, named = compare(folder, reader(folder / part))
        print(f"{title:<28}{version:<12}{count:>6}{lost:>6}{equal:>7}{least:>11.3f}{named:>7}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if len(sys.argv) != 3 or sys.argv[1] not in ("make", "read"):
        sys.exit(__doc__)
    (make if sys.argv[1] == "make" else read)(Path(sys.argv[2]))
