"""Small pieces of text that messages share."""


def plural(count: int, unit: str) -> str:
    """1 video, 2 videos."""
    return f"{count:,} {unit}" + "s" * (count != 1)
