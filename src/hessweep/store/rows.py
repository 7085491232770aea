"""Columns of the rows that a condition selects, from a published group however it was opened."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol
from zipfile import BadZipFile

import numpy as np
from numpy import ndarray

from hessweep.columns import STRING
from hessweep.errors import DamagedStoreError, QueryError, StoreError
from hessweep.store.expression import Expression, no_column, parse
from hessweep.store.schema import TABLE_COLUMNS, column_named, empty_values, ragged_of

Rows = slice | ndarray
"""Rows of an array: a slice if they follow one another, otherwise their numbers."""

_GAP = 2**17
"""Values between two selected points are read too if they are fewer than this."""
_BLOCK = 2**23
"""Values that are read at once."""
_SHORT = 2**15
"""A column of so many rows or fewer is read as a whole: it is one chunk, and stays in memory."""


class Source(Protocol):
    """An `xarray.Dataset` or a `zarr.Group`: arrays by name, and attributes."""

    @property
    def attrs(self) -> Mapping[Any, Any]:
        """Among them `activation`, the label that all its points share."""

    def __contains__(self, name: Any, /) -> bool:
        """Return whether there is an array of that name."""

    def __getitem__(self, name: str, /) -> Any:
        """Return a lazy array: its values are read when it is indexed."""


def select_columns(
    sources: Iterable[Source], where: str | None, columns: Sequence[str] | None
) -> dict[str, ndarray]:
    """Return these columns of the selected points, all activations one after the other.

    Args:
        sources: The groups.
        where: A condition on columns; all points if None.
        columns: Which columns; all of `TABLE_COLUMNS` if None. A name counts once.

    Raises:
        QueryError: If the condition can not be read, or a name is not a column.
        DamagedStoreError: If stored values can not be read.
    """
    expression = parse_condition(where)
    names = TABLE_COLUMNS if columns is None else tuple(dict.fromkeys(columns))
    if unknown := [name for name in names if name not in TABLE_COLUMNS]:
        raise QueryError(no_column(unknown, TABLE_COLUMNS))
    parts: dict[str, list[ndarray]] = {name: [] for name in names}
    for source in sources:
        rows = select_rows(source, expression)
        if isinstance(rows, slice) and rows == slice(0):
            continue  # without a look at each of its columns
        for name in names:
            parts[name].append(values_of(source, name, rows))
    return {
        name: np.concatenate(arrays) if arrays else empty_values(column_named(name))
        for name, arrays in parts.items()
    }


def parse_condition(where: str | None) -> Expression | None:
    """Return a condition on `TABLE_COLUMNS`, read.

    Raises:
        QueryError: If it can not be read.
    """
    return None if where is None else parse(where, TABLE_COLUMNS)


def select_rows(source: Source, expression: Expression | None) -> Rows:
    """Return the rows for which the condition holds."""
    if expression is None:
        return slice(None)
    label = _label_in(expression, source.attrs["activation"])
    mask = expression(lambda name: label if name == "activation" else read_stored(source, name))
    if mask.ndim == 0:
        return slice(None) if mask else slice(0)
    return as_slice(np.flatnonzero(mask))


def _label_in(expression: Expression, label: str) -> str:
    """Return the label of an activation, or a shorter form of it that the condition contains.

    The label of a user's own activation, such as `mish@213a8bf6(sharpness=2)`, contains digits of
    the hash of its file. A condition may leave them out, and the parameters too.
    """
    name, at, rest = label.partition("@")
    if at and label not in expression.texts:
        _, parenthesis, parameters = rest.partition("(")
        for short in (name + parenthesis + parameters, name):
            if short in expression.texts:
                return short
    return label


def as_slice(rows: ndarray) -> Rows:
    """Return rows that follow one another as a slice, because a slice needs no copy.

    No rows are `slice(0)`.
    """
    if rows.size == 0:
        return slice(0)
    if (np.diff(rows) == 1).all():
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


def values_of(source: Source, name: str, rows: Rows) -> ndarray:
    """Return a column of these rows, the activation's label among them."""
    if name == "activation":
        count = np.arange(source["seed"].shape[0])[rows].size
        return np.repeat(np.array([source.attrs["activation"]], STRING), count)
    if isinstance(rows, slice) and rows != slice(None) and source["seed"].shape[0] > _SHORT:
        return read_stored(source, name, rows)
    return read_stored(source, name)[rows]


def read_stored(source: Source, name: str, span: slice | None = None) -> ndarray:
    """Return stored values; those of a whole column of a dataset stay in memory.

    A group lacks the columns of kinds of measurement that it has no point of, and those that are
    newer than it; its points have the value that stands for none.

    Raises:
        DamagedStoreError: If they can not be read.
        StoreAccessError: If they are behind an address, and the server does not send them.
    """
    if name not in source:
        column = column_named(name)
        rows = range(source["seed"].shape[0])[slice(None) if span is None else span]
        return np.full(len(rows), column.missing_value, column.numpy_dtype)
    try:
        return np.asarray(source[name] if span is None else source[name][span])
    except StoreError:  # It says already what is wrong.
        raise
    except (ValueError, RuntimeError, BadZipFile) as error:
        raise DamagedStoreError(
            f"{name} of {source.attrs['activation']} can not be read ({error}); open the results "
            "again if they were published twice since, otherwise repair rebuilds them"
        ) from error


def flat_values(source: Source, rows: ndarray, name: str) -> ndarray:
    """Return the entries that these points, ascending rows, have in a flat array.

    Raises:
        DamagedStoreError: If they can not be read.
    """
    if name not in source:  # A group of an older version, or without points of its kind.
        return empty_values(column_named(name))
    empty = np.empty(0, source[name].dtype)
    return np.concatenate([empty, *flat_blocks(source, rows, name)])


def flat_blocks(source: Source, rows: ndarray, name: str) -> Iterator[ndarray]:
    """Yield what `flat_values` returns in blocks; neighbours are read together.

    Raises:
        DamagedStoreError: If they can not be read.
    """
    if not rows.size:
        return
    sizes = read_stored(source, ragged_of(name).size.name)
    ends = np.cumsum(sizes)
    starts = ends - sizes
    first, last = starts[rows], ends[rows]
    begin = 0
    while begin < rows.size:
        near = first[begin + 1 :] - last[begin:-1] <= _GAP
        near &= last[begin + 1 :] - first[begin] <= _BLOCK
        end = begin + 1 + (near.size if near.all() else int(np.argmin(near)))
        offset = first[begin]
        values = read_stored(source, name, slice(int(offset), int(last[end - 1])))
        covered = slice(rows[begin], rows[end - 1] + 1)
        chosen = np.zeros(covered.stop - covered.start, dtype=bool)
        chosen[rows[begin:end] - rows[begin]] = True
        yield values if chosen.all() else values[np.repeat(chosen, sizes[covered])]
        begin = end
