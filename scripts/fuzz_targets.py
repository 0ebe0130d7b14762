"""The decoders of requests and of a model's files, each with valid inputs to derive others from."""

import asyncio
import hashlib
import io
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

import msgspec
import numpy as np
from starlette.datastructures import Headers

from bc_model import artifact
from bc_model.artifact import MODEL_SHAPES, REFERENCE_SHAPES, ArtifactError
from bc_model.features import FEATURE_COUNT, FEATURE_NAMES
from bc_model.manifest import Manifest, sealed
from web.batch import CSV, NPY, BatchDecoder
from web.form import filled_form, read_upload
from web.paste import read_paste
from web.problems import KINDS, ProblemError
from web.requests import JSON, FeatureDecoder, JsonCaseReader

CASE = [float(number) for number in range(1, 1 + FEATURE_COUNT)]
NAMED = dict(zip(FEATURE_NAMES, CASE, strict=True))
ROW = ",".join(map(str, CASE))
FORM = "&".join(f"{name}={value}".replace(" ", "+") for name, value in NAMED.items())
MULTIPART = Headers({"content-type": "multipart/form-data; boundary=x"})
UPLOAD = (
    'Content-Disposition: form-data; name="cases"; filename="a.csv"\r\n\r\n' + ROW,
    f'Content-Disposition: form-data; name="cases"\r\n\r\n{ROW}\r\n--x\r\n'
    'Content-Disposition: form-data; name="download"\r\n\r\n1',
)

Shapes = Mapping[str, tuple[str | int, ...]]


class Target(NamedTuple):
    """A decoder, and valid inputs to derive others from; it may return None for others."""

    decode: Callable[[bytes], object]
    seeds: list[bytes]


class Decoders:
    """The decoders of requests, and those of a model's files, which are written to ``copy``."""

    def __init__(self, model: Path, copy: Path) -> None:
        """Take names and typical values from ``model``."""
        self._model = model
        self._copy = copy
        self._manifest = artifact.read_manifest(model)

    def targets(self) -> dict[str, Target]:
        """Return the decoders by name."""
        features = self._manifest.features
        cases, batches = JsonCaseReader(features), BatchDecoder(features, most_rows=5000)
        encode = msgspec.json.encode
        return {
            "json": Target(
                FeatureDecoder(features).decode,
                [encode({"features": CASE}), encode({"features": NAMED})],
            ),
            "json-batch": Target(
                lambda data: batches.decode(JSON, data).X, [encode({"instances": [CASE, NAMED]})]
            ),
            "csv": Target(
                lambda data: batches.decode(CSV, data).X,
                [f"{ROW}\n{ROW}\n".encode(), f"id,{','.join(FEATURE_NAMES)}\n7,{ROW}\n".encode()],
            ),
            "npy": Target(
                lambda data: batches.decode(NPY, data).X,
                [array_file(np.full((2, FEATURE_COUNT), 9, kind)) for kind in ("<f8", ">f4", "u1")],
            ),
            "form": Target(
                lambda data: read_form(data, self._manifest),
                [FORM.encode(), f"radius_mean={ROW}".encode()],
            ),
            "multipart": Target(
                lambda data: asyncio.run(read_upload(MULTIPART, data)),
                [f"--x\r\n{part}\r\n--x--\r\n".encode() for part in UPLOAD],
            ),
            "paste": Target(
                lambda data: read_paste(data.decode(errors="replace"), cases).values or None,
                [ROW.encode(), ROW.replace(",", "\t").replace(".", ",").encode()],
            ),
            "manifest": Target(
                self._manifest_file, [(self._model / artifact.MANIFEST).read_bytes()]
            ),
            "model": self._arrays(artifact.MODEL, MODEL_SHAPES, artifact.load_model),
            "reference": self._arrays(
                artifact.REFERENCE, REFERENCE_SHAPES, artifact.load_reference
            ),
        }

    def _manifest_file(self, data: bytes) -> Manifest:
        """Read it, with its checksum made good where that can be done."""
        with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            data = msgspec.json.encode(sealed(msgspec.json.decode(data, type=Manifest)))
        (self._copy / artifact.MANIFEST).write_bytes(data)
        return artifact.read_manifest(self._copy)

    def _arrays(
        self, name: str, shapes: Shapes, load: Callable[[Path, Manifest], object]
    ) -> Target:
        """Return the target of an archive of arrays, of which one is changed at a time.

        The checksums in an archive would find a changed one before it is looked at. So the first
        byte says which array the others are; an archive of its own begins with "PK".
        """
        with np.load(self._model / name) as arrays:
            small = {key: array_file(two_of_each(arrays[key], shapes[key])) for key in shapes}
            unseen = int(arrays["unseen"][:2].sum()) if "unseen" in shapes else 0
        manifest = msgspec.structs.replace(
            self._manifest,
            parameters=msgspec.structs.replace(self._manifest.parameters, refits=1),
            data=msgspec.structs.replace(self._manifest.data, cases=2, trained_on=2, unseen=unseen),
        )
        keys = sorted(small)

        def decode(data: bytes) -> object:
            if data and not data.startswith(b"PK"):
                data = archive({**small, keys[data[0] % len(keys)]: data[1:]})
            (self._copy / name).write_bytes(data)
            files = {name: hashlib.sha256(data).hexdigest()}
            return load(self._copy, msgspec.structs.replace(manifest, files=files))

        seeds = [bytes([number]) + small[key] for number, key in enumerate(keys)]
        return Target(decode, [archive(small), *seeds])


def read_form(data: bytes, manifest: Manifest) -> object:
    """Return the case that a form holds, if nothing is wrong in it."""
    form = filled_form(manifest.features, data)
    return None if form.errors else form.values


def two_of_each(array: np.ndarray[Any, Any], shape: tuple[str | int, ...]) -> np.ndarray[Any, Any]:
    """Return ``array`` with as few cases, refits and so on as it can have."""
    return array[tuple(slice(2 if size not in ("d", *range(99)) else None) for size in shape)]


def array_file(array: np.ndarray[Any, Any]) -> bytes:
    """Return ``array`` as a NumPy file."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def archive(members: Mapping[str, bytes]) -> bytes:
    """Return an archive as NumPy makes them."""
    file = io.BytesIO()
    with ZipFile(file, "w") as opened:
        for name, content in members.items():
            opened.writestr(f"{name}.npy", content)
    return file.getvalue()


def accepts(target: Target, data: bytes) -> bool:
    """Return whether ``data`` can be decoded, and is not refused.

    Raises:
        ValueError: what was decoded is no case.
    """
    try:
        decoded = target.decode(data)
    except ArtifactError:
        return False
    except ProblemError as problem:
        if KINDS[problem.kind].status >= 500:
            raise
        return False
    if isinstance(decoded, np.ndarray) and not (
        decoded.dtype == np.float64
        and decoded.shape[-1:] == (FEATURE_COUNT,)
        and (decoded >= 0).all()
        and np.isfinite(decoded).all()
    ):
        raise ValueError(f"decoded as {decoded!r}")
    return decoded is not None
