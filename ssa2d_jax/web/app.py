"""The page in the browser, by Gradio: its parts, what its button does, and which page owns which files."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from ssa2d_jax.inference.detector import Detector
from ssa2d_jax.inference.label_stream import OVERLAY
from ssa2d_jax.inference.track_files import TRACKS_CSV, TRACKS_JSON
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.progress import log
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

# What the button changes: status, overlay, timeline, shares and the three downloads.
Outputs = tuple[object, ...]


def build(detector: Detector, limits: Limits, examples: Mapping[str, Path], folder: Path) -> gr.Blocks:
    """Builds the page.

    Args:
        detector: labels the clips.
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
        gr.HTML(html.about(detector.space, limits), padding=False)
        with gr.Row():
            with gr.Column(scale=2, min_width=280):
                upload = gr.File(label="Upload a clip", height=150)
                picked = gr.Dropdown(list(examples), value=None, label="or pick one", visible=bool(examples))
                button = gr.Button("Label it", variant="primary")
            with gr.Column(scale=3, min_width=280):
                status = gr.HTML("", min_height=64, padding=False)
                overlay = gr.Video(label="Overlay", visible=False, autoplay=True, loop=True, buttons=[])
        timeline, shares = (gr.HTML(visible=False, padding=False) for _ in range(2))
        with gr.Row():
            files = (OVERLAY, TRACKS_CSV, TRACKS_JSON)
            downloads = [gr.DownloadButton(name, visible=False, size="sm") for name in files]
        upload.upload(note_upload, upload, None, queue=False).then(lambda: None, None, picked, queue=False)
        picked.input(lambda: None, None, upload, queue=False)
        outputs = [status, overlay, timeline, shares, *downloads]
        # One clip at a time goes through the network; the others wait in order.
        label = _label_action(detector, limits, examples, sessions)
        button.click(label, [upload, picked], outputs, concurrency_limit=1, show_progress_on=status)
        page.unload(close)
    return page.queue(max_size=_MAX_WAITING)


def _label_action(
    detector: Detector, limits: Limits, examples: Mapping[str, Path], sessions: Sessions
) -> Callable[..., Outputs]:
    """What the button does: label the uploaded or the picked clip. Gradio reads the parameters of the function."""

    def label(
        upload: str | None,
        picked: str | None,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Outputs:
        if upload is not None:
            clip = Path(upload)
        elif picked is not None:
            clip = examples[picked]
        else:
            return html.error("Upload a clip or pick one first."), *_hidden()
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

    return label


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
