"""The page in the browser, by Gradio: its parts, what its button does, and which page owns which files."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ssa2d_jax.inference.detector import Detector
from ssa2d_jax.inference.label_stream import OVERLAY
from ssa2d_jax.inference.track_files import TRACKS_CSV, TRACKS_JSON
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.images import encode_png, resize
from ssa2d_jax.utils.progress import log
from ssa2d_jax.video.reader import read_frames
from ssa2d_jax.web import html
from ssa2d_jax.web.label_clip import LabelledClip, label_clip
from ssa2d_jax.web.limits import Limits
from ssa2d_jax.web.sessions import PageClosed, Sessions

# Before Gradio is imported: it sends nothing to anybody, and reaches this machine without a proxy.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
for name in ("NO_PROXY", "no_proxy"):
    os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1")))

import gradio as gr  # noqa: E402

ADDRESS = "127.0.0.1"
_MAX_WAITING = 20  # clips in the queue
_THUMBNAIL_SIDE = 256  # pixels

# What the button changes: status, overlay, timeline, shares and the three downloads.
Outputs = tuple[object, ...]


def build(detector: Detector, network: str, limits: Limits, examples: Mapping[str, Path], folder: Path) -> gr.Blocks:
    """Builds the page.

    Args:
        detector: labels the clips.
        network: its name, for the visitors.
        limits: what a clip may have.
        examples: clips that visitors can pick, by name.
        folder: where results go and from where Gradio serves them: `GRADIO_TEMP_DIR`, which Gradio reads when it is
            imported; uploads go there as well.
    """
    sessions = Sessions(folder)

    def note_upload(upload: str, request: gr.Request) -> None:
        sessions.add_upload(request.session_hash, Path(upload))

    def close(request: gr.Request) -> None:
        sessions.close(request.session_hash)

    with gr.Blocks(title="SSA2D", analytics_enabled=False) as page:
        gr.HTML(html.about(network, detector.about, detector.space, limits), padding=False)
        with gr.Row():
            with gr.Column(scale=2, min_width=280):
                upload = gr.File(label="Upload a clip", height=150)
                button = gr.Button("Label it", variant="primary")
            with gr.Column(scale=3, min_width=280):
                status = gr.HTML("", min_height=64, padding=False)
                overlay = gr.Video(label="Overlay", visible=False, autoplay=True, loop=True, buttons=[])
                pictures = thumbnails(examples, folder)
                gallery = gr.Gallery(
                    [(str(picture), name) for name, picture in pictures.items()], label="or click on one of these",
                    visible=bool(pictures), columns=4, height="auto", object_fit="cover", allow_preview=False,
                    interactive=False, buttons=[], elem_classes="thumbnails",
                )  # fmt: skip
        timeline, shares = (gr.HTML(visible=False, padding=False) for _ in range(2))
        with gr.Row():
            files = (OVERLAY, TRACKS_CSV, TRACKS_JSON)
            downloads = [gr.DownloadButton(name, visible=False, size="sm") for name in files]
        upload.upload(note_upload, upload, None, queue=False)
        outputs = [status, overlay, timeline, shares, *downloads]
        label, label_example = _label_actions(detector, limits, [examples[name] for name in pictures], sessions)
        # One clip at a time goes through the network; the others wait in order.
        one_at_a_time = {"concurrency_limit": 1, "concurrency_id": "network", "show_progress_on": status}
        button.click(label, upload, outputs, **one_at_a_time)
        gallery.select(label_example, None, outputs, **one_at_a_time)
        page.unload(close)
    return page.queue(max_size=_MAX_WAITING)


def thumbnails(examples: Mapping[str, Path], folder: Path) -> dict[str, Path]:
    """A picture of each clip that can be read, its first frame, as a file in `folder`; by name."""
    pictures: dict[str, Path] = {}
    for number, (name, clip) in enumerate(examples.items()):
        try:
            frame = next(iter(read_frames(clip)))
        except (InputError, StopIteration) as error:
            log(f"left out of the page's clips: {str(error) or clip}")
            continue
        pictures[name] = folder / f"clip_{number}.png"
        pictures[name].write_bytes(encode_png(resize(frame.rgb, _fitting(frame.rgb.shape[:2]))))
    return pictures


def _fitting(size: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of a picture of this size as a thumbnail."""
    scale = min(1.0, _THUMBNAIL_SIDE / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _label_actions(
    detector: Detector, limits: Limits, clips: Sequence[Path], sessions: Sessions
) -> tuple[Callable[..., Outputs], Callable[..., Outputs]]:
    """What the button does, and a click on one of the `clips`. Gradio reads the parameters of the functions."""

    def run(clip: Path, request: gr.Request, progress: gr.Progress) -> Outputs:
        page = request.session_hash

        def report(done: int, total: int | None) -> None:
            sessions.check_open(page)
            progress((done, total), desc="labelling", unit="frames")

        try:
            labelled = label_clip(detector, clip, sessions.new_folder(page), limits, report)
        except InputError as error:
            return html.error(str(error)), *_hidden()
        except OSError as error:
            return html.error(f"The result cannot be written: {error.strerror}"), *_hidden()
        except PageClosed:
            return "", *_hidden()
        log(f"labelled a clip of {labelled.frames} frames")
        return html.summary(labelled), *_visible(labelled, detector)

    def label(upload: str | None, request: gr.Request, progress: gr.Progress = gr.Progress()) -> Outputs:  # noqa: B008
        if upload is None:
            return html.error("Upload a clip first, or click on one of the pictures."), *_hidden()
        return run(Path(upload), request, progress)

    def label_example(
        event: gr.SelectData,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Outputs:
        return run(clips[event.index], request, progress)

    return label, label_example


def _visible(clip: LabelledClip, detector: Detector) -> Outputs:
    """Overlay, timeline, shares and the three downloads of a clip."""
    return (
        gr.Video(str(clip.overlay), visible=True),
        gr.HTML(html.timeline(clip), visible=True),
        gr.HTML(html.shares(clip.shares, detector.space), visible=True),
        *(gr.DownloadButton(value=str(path), visible=True) for path in (clip.overlay, *clip.tables)),
    )


def _hidden() -> Outputs:
    """No result: overlay, timeline, shares and the three downloads disappear."""
    kinds = (gr.Video, gr.HTML, gr.HTML, gr.DownloadButton, gr.DownloadButton, gr.DownloadButton)
    return tuple(kind(value=None, visible=False) for kind in kinds)


def open_page(page: gr.Blocks, port: int, limits: Limits) -> str:
    """Serves the page on this machine only, in threads of its own, and returns its address.

    Raises:
        InputError: the port cannot be used.
    """
    try:
        _, url, _ = page.launch(
            server_name=ADDRESS, server_port=port, share=False, prevent_thread_lock=True, quiet=True, ssr_mode=False,
            max_file_size=limits.bytes, theme=gr.themes.Default(), css=html.CSS, footer_links=[],
            run_history=False, enable_monitoring=False, inbrowser=False,
        )  # fmt: skip
    except (OSError, ValueError) as error:
        raise InputError(f"port {port} cannot be used ({error}); choose another with --port") from error
    return url
