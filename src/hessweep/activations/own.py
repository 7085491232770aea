"""Activations from a user's own Python file (docs/activations.md).

The file defines, for an activation called `swish`, either a function `swish(x, **parameters)`
with, if there are any, `swish_derivative(x, **parameters)`, `swish_dual(p, q, c, **parameters)`
and the constants `swish_kinks`; or a class `swish` derived from `hessweep.activations.Activation`.
"""

import hashlib
import tokenize
from dataclasses import dataclass, field
from functools import lru_cache
from os import PathLike, fspath
from typing import Any, ClassVar

from numpy import ndarray

from hessweep.activations import own_module
from hessweep.activations.from_functions import FromFunctions
from hessweep.activations.kernel import Activation, CoarserDuals, DualKernel
from hessweep.activations.offsets import HIGHEST, CoarserOffsetKernels, OffsetMeans
from hessweep.activations.own_checks import check, check_dual, errors_of_user
from hessweep.activations.own_module import Data
from hessweep.activations.own_parameters import bound_parameters, identifier, plain_value
from hessweep.errors import ActivationError, shortened


@dataclass(frozen=True)
class Own(Activation):
    """An activation from a user's file. It holds the text of the file and works without the file.

    Two of them are equal if name, parameters and text are, whatever the paths of their files.
    Nothing is proved about one, whatever its name and whichever class it derives from.
    """

    revision: ClassVar[int] = 3

    source: str = field(default="", repr=False)
    file: str = field(default="", compare=False)
    data: Data = field(default=(), repr=False)
    """The data files that the file reads when it is run."""

    def __repr__(self) -> str:
        """Return how the activation is loaded."""
        return f"{super().__repr__()[:-1]}, file={self.file!r})"

    @property
    def sha256(self) -> str:
        """SHA-256 of the file's text (as UTF-8 with Unix line ends), in hexadecimal digits."""
        return hashlib.sha256(self.source.encode()).hexdigest()

    @property
    def spec(self) -> dict[str, Any]:
        """Name, file, hash and parameters. Loading it reads the file again and checks the hash."""
        return {**super().spec, "file": self.file, "sha256": self.sha256}

    @property
    def identity(self) -> dict[str, Any]:
        """The spec without the path of the file: results stay valid when the file is moved.

        The hashes of data files that it reads are part of it.
        """
        data = {"data": dict(self.data)} if self.data else {}
        return {**super().spec, "sha256": self.sha256, **data}

    @property
    def label(self) -> str:
        """The label with the first digits of the hash, which distinguishes versions of a file.

        Of a file that reads data, it is the hash of the hashes of the file and of the data.
        """
        digest = self.sha256
        if self.data:
            together = digest + "".join(part for item in self.data for part in item)
            digest = hashlib.sha256(together.encode()).hexdigest()
        return super().label.replace(self.name, f"{self.name}@{digest[:8]}", 1)

    @property
    def inner(self) -> Activation:
        """The activation that the file defines."""
        return _build(self.source, self.file, self.name, self.parameters, self.data)

    def __call__(self, x: ndarray) -> ndarray:
        """Return g(x), elementwise."""
        return self.inner(x)

    def derivative(self, x: ndarray) -> ndarray:
        """Return g'(x), elementwise."""
        return self.inner.derivative(x)

    def second_derivative(self, x: ndarray) -> ndarray:
        """Return g''(x), elementwise."""
        return self.inner.second_derivative(x)

    def dual(self, p: ndarray, q: ndarray, c: ndarray) -> DualKernel:
        """Return the dual kernel that the file defines, or a numeric one."""
        return self.inner.dual(p, q, c)

    def coarser_duals(self, p: ndarray, q: ndarray, c: ndarray) -> CoarserDuals | None:
        """Return less accurate versions of `dual`; None if the file defines a closed form."""
        return self.inner.coarser_duals(p, q, c)

    @property
    def is_numeric(self) -> bool:
        """Whether the file leaves the dual kernel to be computed numerically."""
        return self.inner.is_numeric

    @property
    def has_offset_series(self) -> bool:
        """Whether the kernel with offsets is a series, with an error that is estimated."""
        return self.inner.has_offset_series

    @property
    def bends(self) -> tuple[float, ...]:
        """Where g' jumps."""
        return self.inner.bends

    def offset_means(
        self, p: ndarray, q: ndarray, c: ndarray, b: ndarray, d: ndarray, highest: int = HIGHEST
    ) -> OffsetMeans:
        """Return the means in the kernel with offsets: the file's own, or numeric ones."""
        return self.inner.offset_means(p, q, c, b, d, highest)

    def coarser_offset_duals(
        self, p: ndarray, q: ndarray, c: ndarray, b: ndarray, d: ndarray
    ) -> CoarserOffsetKernels | None:
        """Return less exact versions of `offset_dual`; None where the file has a closed form."""
        return self.inner.coarser_offset_duals(p, q, c, b, d)


def load_activation(
    file: str | PathLike[str], name: str, sha256: str | None = None, **parameters: Any
) -> Own:
    """Return the activation that a user's Python file defines under the given name.

    Only this file is run. The activation is first checked on sample values: the shape, finiteness
    and continuity of g, and the derivative and the dual kernel against numbers computed from g.

    Args:
        file: The Python file.
        name: The function or class in it.
        sha256: The hash that the text of the file must have; None for any.
        **parameters: Numbers or lists of numbers, which are passed on as keyword arguments.

    Raises:
        ActivationError: If the file cannot be read or run, does not define the activation, or
            defines one that fails a check.
    """
    path = fspath(file)
    try:
        # tokenize.open uses the encoding that a Python file declares.
        with tokenize.open(path) as stream:
            source = stream.read()
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        # The text of an OSError would repeat the path.
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ActivationError(
            f"activation {name!r}: expected a readable Python file at {shortened(str(path))}, "
            f"got: {reason}"
        ) from error
    name = identifier(name)
    plain = {key: plain_value(name, key, value) for key, value in parameters.items()}
    module, data = own_module.run(source, path)
    defaults, own_values = bound_parameters(module, name, path, plain)
    own = Own(
        name,
        tuple(sorted(own_values.items())),
        tuple(sorted(defaults.items())),
        source=source,
        file=path,
        data=data,
    )
    if sha256 not in (None, own.sha256):
        raise ActivationError(
            f"activation {name!r}: expected {path} with sha256 {str(sha256)[:8]}…, got "
            f"{own.sha256[:8]}…; restore the file, or leave out sha256 to use it as it is"
        )
    inner = own.inner
    with errors_of_user(what := f"activation {name!r} of {path}"):
        check(inner, what)
    if isinstance(inner, FromFunctions) and hasattr(module, f"{name}_dual"):
        with errors_of_user(what := f"{name}_dual of {path}"):
            check_dual(inner, what)
    return own


@lru_cache(maxsize=256)
def _build(
    source: str, file: str, name: str, parameters: tuple[tuple[str, Any], ...], data: Data
) -> Activation:
    """Return the activation itself, from the text alone, so that workers do not need the file."""
    module, found = own_module.run(source, file)
    if found != data:
        changed = sorted({name for name, _ in set(found) ^ set(data)})
        raise ActivationError(
            f"{name} of {file}: the data that it reads changed while it was in use "
            f"({', '.join(changed)}); load the activation, or start the run, again"
        )
    made = getattr(module, name)
    if not isinstance(made, type):
        return FromFunctions(name, parameters, module=module)
    try:
        activation: Activation = made(name=name, parameters=parameters, **dict(parameters))
    except Exception as error:
        raise ActivationError(
            f"{name} of {file}: expected a frozen dataclass with the fields "
            f"{', '.join(dict(parameters)) or 'of Activation only'}, got "
            f"{type(error).__name__}: {error}"
        ) from error
    return activation
