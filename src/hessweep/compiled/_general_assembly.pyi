from numpy import ndarray

def assemble(
    inputs: tuple[ndarray, ...], H: ndarray, S: int, N_h: int, N_i: int, P: int, /
) -> None: ...
