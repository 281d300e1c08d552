"""The web page: a clip in, its labels out, on this machine alone. Gradio is known to page.py only."""
