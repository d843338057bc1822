"""The one file of a multipart form, taken out of it as it comes in, never held as a whole."""

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.core.errors import InvalidInput

MAX_PARTS = 10


def boundary_of(content_type: str) -> bytes | None:
    """The boundary of a multipart form; None for any other body. Raises InvalidInput without one."""
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        return None
    if not options.get(b"boundary"):
        raise InvalidInput("malformed_form", "The form has no boundary.")
    return options[b"boundary"]


class FileForm:
    """Fed piece by piece; gives the bytes of the part that has a file name. Other parts are passed over."""

    def __init__(self, boundary: bytes) -> None:
        self.name: str | None = None
        self._parts = 0
        self._in_file = False
        self._ended = False
        self._field = self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._pieces: list[bytes] = []
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": self._take_field,
                    "on_header_value": self._take_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": self._take_data,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise _malformed() from error

    def feed(self, data: bytes) -> bytes:
        """What of the file came with `data`. Raises InvalidInput."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise _malformed() from error
        taken, self._pieces = b"".join(self._pieces), []
        return taken

    def finish(self) -> None:
        """Raises InvalidInput when the form broke off, or had no file."""
        if not self._ended:
            raise _malformed()
        if self.name is None:
            raise InvalidInput("file_missing", "The form has no file: send it as the part `file`.")

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise _malformed()
        self._headers, self._in_file, self._field, self._value = {}, False, b"", b""

    def _take_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"filename")
        if name is None:
            return
        if self.name is not None:
            raise InvalidInput("one_file_only", "Send one file at a time.")
        self.name, self._in_file = name.decode("utf-8", "replace"), True

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._pieces.append(data[start:end])

    def _end(self) -> None:
        self._ended = True


def _malformed() -> InvalidInput:
    return InvalidInput("malformed_form", "The form cannot be read: send multipart/form-data with one file.")
