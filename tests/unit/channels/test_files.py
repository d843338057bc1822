import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.channels.files.forms import FileForm, boundary_of
from app.channels.files.media_types import judge
from app.channels.files.names import MAX_NAME_CHARACTERS, clean_name, disposition
from app.core.errors import InvalidInput

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100


@pytest.mark.parametrize(
    ("head", "media_type"),
    [(PNG, "image/png"), (b"\xff\xd8\xff\xe0" + b"\0" * 20, "image/jpeg"), (b"GIF89a" + b"\0" * 9, "image/gif"),
     (b"%PDF-1.7\n", "application/pdf"), ("一份说明\n".encode(), "text/plain"), (b"1 < 2, <3", "text/plain"),
     (b"\x01\x02\x03", "application/octet-stream"),
     (b"caf\xe9", "application/octet-stream")],
)  # fmt: skip
def test_a_type_is_told_from_content(head: bytes, media_type: str) -> None:
    assert judge("photo.png", head, whole=True) == media_type


@pytest.mark.parametrize(
    ("name", "head"),
    [("a.png", b"<html><script>"), ("a.png", b"\xef\xbb\xbf\r\n <!doctype html>"), ("a.gif", b"<svg onload=x>"),
     ("a.txt", b"<?xml version='1.0'?>"), ("a.txt", b"<?php"), ("a.txt", b"<!-- --><script>"),
     ("a.png", "<svg>".encode("utf-16")), ("a.png", "<html>".encode("utf-16-be")), ("a.jpg", b"MZ\x90\0\3"),
     ("a.jpg", b"\x7fELF\x02\x01"), ("run", b"#!/bin/sh\n"), ("a.bin", b"\xcf\xfa\xed\xfe"), ("a.bin", b"\0asm\1"),
     ("photo.png.exe", PNG), ("a.JS", b"alert(1)"), ("a.svg", b"text"), ("a.bat", b"del *")],
)  # fmt: skip
def test_pages_scripts_and_programs_are_refused_whatever_they_are_called(name: str, head: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        judge(name, head, whole=True)
    assert refused.value.code == "file_type_not_allowed"


def test_a_letter_cut_by_the_end_of_the_head_is_still_text() -> None:
    cut = "é".encode()[:1]
    assert judge("a.txt", b"caf" + cut, whole=False) == "text/plain"
    assert judge("a.txt", b"caf" + cut, whole=True) == "application/octet-stream"


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [("../../etc/passwd", "passwd"), ("C:\\Users\\me\\photo.png", "photo.png"), ("a\u202egnp.txt", "agnp.txt"),
     ("\0\r\n", "file"), ("..", "file"), ("", "file"), (" . ", "file"), ("发票 3月.pdf", "发票 3月.pdf"),
     ('a"b;c.txt', "a_b_c.txt"), ("a\ud800b", "ab"), ("x" * 300 + ".png", "x" * 146 + ".png")],
)  # fmt: skip
def test_a_name_loses_what_could_harm(given_name: str, kept: str) -> None:
    assert clean_name(given_name) == kept


@given(st.text(max_size=400))
def test_any_name_becomes_a_safe_one_and_a_safe_header(given_name: str) -> None:
    name = clean_name(given_name)
    assert 0 < len(name) <= MAX_NAME_CHARACTERS
    assert not set(name) & set('/\\\0\r\n"')
    assert clean_name(name) == name
    header = disposition(name)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2


def form_of(content: bytes, *, name: str = "a.txt", boundary: bytes = b"edge") -> bytes:
    head = f'Content-Disposition: form-data; name="file"; filename="{name}"'.encode()
    other = b'--edge\r\nContent-Disposition: form-data; name="other"\r\n\r\nignored\r\n'
    return other + b"--" + boundary + b"\r\n" + head + b"\r\n\r\n" + content + b"\r\n--" + boundary + b"--\r\n"


@given(st.binary(max_size=200), st.integers(min_value=1, max_value=50))
def test_a_form_gives_its_file_however_it_is_cut(content: bytes, step: int) -> None:
    whole = form_of(content, name="汉字.txt")
    form = FileForm(b"edge")
    taken = b"".join(form.feed(whole[at : at + step]) for at in range(0, len(whole), step))
    form.finish()
    assert (taken, form.name) == (content, "汉字.txt")


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"no form at all", "malformed_form"), (form_of(b"x")[:-12], "malformed_form"), (b"", "malformed_form"),
     (b'--edge\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--edge--\r\n', "file_missing"),
     (form_of(b"x")[:-8] + b"\r\n" + form_of(b"y"), "one_file_only")],
)  # fmt: skip
def test_a_bad_form_is_told(body: bytes, code: str) -> None:
    form = FileForm(b"edge")

    def read() -> None:
        form.feed(body)
        form.finish()

    with pytest.raises(InvalidInput) as refused:
        read()
    assert refused.value.code == code


def test_only_a_multipart_form_has_a_boundary() -> None:
    assert boundary_of('multipart/form-data; boundary="a b"') == b"a b"
    assert boundary_of("image/png") is None
    assert boundary_of("") is None
    with pytest.raises(InvalidInput):
        boundary_of("multipart/form-data")
