"""A CSV file sent by the page's form for many cases."""

from collections.abc import AsyncGenerator
from typing import NamedTuple

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from web.problems import ProblemError

FORM = "multipart/form-data"


class Upload(NamedTuple):
    """The file's content, and whether the answers are to be downloaded."""

    content: bytes
    is_download: bool


async def read_upload(headers: Headers, body: bytes) -> Upload:
    """Return what the form sent: a file, or the text of one sent before.

    Raises:
        ProblemError: the body is no form, or has no file.
    """

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        parser = MultiPartParser(
            headers, stream(), max_files=1, max_fields=2, max_part_size=len(body)
        )
        form = await parser.parse()
    except (MultiPartException, KeyError) as error:
        raise ProblemError("invalid-values", "The body is not what the form sends.") from error
    cases = form.get("cases", "")
    content = await cases.read() if isinstance(cases, UploadFile) else cases.encode()
    await form.close()
    if not content.strip():
        raise ProblemError("invalid-values", "Choose a CSV file that is not empty.")
    return Upload(content, "download" in form)
