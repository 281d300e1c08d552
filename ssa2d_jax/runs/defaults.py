"""Defaults of `config.eval`, `config.predict` and `config.convert`.

They are in the library, so that an installed package evaluates, predicts and converts without `configs/`, and so that
a run that was saved before an option existed has a value for it. configs/default.py takes them from here.
"""

from typing import Any

from ssa2d_jax.data.backends import AUTO

THRESHOLD = 0.5  # of `config.eval`


def eval_defaults() -> dict[str, Any]:
    """The options of evaluation, `config.eval`, with their defaults."""
    return {
        "batch_size": 8,  # clips, over all devices
        "step": 0,  # checkpoint to evaluate or predict with: a step, 0 = the newest, -1 = the best
        # Multi-label data only: a pixel has every action whose probability is at least this.
        "threshold": THRESHOLD,
        # The mask branch's log-odds of foreground, times this, join the logits of actors and actions; not multi-label.
        "mask_vote": 0.0,
        "published": False,  # print the published table of the data set beside the scores
    }


def predict_defaults() -> dict[str, Any]:
    """The options of prediction, `config.predict`, with their defaults."""
    return {
        "overlap": 8,  # frames by which neighbouring windows overlap, 0 <= overlap < data.clip_frames
        "batch_size": 1,  # windows at a time
        # What runs the network: "jax", "openvino", or "auto": OpenVINO where it is installed and jax computes on an
        # x86-64 processor. It is faster there, and its probabilities differ by float32's rounding.
        "backend": AUTO,
        "opacity": 0.55,  # of the labels in the overlay, 0 to 1
        # The overlay is this many times as large as the video, a whole number; 0 = automatic: clips whose shorter side
        # is under 256 pixels are enlarged, so that names can be read; 1 = as large as the video.
        "scale": 0,
        "tracks": True,  # follow instances over time: tracks.json, tracks.csv, timeline.png, events.csv, events.boris
        "track_frames": 4,  # tracks of fewer frames are dropped
        "track_confidence": 0.0,  # tracks of a lower mean confidence are dropped, 0 to 1
        "track_area": 0.0005,  # smaller regions are no instance, as a share of the frame's pixels, 0 to 1
        "draw_tracks": False,  # draw boxes with track numbers in the overlay, instead of class names
        "max_pixels": 4096 * 2304,  # a frame with more pixels is refused
        "video_stream": -1,  # number of the video stream in a file, among all its streams; -1 = the one players show
        "strict": False,  # stop a video at the first damaged place, instead of reading on past it
        # Formats of labelling tools that the tracks are also written in, with commas between: cvat, coco, youtube_vis,
        # labelme; --format sets it.
        "formats": "",
        "export_shapes": "masks",  # or "polygons" (cvat, labelme): in cvat tracks with key frames
        "export_iou": 0.9,  # polygons in cvat keep at least this intersection over union with the masks
        "export_step": 1,  # masks and labelme's files are written for every n-th frame
        "export_pictures": False,  # labelme: write the frames, too, as JPEG
    }


def convert_defaults() -> dict[str, Any]:
    """The options of reading exports of labelling tools, `config.convert`, with their defaults."""
    return {
        "tool": "",  # the export's format, a name in docs/labelling_tools.md; "" = recognise it
        "videos": "",  # folder with the videos, or a folder of pictures for each; "" = in the export, or beside it
        "action_attribute": "",  # the attribute that is the action, or checkboxes; "" = guess it, and say which
        "table": "",  # a csv file of who does what when, for exports that say only who is where
        "interpolated": True,  # false: frames in which the tool drew all shapes are not labelled
        "predicted": True,  # false: frames in which all shapes were predicted, and nobody changed one, are not labelled
        "first_frame": 0,  # the video's frame that number 0 in the names of labelled pictures stands for
        "frame_step": 1,  # the video's frames from one number in the names of labelled pictures to the next
    }
