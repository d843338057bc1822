"""What a file is, told from its first bytes; and what is refused, whatever it is called."""

import codecs

import filetype

from app.core.errors import InvalidInput

BINARY = "application/octet-stream"
PLAIN = "text/plain"
REFUSED_TYPES = frozenset(
    {
        *("application/x-msdownload", "application/x-dosexec", "application/x-executable", "application/x-mach-binary"),
        *("application/wasm", "application/x-shockwave-flash", "application/x-google-chrome-extension"),
        *("application/x-deb", "application/x-rpm", "application/vnd.debian.binary-package"),
        *("application/java-vm", "application/vnd.android.dex", "application/vnd.android.dey"),
        *("text/html", "image/svg+xml", "application/xml", "text/xml"),
    }
)
# By content nothing tells these from plain text or from a zip; by their name somebody's machine would run them.
_ENDINGS = """
html htm xhtml xht shtml mht mhtml svg svgz xml xsl xslt hta js mjs cjs jse vbs vbe wsf wsh ps1 psm1 bat cmd com exe scr
pif msi msp dll cpl sys lnk url reg inf jar class apk dmg pkg app deb rpm sh bash zsh csh command desktop php phtml py
pyc pl rb swf wasm scf gadget
"""
REFUSED_ENDINGS = frozenset(_ENDINGS.split())
EXECUTABLE_STARTS = (
    *(b"\x7fELF", b"#!", b"\0asm", b"!<arch>\n"),
    *(b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"),
)
BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
TEXT_CONTROLS = frozenset("\t\n\r\f\x1b")


def judge(name: str, head: bytes, *, whole: bool) -> str:
    """The media type of a file that begins with `head` (`whole`: and ends there too).

    Raises InvalidInput `file_type_not_allowed` for what a browser would show as a page or a machine would run.
    """
    _, dot, ending = name.lower().rpartition(".")
    if dot and ending in REFUSED_ENDINGS:
        raise _refused()
    if _is_program(head) or _is_markup(head):
        raise _refused()
    kind = filetype.guess(head)
    if kind is not None:
        if kind.mime in REFUSED_TYPES:
            raise _refused()
        return str(kind.mime)
    return PLAIN if _is_text(head, whole=whole) else BINARY


def _is_program(head: bytes) -> bool:
    # A text may begin with MZ; a program for DOS or Windows has zeros soon after.
    return head.startswith(EXECUTABLE_STARTS) or (head.startswith(b"MZ") and b"\0" in head[:64])


def _is_markup(head: bytes) -> bool:
    """HTML, SVG, XML, a script in tags: a text whose first sign opens a tag, in any Unicode encoding."""
    text = _decoded(head).lstrip("\ufeff \t\r\n\f\v\0")
    return text.startswith("<") and len(text) > 1 and (text[1].isalpha() or text[1] in "!?/%")


def _decoded(head: bytes) -> str:
    for bom, encoding in BOMS:
        if head.startswith(bom):
            return head[len(bom) :].decode(encoding, "replace")
    # UTF-16 without its mark looks like Latin letters with zeros between them.
    return head.replace(b"\0", b"").decode("latin-1")


def _is_text(head: bytes, *, whole: bool) -> bool:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head, final=whole)
    except UnicodeDecodeError:
        return False
    return all(character in TEXT_CONTROLS or " " <= character != "\x7f" for character in text)


def _refused() -> InvalidInput:
    return InvalidInput(
        "file_type_not_allowed",
        "Web pages, drawings in SVG, XML, scripts and programs are not taken. Send a picture, a PDF or a document.",
    )
