"""The limit law of the eigenvalues μ of `Γ(z) = W1^T diag(χ/(z - a2 χ)) W1` (docs/laws.md).

Its Stieltjes transform `G(w) = E 1/(w - μ)` is the root in the lower half-plane of

    w = 1/G + γ n̂(a2 + G),      n̂(b) = E[χ/(z - b χ)] = n(z/b)/b.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Complex, Float
from numpy import ndarray

from hessweep.laws.chi import OutputWeights

DOWN = 4.0
"""Factor by which the height above the real axis falls where the direct way fails."""
LOWEST = 1e-9
"""Height, relative to |w|, where that way ends before its last step."""
RESOLUTION = 1e-13
"""Newton step, relative to G, at which a root is taken as found."""
ROUGH = 1e-5
"""The same on the way down, where a root only leads to the next."""
LONGEST = 2.0
"""Longest step in log G."""
ROUNDING = 1e-15
"""Defect, relative to the terms of the equation, that no step makes smaller."""
REAL = 1e-9
"""Imaginary part of G, relative to G, below which G counts as real."""
RISING = 1e-6
"""Rise of w with real b, relative to the terms of its derivative, that is more than rounding."""


@dataclass(frozen=True, eq=False)
class Gamma:
    """The law of μ for one law of χ, one a2 and one ratio γ; z and w vary together."""

    chi: OutputWeights
    a2: float
    ratio: float

    def equation(
        self, G: Complex[ndarray, "*n"], w: Complex[ndarray, "*n"], z: Float[ndarray, "*n"]
    ) -> tuple[Complex[ndarray, "*n"], Complex[ndarray, "*n"], Complex[ndarray, "*n"]]:
        """Return `γ n̂(a2 + G)`, `1/G + γ n̂ - w` without cancellation, and its derivative in G."""
        b = self.a2 + G
        q = z / b
        n, above, slope = self.chi.n(q)
        R = self.ratio * n / b
        # For small q n tends to -1, and nearly cancels 1/G at γ = 1.
        near = (self.a2 + (1 - self.ratio) * G) / (G * b) + self.ratio * above / b
        defect = np.where(np.abs(q) < 1, near, 1 / G + R) - w
        return R, defect, -self.ratio * (n + q * slope) / (b * b) - 1 / (G * G)

    def squared_mean(self, b: Float[ndarray, "*n"], z: Float[ndarray, "*n"]) -> ndarray:
        """Return `E[χ²/(z - b χ)²]` for real b where it is finite."""
        q = np.asarray(z / b, dtype=complex)
        n, _, slope = self.chi.n(q)
        return np.asarray((-(n + q * slope) / (b * b)).real)

    def inverse(self, b: Float[ndarray, "*n"], z: Float[ndarray, "*n"]) -> ndarray:
        """Return the real `w(b) = 1/(b - a2) + γ n̂(b)`."""
        n, _, _ = self.chi.n(np.asarray(z / b, dtype=complex))
        return np.asarray(1 / (b - self.a2) + self.ratio * n.real / b)

    def transform(
        self, w: Complex[ndarray, "*n"], z: Float[ndarray, "*n"]
    ) -> tuple[Complex[ndarray, "*n"], Bool[ndarray, "*n"]]:
        """Return `G(w + i0)` and where it converged; w in the support, or complex above it.

        Within rounding of an edge of the support nothing converges; G is then that of a point
        above, `LOWEST |w|` away.
        """
        w, z = np.broadcast_arrays(np.asarray(w, dtype=complex), z)
        shape, w, z = w.shape, w.ravel(), z.ravel()
        G = 1 / (w + 1j * (np.abs(w) + self.ratio / z))
        todo = self._iterate(G, np.arange(len(w)), w, z, contractions=4, steps=40)
        converged = np.ones(len(w), dtype=bool)
        converged[self._descend(G, todo, w, z)] = False
        return G.reshape(shape), converged.reshape(shape)

    def _descend(self, G: ndarray, todo: ndarray, w: ndarray, z: ndarray) -> ndarray:
        """Follow the root from far above the real axis down to w; return where that fails."""
        if not len(todo):
            return todo
        height = 10 * (np.abs(w[todo]) + (1 + self.ratio) / z[todo])
        lowest = LOWEST * np.abs(w[todo])
        G[todo] = 1 / (w[todo] + 1j * height)
        above = w.copy()
        while (height > lowest).any():
            height = np.maximum(height / DOWN, lowest)
            above[todo] = w[todo] + 1j * height
            self._iterate(G, todo, above, z, contractions=0, steps=12, resolution=ROUGH)
        before = G[todo]
        left = self._iterate(G, todo, w, z, contractions=0, steps=100)
        failed = np.isin(todo, left)
        G[todo[failed]] = before[failed]
        return left

    def _iterate(
        self,
        G: ndarray,
        todo: ndarray,
        w: ndarray,
        z: ndarray,
        contractions: int,
        steps: int,
        resolution: float = RESOLUTION,
    ) -> ndarray:
        """Improve the roots `G[todo]` in place; return those that have not converged."""
        rejected: list[ndarray] = []
        for step in range(steps):
            g, at = G[todo], w[todo]
            with np.errstate(all="ignore"):
                R, defect, slope = self.equation(g, at, z[todo])
                contracted = 1 / (at - R)
                if step < contractions:
                    G[todo] = contracted if step % 7 else (contracted + g) / 2
                    continue
                newton = g - defect / slope
                # Between logarithms of G and w where the step is long: exact where one is a
                # power of the other, as near w = 0.
                long = ~(np.abs(newton - g) < np.abs(g) / 2)
                here, there, off = g[long], at[long], defect[long]
                rise = -np.log1p(off / there) * (there + off) / (here * slope[long])
                newton[long] = here * np.exp(rise * np.minimum(1, LONGEST / np.abs(rise)))
            good = np.isfinite(newton) & (newton.imag < 0)
            new = np.where(good, newton, contracted if step % 7 else (contracted + g) / 2)
            G[todo] = new
            small = np.abs(new - g) < resolution * np.abs(new)
            rounding = np.abs(defect) < ROUNDING * (np.abs(at) + 1e-3 * np.abs(1 / g))
            found = good & small | rounding
            rejected.append(todo[found][self._are_false(new[found], at[found], z[todo[found]])])
            todo = todo[~found]
            if not len(todo):
                break
        return np.concatenate([todo, *rejected])

    def _are_false(self, G: ndarray, w: ndarray, z: ndarray) -> ndarray:
        """Whether roots for real w are real ones of the equation where w rises with b.

        Inside the support there is such a root beside the complex pair, and near to it where a
        gap is about to open; rounding can put it into the lower half-plane.
        """
        real = (w.imag == 0) & (np.abs(G.imag) < REAL * np.abs(G))
        if real.any():
            b = self.a2 + G[real].real
            with np.errstate(all="ignore"):
                slope = self.ratio * G[real].real ** 2 * self.squared_mean(b, z[real])
            real[real] = slope > 1 + RISING
        return real
