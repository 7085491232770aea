"""Kernels in C; each is None where the package was installed without a C compiler."""

try:
    from hessweep.compiled import _assembly as assembly
    from hessweep.compiled import _lanes as lanes
except ImportError:
    assembly = lanes = None  # type: ignore[assignment]

try:
    from hessweep.compiled import _general_assembly as general_assembly
except ImportError:
    general_assembly = None  # type: ignore[assignment]

__all__ = ["assembly", "general_assembly", "lanes"]
