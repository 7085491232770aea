"""Kernels in C; each is None where the package was installed without a C compiler."""

try:
    from hessweep.compiled import _assembly as assembly
    from hessweep.compiled import _lanes as lanes
except ImportError:
    assembly = lanes = None  # type: ignore[assignment]

__all__ = ["assembly", "lanes"]
