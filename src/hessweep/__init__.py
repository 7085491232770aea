"""Hessian spectra and proved ranks of two-layer teacher-student networks at the optimum."""
