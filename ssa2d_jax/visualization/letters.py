"""Which font has the letters of a text; where none has them, the text in Latin letters.

DejaVu Sans, which comes with matplotlib, has those of Europe, Arabic and Hebrew. Others (Chinese, Hindi, Thai, ...) are
looked for in the fonts of the system. A text is never drawn with boxes in place of letters.

matplotlib takes long to import and is not needed for ASCII.
"""

import functools
import importlib.util
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from PIL import features

from ssa2d_jax.utils.progress import log


def _dejavu() -> Path:
    package = importlib.util.find_spec("matplotlib")
    path = Path(package.origin or "").with_name("mpl-data") if package else Path()
    if not path.is_dir():  # a distribution that keeps it elsewhere
        import matplotlib

        path = Path(matplotlib.get_data_path())
    return path / "fonts/ttf/DejaVuSans.ttf"


DEJAVU = _dejavu()
CAN_SHAPE = bool(features.check("raqm"))  # Pillow; letters that join, stack or run from right to left


def needs_shaping(text: str) -> bool:
    """Whether it takes more to draw a text than one glyph for each character, from left to right."""
    return not text.isascii() and any(
        unicodedata.category(character) in ("Mn", "Mc", "Me", "Cf")
        or unicodedata.bidirectional(character) in ("R", "AL", "AN")
        for character in text
    )


def drawable(text: str, can_shape: bool = CAN_SHAPE) -> str:
    """`text` with those words in Latin letters that no font here can draw.

    Args:
        can_shape: whether what draws the text can shape it.
    """
    return text if text.isascii() else "".join(_drawable_word(word, can_shape) for word in re.split(r"([\s+-])", text))


def _drawable_word(word: str, can_shape: bool) -> str:
    if word.isascii() or (fonts_for(word) and (can_shape or not needs_shaping(word))):
        return word
    letters = [letter for letter in word if not letter.isascii()]
    missing = [letter for letter in letters if not fonts_for(letter)]
    if missing:
        _warn_of_letters(_describe_letter(missing[0]))
    else:
        _warn_of_shaping(_describe_letter(next(filter(needs_shaping, letters), letters[0])))
    return to_latin(word)


def _describe_letter(letter: str) -> str:
    """What a letter is one of, in words: Devanagari letters, Chinese characters, emoji and other symbols."""
    name, kind = unicodedata.name(letter, ""), unicodedata.category(letter)[0]
    for starts, words in _KINDS.items():
        if name.startswith(starts):
            return words
    script = re.match(r"(.+?) (SMALL |CAPITAL |FINAL )?(LETTER|SYLLAB|CHARACTER|VOWEL|SIGN|DIGIT|NUMBER|MARK)", name)
    if kind in "SC" or not name or (kind == "P" and not script):
        return "emoji and other symbols"
    return f"{(script[1] if script else name.split(' ')[0]).title()} letters"


def fonts_for(text: str) -> tuple[Path, ...]:
    """The files of the fonts that together have all letters of a text, the best first; () if there are none."""
    if text.isascii():
        return (DEJAVU,)
    missing = frozenset(map(ord, text)) - _letters_of(DEJAVU)
    return (DEJAVU, *_fonts_with(missing)) if not missing or _fonts_with(missing) else ()


def split_by_font(text: str) -> list[tuple[Path, str]]:
    """A drawable text in parts that one font can draw, from left to right, each with its font.

    A mark stays with its letter. A font that has the whole text draws all of it.
    """
    if text.isascii():
        return [(DEJAVU, text)]
    fonts = fonts_for(text) or (DEJAVU,)
    whole = next((font for font in fonts if _letters_of(font) >= set(map(ord, text))), None)
    if whole:
        return [(whole, text)]
    parts: list[tuple[Path, str]] = []
    for character in text:
        font = next((font for font in fonts if ord(character) in _letters_of(font)), DEJAVU)
        if parts and (parts[-1][0] == font or unicodedata.category(character)[0] in "MC"):
            parts[-1] = parts[-1][0], parts[-1][1] + character
        else:
            parts.append((font, character))
    return parts


def to_latin(text: str) -> str:
    """`text` in ASCII: letters by how they sound, roughly, and other characters by their name or number in Unicode."""
    result: list[str] = []
    for character in unicodedata.normalize("NFC", text):
        is_vowel = _is_vowel_sign(character)
        if is_vowel and result and len(result[-1]) > 1 and result[-1].endswith("a"):
            result[-1] = result[-1][:-1]  # an Indic consonant has an a, unless another vowel or none follows
        result.append(character if character.isascii() else _latin_character(character))
    return "".join(result)


def _is_vowel_sign(character: str) -> bool:
    name = unicodedata.name(character, "")
    return unicodedata.category(character)[0] == "M" and any(word in name for word in ("VOWEL SIGN", "VIRAMA"))


def _latin_character(character: str) -> str:
    base = unicodedata.normalize("NFKD", character)[0]
    name, kind = unicodedata.name(character, ""), unicodedata.category(character)
    if base.isascii():
        return base
    if kind in ("Cf", "Sk") or "VIRAMA" in name:
        return ""  # Sk: the colour of a skin
    if name.startswith("REGIONAL INDICATOR"):
        return name[-1]  # two of them are a flag: DE
    if kind == "Nd":
        return str(unicodedata.digit(character))
    if kind[0] == "M" and "VOWEL SIGN" not in name and not name.startswith("THAI"):
        return "n" if "ANUSVARA" in name or "CANDRABINDU" in name else ""
    for words, spell in _SPELLINGS.items():
        if any(name.startswith(word) for word in words):
            return spell(name)
    if kind[0] in "LM" and " " in name and "IDEOGRAPH" not in name:
        return name.rsplit(" ", 1)[-1].lower()
    return f"U+{ord(character):04X}" if "IDEOGRAPH" in name or kind[0] != "S" else f"[{name.lower()}]"


def _consonant(name: str) -> str:
    """The sound of a letter by its own name: KAF is k, SHEEN is sh, ALEF is a."""
    word = name.split(" LETTER ", 1)[-1].removeprefix("FINAL ").split(" ")[0].lower()
    start = next((place for place, letter in enumerate(word) if letter in "aeiou"), len(word))
    return word[: max(start, 1)]


def _thai(name: str) -> str:
    """The sound of a Thai character: SO SUA is s, SARA U is u, MAI HAN-AKAT is a; MAI EK is a tone."""
    words = name.removeprefix("THAI CHARACTER ").split(" ")
    if words[0] == "SARA":
        return words[-1].lower()
    if words[0] == "MAI" or len(words) == 1:
        return "a" if words[-1] == "HAN-AKAT" else "ai" if words[-1] in ("MAIMUAN", "MAIMALAI") else ""
    return words[0].removesuffix("O").lower()


_KINDS = {
    ("CJK", "KANGXI"): "Chinese characters",
    ("HIRAGANA", "KATAKANA", "HALFWIDTH KATAKANA"): "Japanese letters",
    ("HANGUL",): "Korean letters",
    ("COMBINING", "VARIATION SELECTOR"): "accents that stand behind their letter",
}  # by how the names of the letters begin
_SPELLINGS = {("ARABIC LETTER", "HEBREW LETTER"): _consonant, ("THAI CHARACTER",): _thai}


@functools.cache
def _letters_of(font: Path) -> frozenset[int]:
    from matplotlib import ft2font

    try:
        return frozenset(ft2font.FT2Font(str(font)).get_charmap())
    except (RuntimeError, OSError):  # a font that can't be read
        return frozenset()


@functools.lru_cache(maxsize=1024)
def _fonts_with(missing: frozenset[int]) -> tuple[Path, ...]:
    """Fonts of the system that together have the characters `missing`: as few as possible; () if there are none."""
    chosen: list[Path] = []
    while missing:
        font = max(system_fonts(), key=lambda font: len(missing & _letters_of(font)), default=None)
        if font is None or not missing & _letters_of(font):
            return ()
        chosen.append(font)
        missing -= _letters_of(font)
    return tuple(chosen)


@functools.cache
def system_fonts() -> tuple[Path, ...]:
    """The files of the system's fonts, upright and regular ones without serifs first, and none of coloured pictures."""
    from matplotlib import font_manager

    fonts = [Path(font) for font in font_manager.findSystemFonts()]
    unusual = ("italic", "oblique", "bold", "black", "light", "thin", "condensed", "mono")
    place = lambda name: (any(word in name for word in unusual), "sans" not in name, name)
    usable = [font for font in fonts if "emoji" not in font.name.lower()]
    return tuple(sorted(usable, key=lambda font: place(font.name.lower())))


def chart_families(texts: Iterable[str]) -> list[str]:
    """The names of the fonts that matplotlib needs besides its own for some texts; they are registered with it."""
    from matplotlib import font_manager

    families = []
    for font in dict.fromkeys(font for text in texts if not text.isascii() for font in fonts_for(text)):
        if font != DEJAVU:
            font_manager.fontManager.addfont(str(font))
            families.append(font_manager.FontProperties(fname=str(font)).get_name())
    return families


@functools.cache  # once for each script
def _warn_of_letters(letters: str) -> None:
    log(f"no font here has {letters}: pictures show them in Latin ones; install a font for them, e.g. Noto Sans")


@functools.cache
def _warn_of_shaping(letters: str) -> None:
    log(
        f"{letters} can't be joined here, and are shown in Latin ones; charts need matplotlib 3.11 for them, "
        "other pictures Pillow with libraqm"
    )
