"""The agreement of clips that several processes have evaluated, brought together in all of them."""

import io
import json
from typing import cast

import numpy as np

from ssa2d_jax.data.batch import HostBatch
from ssa2d_jax.evaluation.clip_agreement import ClipAgreement, ClipRow, ShownClip
from ssa2d_jax.runtime import processes


def gather_clips(clips: ClipAgreement) -> ClipAgreement:
    """The clips of all processes; those of this one, unchanged, if it is the only one."""
    if processes.count() == 1:
        return clips
    merged = ClipAgreement(clips.keep)
    for data in processes.gather(pack(clips)):
        unpack_into(merged, data)
    return merged


def pack(clips: ClipAgreement) -> bytes:
    """The rows and the kept clips, for `unpack_into`."""
    arrays: dict[str, np.ndarray] = {}
    shown: list[tuple[str, tuple[float, int], str, list[str]]] = []
    for name, ranking in clips.rankings.items():
        for key, clip in ranking.entries:
            arrays |= {f"{len(shown)}/{field}": np.asarray(array) for field, array in clip.clip.items()}
            shown.append((name, key, clip.caption, list(clip.clip)))
    text = json.dumps({"rows": [(number, *row) for number, row in clips.numbered.items()], "shown": shown})
    file = io.BytesIO()
    np.savez(file, text=np.frombuffer(text.encode(), np.uint8), **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def unpack_into(clips: ClipAgreement, data: bytes) -> None:
    """Adds to `clips` what `pack` returned."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        content = json.loads(arrays["text"].tobytes())
        for number, name, frames, agreement in content["rows"]:
            clips.numbered[number] = ClipRow(name, frames, agreement)
        for i, (name, (value, number), caption, fields) in enumerate(content["shown"]):
            if clips.rankings[name].accepts((value, number)):
                clip = cast(HostBatch, {field: arrays[f"{i}/{field}"] for field in fields})
                clips.rankings[name].add((value, number), ShownClip(caption, clip))
