"""What a client would rather have, by its Accept header."""

JSON = "application/json"


def prefers(accept: str, wanted: str) -> bool:
    """Return whether ``accept`` names ``wanted``, and JSON not before it."""
    quality = dict(_weighted(part) for part in accept.lower().split(","))
    return quality.get(wanted, 0.0) > 0 and quality[wanted] >= quality.get(JSON, 0.0)


def _weighted(part: str) -> tuple[str, float]:
    media_range, *parameters = (piece.strip() for piece in part.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return media_range, float(parameter[2:])
            except ValueError:
                return media_range, 0.0
    return media_range, 1.0
