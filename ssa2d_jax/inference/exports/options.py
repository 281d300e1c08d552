"""What an export holds."""

import dataclasses

from ssa2d_jax.data.export_formats import EXPORT_SHAPES


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """What is written for a labelling tool.

    Attributes:
        shapes: "masks", equal to the pixel, or "polygons" (cvat, labelme): outlines without holes; in cvat tracks with
            key frames, between which the tool interpolates.
        iou: polygons keep at least this intersection over union with the masks, 0 to 1, in cvat in all frames; of masks
            with holes or several parts, which no polygon holds, this share of what their outline has.
        step: masks (cvat, coco) and labelme's files show every n-th frame only.
        pictures: labelme: the frames are written as JPEG beside their files.
    """

    shapes: str = EXPORT_SHAPES[0]
    iou: float = 0.9
    step: int = 1
    pictures: bool = False


DEFAULT_EXPORT = ExportOptions()
