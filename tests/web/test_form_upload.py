"""The upload form's body: a file, or text that was sent before; anything else is refused."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from web.form import MULTIPART, Upload, read_upload
from web.problems import ProblemError

HEADERS = Headers({"content-type": f"{MULTIPART}; boundary=limit"})


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    file = f'; filename="{filename}"' if filename is not None else ""
    head = f'--limit\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def read(*parts: bytes, headers: Headers = HEADERS) -> Upload:
    return asyncio.run(read_upload(headers, b"".join(parts) + b"--limit--\r\n"))


def test_a_file_is_read_as_it_is() -> None:
    content = b"\xef\xbb\xbfa,b\r\n1,2\n\xff" + b"x" * 2**20
    assert read(part("cases", content, "cases.csv")) == Upload(content, "cases.csv", False)


def test_text_is_a_file_sent_before() -> None:
    sent = read(part("cases", b"1,2\r\n"), part("download", b"csv"))
    assert sent == Upload(b"1,2\r\n", "", True)
    sent = read(part("cases", b"1,2\r\n"), part("name", b"a.csv"), part("download", b"csv"))
    assert sent == Upload(b"1,2\r\n", "a.csv", True)


@pytest.mark.parametrize(
    ("parts", "headers", "detail"),
    [
        ([], HEADERS, "Choose a CSV file"),
        ([part("cases", b"", "")], HEADERS, "Choose a CSV file"),
        ([part("cases", b" \r\n", "blank.csv")], HEADERS, "Choose a CSV file"),
        ([part("other", b"1,2")], HEADERS, "Choose a CSV file"),
        ([b"no form"], HEADERS, "not what the form sends"),
        ([part("cases", b"1", "a"), part("cases", b"2", "b")], HEADERS, "not what the form"),
        (
            [part("cases", b"1", "a")],
            Headers({"content-type": MULTIPART}),
            "not what the form sends",
        ),
    ],
)
def test_what_is_refused_and_how(parts: list[bytes], headers: Headers, detail: str) -> None:
    with pytest.raises(ProblemError) as caught:
        read(*parts, headers=headers)
    assert caught.value.kind == "invalid-values"
    assert detail in caught.value.detail


@given(st.binary())
def test_any_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(ProblemError):
        asyncio.run(read_upload(HEADERS, body))
