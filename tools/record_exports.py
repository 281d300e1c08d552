"""Records small exports made by labelling tools' own code, and what it draws, for the tests of `convert`.

Each tool needs an environment of its own, in which this file is run; nothing of this project is imported:

    python -m venv /tmp/labelme && /tmp/labelme/bin/pip install labelme==6.3.1
    /tmp/labelme/bin/python tools/record_exports.py labelme tests/input_pipeline/exports/data

with datumaro==1.13.12 for `datumaro` (and then numpy<2, without which its MOTS writer fails) and
label-studio-sdk==2.1.2 for `label_studio`. The files in data/cvat were written by CVAT 2.15's server code (its
interpolation and its XML writers), not by this file.
"""

import argparse
import base64
import importlib
import importlib.metadata
import io
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

HEIGHT, WIDTH = 30, 40
POLYGONS: dict[str, list[list[float]]] = {
    "convex": [[4, 4], [16, 5], [15, 14], [9, 17], [3, 12]],
    "fractions": [[4.4, 4.6], [16.2, 5.9], [15.5, 14.5], [9.01, 17.99], [3.3, 12.7]],
    "crossing itself": [[5, 5], [25, 20], [25, 5], [5, 20]],
    "star": [[20, 2], [26, 26], [4, 10], [36, 10], [14, 26]],
    "thin": [[3, 3], [30, 3.4], [30, 3.6], [3, 3.2]],
    "thinner than a pixel": [[10.2, 10.2], [10.4, 20.0], [10.6, 10.2]],
    "on pixel edges": [[5, 5], [15, 5], [15, 15], [5, 15]],
    "on pixel centres": [[5.5, 5.5], [15.5, 5.5], [15.5, 15.5], [5.5, 15.5]],
    "beyond the frame": [[-6, -4], [50, 10], [20, 44]],
    "outside of the frame": [[60, 60], [70, 60], [65, 70]],
    "backwards": [[5, 15], [15, 15], [15, 5], [5, 5]],
    "with a slit": [[5, 5], [25, 5], [25, 25], [5, 25], [5, 5], [10, 10], [10, 20], [20, 20], [20, 10], [10, 10]],
}
BOXES: dict[str, list[float]] = {
    "whole": [5, 6, 15, 12],
    "fractions": [5.3, 6.7, 15.5, 12.49],
    "thin": [5.2, 6.2, 5.4, 20],
    "beyond the frame": [-4, -4, 60, 10],
}


def main() -> None:
    """Records the exports of one tool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool", choices=TOOLS)
    parser.add_argument("folder", type=Path, help="of the recorded files")
    arguments = parser.parse_args()
    folder = arguments.folder / arguments.tool
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    packages = TOOLS[arguments.tool](folder)
    versions = {name: importlib.metadata.version(name) for name in packages}
    _write(folder / "versions.json", versions)
    print(f"{folder}: {versions}")


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n")


def _runs(mask: Any) -> list[int]:
    """Lengths of runs of 0 and 1 in turn, row after row."""
    flat = np.asarray(mask, bool).ravel()
    ends = [*(np.flatnonzero(flat[1:] != flat[:-1]) + 1).tolist(), len(flat)]
    runs = np.diff([0, *ends]).tolist()
    return [0, *runs] if flat[0] else runs


def _drawn(kind: str, name: str, points: Any, mask: Any) -> dict[str, Any]:
    return {"kind": kind, "name": name, "points": points, "size": [HEIGHT, WIDTH], "runs": _runs(mask)}


def _record_labelme(folder: Path) -> list[str]:
    from PIL import Image

    label_file = importlib.import_module("labelme._label_file").LabelFile()
    shape_to_mask = importlib.import_module("labelme.utils.shape").shape_to_mask
    shapes_to_label = importlib.import_module("labelme.utils.shape").shapes_to_label

    size = HEIGHT, WIDTH
    cases = [
        _drawn("polygon", name, points, shape_to_mask(size, points, "polygon")) for name, points in POLYGONS.items()
    ]
    for name, (left, top, right, bottom) in BOXES.items():
        points = [[right, bottom], [left, top]]
        cases.append(_drawn("rectangle", name, points, shape_to_mask(size, points, "rectangle")))
    circles = {"whole": [[20.0, 15.0], [25.0, 15.0]], "fractions": [[20.3, 15.6], [24.1, 12.2]]}
    for name, points in circles.items():
        cases.append(_drawn("circle", name, points, shape_to_mask(size, points, "circle")))
    turned = [[10, 5], [20, 10], [16, 18], [6, 13]]
    cases.append(_drawn("oriented_rectangle", "turned", turned, shape_to_mask(size, turned, "oriented_rectangle")))
    _write(folder / "drawn.json", cases)

    (folder / "walk").mkdir()
    patch = np.array([[0, 1, 1], [1, 1, 0]], bool)
    png = io.BytesIO()
    Image.fromarray(patch.astype(np.uint8) * 255).save(png, "PNG")
    encoded = base64.b64encode(png.getvalue()).decode()
    expected = {}
    for frame in range(3):
        shapes: list[dict[str, Any]] = [
            _labelme_shape("dog", [[4 + frame, 4], [16, 5], [15, 14], [9, 17]], "polygon", 1, {"running": True}),
            _labelme_shape("dog", [[30, 20], [36, 26]], "rectangle", 1, {"running": True}),
            _labelme_shape("bird", [[22, 6], [25, 6]], "circle", None, {"flying": frame < 2, "sitting": frame == 2}),
            _labelme_shape("bird", [[28.0, 10.0], [30.0, 11.0]], "mask", 7, {"flying": True}, encoded),
        ]
        label_file.save(
            filename=str(folder / "walk" / f"{frame:05}.json"),
            shapes=shapes,
            image_path=f"{frame:05}.jpg",
            image_height=HEIGHT,
            image_width=WIDTH,
            flags={},
        )
        Image.fromarray(np.full((HEIGHT, WIDTH, 3), 60 + frame, np.uint8)).save(folder / "walk" / f"{frame:05}.jpg")
        loaded = [{**shape, "mask": patch if shape["mask"] else None} for shape in shapes]
        _, instances = shapes_to_label(size, loaded, {"dog": 1, "bird": 2})
        expected[frame] = instances.tolist()
    _write(folder / "instances.json", expected)
    return ["labelme", "Pillow"]


def _labelme_shape(
    label: str, points: Any, kind: str, group: int | None, flags: dict[str, bool], mask: str | None = None
) -> dict[str, Any]:
    return {"label": label, "points": points, "group_id": group, "description": "", "shape_type": kind, "flags": flags,
            "mask": mask}  # fmt: skip


def _record_datumaro(folder: Path) -> list[str]:
    dm = importlib.import_module("datumaro")
    transforms = importlib.import_module("datumaro.plugins.transforms")
    cases = []
    for name, points in POLYGONS.items():
        polygon = dm.Polygon(np.ravel(points).tolist())
        mask = transforms.PolygonsToMasks.convert_polygon(polygon, HEIGHT, WIDTH).image
        cases.append(_drawn("polygon", name, points, mask))
    for name, (left, top, right, bottom) in BOXES.items():
        mask = transforms.BoxesToMasks.convert_bbox(dm.Bbox(left, top, right - left, bottom - top), HEIGHT, WIDTH).image
        cases.append(_drawn("box", name, [left, top, right, bottom], mask))
    _write(folder / "drawn.json", cases)

    dataset = _datumaro_dataset(dm)
    with tempfile.TemporaryDirectory() as temporary:
        for name in ("cvat", "coco_instances"):
            dataset.export(f"{temporary}/{name}", name)
        (folder / "cvat.xml").write_bytes(next(Path(temporary, "cvat").glob("*.xml")).read_bytes())
        shutil.copytree(Path(temporary, "coco_instances", "annotations"), folder / "coco")
        masks = dm.Dataset.from_iterable(list(dataset), categories=dataset.categories(), media_type=dm.Image).transform(
            "polygons_to_masks"
        )
        masks.transform("boxes_to_masks")
        masks.export(f"{temporary}/coco_masks", "coco_instances")
        shutil.copytree(Path(temporary, "coco_masks", "annotations"), folder / "coco_masks")
        for name in ("mots_png", "voc_segmentation", "kitti_segmentation", "coco_panoptic"):
            masks.export(f"{temporary}/{name}", name)
            files = [path for path in Path(temporary, name).rglob("*") if path.is_file()]
            for path in files:
                target = folder / name / path.relative_to(Path(temporary, name))
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
    expected = {}
    for item in masks:
        numbers = np.zeros((HEIGHT, WIDTH), int)
        for mask in sorted(item.annotations, key=lambda annotation: annotation.z_order):
            numbers[mask.image.astype(bool)] = mask.attributes["track_id"] + 1
        expected[item.attributes["frame"]] = numbers.tolist()
    _write(folder / "instances.json", expected)
    return ["datumaro", "pycocotools"]


def _datumaro_dataset(dm: Any) -> Any:
    """Three frames of a video as CVAT hands them to datumaro: every second one from the fourth on."""
    labels = dm.LabelCategories()
    for name in ("dog", "bird"):
        labels.add(name, attributes={"activity"})
    items = []
    for number in range(3):
        frame = 4 + 2 * number
        flat = np.ravel([[x + number, y] for x, y in POLYGONS["convex"]]).tolist()
        common = {"occluded": False, "keyframe": number != 1}
        dog = {**common, "track_id": 0, "activity": "running" if number < 2 else "eating"}
        bird = {**common, "track_id": 1, "activity": "flying"}
        annotations = [
            dm.Polygon(flat, label=0, z_order=1, id=1, group=1, attributes=dog),
            dm.Bbox(20.4, 2.2 + number, 14.5, 7.6, label=1, id=2, group=2, attributes=bird),
        ]
        picture = dm.Image.from_numpy(np.full((HEIGHT, WIDTH, 3), 50, np.uint8))
        items.append(
            dm.DatasetItem(f"frame_{frame:06}", media=picture, annotations=annotations, attributes={"frame": frame})
        )
    return dm.Dataset.from_iterable(items, categories={dm.AnnotationType.label: labels}, media_type=dm.Image)


def _record_label_studio(folder: Path) -> list[str]:
    brush = importlib.import_module("label_studio_sdk.converter.brush")
    converter = importlib.import_module("label_studio_sdk.converter").Converter
    new_region = importlib.import_module("label_studio_sdk.converter.imports.pathtrack").new_region
    generator = np.random.default_rng(0)
    masks = {
        "blob": np.hypot(*np.mgrid[-15:15, -20:20]) < 9,
        "noise": generator.random((HEIGHT, WIDTH)) < 0.3,
        "empty": np.zeros((HEIGHT, WIDTH), bool),
        "full": np.ones((HEIGHT, WIDTH), bool),
    }
    cases = []
    for name, mask in masks.items():
        rle = brush.mask2rle(mask.astype(np.uint8) * 255)
        decoded = brush.decode_rle(rle).reshape(HEIGHT, WIDTH, 4)[:, :, 3] > 0
        cases.append({**_drawn("brush", name, [], decoded), "rle": rle})
    _write(folder / "drawn.json", cases)
    tasks = [_label_studio_picture(brush, frame, masks["blob"]) for frame in range(2)]
    _write(folder / "pictures.json", tasks)
    config = (
        '<View><Image name="image" value="$image"/><BrushLabels name="brush" toName="image"><Label value="dog"/>'
        '</BrushLabels><PolygonLabels name="polygon" toName="image"><Label value="bird"/></PolygonLabels>'
        '<Choices name="action" toName="image" perRegion="true"><Choice value="running"/><Choice value="flying"/>'
        "</Choices></View>"
    )
    with tempfile.TemporaryDirectory() as temporary:
        converter(config, temporary).convert_to_json_min(str(folder / "pictures.json"), temporary, is_dir=False)
        shutil.copyfile(Path(temporary, "result.json"), folder / "pictures_min.json")
    region = new_region(["dog"], argparse.Namespace(frame_count=10), "box", "video")
    for frame, left, is_on in ((2, 10.0, True), (6, 30.0, True), (8, 30.0, False)):
        region["value"]["sequence"].append(
            {"frame": frame, "x": left, "y": 20.0, "width": 25.0, "height": 40.0, "rotation": 0, "enabled": is_on,
             "time": frame / 25}
        )  # fmt: skip
    timeline = [
        {"id": "t1", "type": "timelinelabels", "from_name": "timeline", "to_name": "video", "origin": "manual",
         "value": {"ranges": [{"start": 1, "end": 5}], "timelinelabels": ["running"]}},
        {"id": "t2", "type": "timelinelabels", "from_name": "timeline", "to_name": "video", "origin": "manual",
         "value": {"ranges": [{"start": 6, "end": 10}], "timelinelabels": ["eating"]}},
    ]  # fmt: skip
    task = {"id": 1, "data": {"video": "/data/upload/1/1a2b3c4d-walk.mp4"},
            "annotations": [{"id": 1, "result": [{**region, "id": "r1"}, *timeline]}]}  # fmt: skip
    _write(folder / "video.json", [task])
    expand = importlib.import_module("label_studio_sdk._extensions.label_studio_tools.postprocessing.video")
    _write(folder / "video_boxes.json", expand.extract_key_frames([region])[0]["value"]["sequence"])
    return ["label-studio-sdk"]


def _label_studio_picture(brush: Any, frame: int, mask: Any) -> dict[str, Any]:
    shifted = np.roll(mask, frame, 1)
    common = {"to_name": "image", "original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0,
              "origin": "manual"}  # fmt: skip
    points = [[10 + frame, 10], [40, 12], [35, 40]]
    result = [
        {**common, "id": "a", "type": "brushlabels", "from_name": "brush",
         "value": {"format": "rle", "rle": brush.mask2rle(shifted.astype(np.uint8) * 255), "brushlabels": ["dog"]}},
        {**common, "id": "a", "type": "choices", "from_name": "action", "value": {"choices": ["running"]}},
        {**common, "id": "b", "type": "polygonlabels", "from_name": "polygon",
         "value": {"points": points, "closed": True, "polygonlabels": ["bird"]}},
        {**common, "id": "b", "type": "choices", "from_name": "action", "value": {"choices": ["flying"]}},
    ]  # fmt: skip
    return {"id": frame + 1, "data": {"image": f"/data/upload/1/{frame:08x}-walk_{frame:05}.jpg"},
            "annotations": [{"id": frame + 1, "was_cancelled": False, "result": result, "completed_by": 1,
                             "created_at": "2024-07-02T12:00:00Z", "lead_time": 1.0}]}  # fmt: skip


TOOLS = {"labelme": _record_labelme, "datumaro": _record_datumaro, "label_studio": _record_label_studio}

if __name__ == "__main__":
    main()
