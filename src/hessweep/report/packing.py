"""How the page carries files inside itself: compressed, and in letters that HTML leaves alone."""

import base64
import gzip


def pack(content: bytes) -> str:
    """Return the bytes gzipped, in base64; the same bytes give the same text."""
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()


def data_uri(media_type: str, content: bytes) -> str:
    """Return the bytes as a data URI."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"
