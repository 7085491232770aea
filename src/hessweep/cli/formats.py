"""The formats of `hessweep query`, apart from the code that writes them: `--help` names them."""

from enum import StrEnum


class Format(StrEnum):
    """How rows are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"
