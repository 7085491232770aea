"""Densities of large networks against the laws, and what captions say of them."""

import numpy as np
import pandas as pd
import pytest

from hessweep.activations import activation
from hessweep.analysis.predictions import pooled_distance, teacher_of
from hessweep.density import SpectralDensity, spectral_density
from hessweep.errors import InputError
from hessweep.figures import quadratic_spectrum
from hessweep.figures.log_density import law_sentence
from hessweep.laws import SpectrumLaw, spectrum_law
from hessweep.networks import sample_teacher
from hessweep.setup import Setup
from hessweep.store import open_results, publish, write_segment


@pytest.mark.parametrize(("name", "place"), [("erf", 0.1), ("quadratic", 20.0)])
def test_a_density_counts_what_the_law_of_its_teacher_counts(name, place):
    """P = 14 520; no spectrum of that size is needed on either side."""
    N = 120
    teacher = sample_teacher(name, N, N, 0)
    law = spectrum_law(name, N, N, W1=teacher.W1, W2=teacher.W2)
    density = spectral_density(teacher)
    [large], [error] = density.cdf(np.array([place]))
    assert (1 - large) * density.P == pytest.approx(
        float(law.sf(np.array([place]))[0]) * density.P, abs=4 * error * density.P + 1e-6
    )
    # Half of the bulk, where 80 steps of Lanczos resolve it.
    top = density.nodes.max()
    x = np.geomspace(3e-3 * top, top, 40)
    value, error = density.cdf(x)
    assert np.abs(value - law.cdf(x)).max() < 0.01


def test_captions_tell_densities_from_spectra(tmp_path):
    quadratic = activation("quadratic")
    points = [
        Setup(quadratic, N, N, kind=kind).point(seed)
        for N, kind, seeds in ((8, "exact", 6), (20, "exact", 6), (40, "density", 2))
        for seed in range(seeds)
    ]
    write_segment(tmp_path, [point.compute() for point in points])
    publish(tmp_path)
    tables = quadratic_spectrum.data(open_results(tmp_path))
    assert tables["outlier"]["N"].tolist() == [8, 20, 40]
    curves = tables["law"]
    first = curves[curves["group"] == "all"].groupby("N")["x"].min()
    left = quadratic_spectrum.plot(tables).axes[0].get_xlim()[0]
    # Every law is drawn from the edge of the frame, wherever its density ends.
    assert (first < 1.1 * left).all()
    distance = pd.DataFrame({"N": [8, 20, 40], "teachers": 6, "distance": [0.03, 0.02, 0.00007]})
    sentence = law_sentence({**tables, "distance": distance})
    assert "zeros included, is 0.030, 0.020 at N = 8 and 20." in sentence
    assert "the densities resolve, the distance of the law is 0.00007 at N = 40." in sentence


def test_densities_are_compared_up_to_their_largest_eigenvalue():
    """Half of the eigenvalues are at 1, where the law has none: all of it is at 1e-3."""
    values = np.r_[np.full(50, 1e-3), np.full(50, 1.0)]
    points = pd.DataFrame(
        {"spectrum": ["density"], "density": [SpectralDensity.of_spectrum(values)]}
    )
    law = SpectrumLaw("one", {"bulk": 100}, {"bulk": lambda x: 1.0 * (x < 1e-3)})
    assert pooled_distance(points, law) == pytest.approx(0.5)
    high = SpectrumLaw(
        "half", {"bulk": 100}, {"bulk": lambda x: 0.5 * (x < 1e-3) + 0.5 * (x < 0.5)}
    )
    assert pooled_distance(points, high) == pytest.approx(0.5)
    same = SpectrumLaw("same", {"bulk": 100}, {"bulk": lambda x: 0.5 * (x < 1e-3) + 0.5 * (x < 1)})
    assert pooled_distance(points, same) == 0


def test_an_activation_of_a_file_has_no_law_here():
    point = {"activation": "mine", "activation_spec": '{"name": "mine", "file": "0"}'}
    with pytest.raises(InputError, match="mine: expected an activation of the package"):
        teacher_of(point)
