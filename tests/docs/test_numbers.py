"""Numbers that the pages and the README state, against what hessweep computes today.

Each test reads the number from the page, so that neither can change without the other. Where a
number counts eigenvalues at the rounding errors of float64, another processor may count
differently: such counts have to agree within `PROCESSORS`.
"""

import json
import re

import numpy as np
import pytest
from pages import DOCS, plain

from hessweep import laws
from hessweep.activations import activation
from hessweep.analysis import largest_gap
from hessweep.figures import law_convergence
from hessweep.hessian import hessian
from hessweep.networks import sample_teacher
from hessweep.outputs import load_study
from hessweep.rank import formula, rank, smallest_eigenvalue
from hessweep.spectrum import spectrum, spectrum_with_error

PROCESSORS = 3
"""By how many eigenvalues numpy's rank may differ between processors."""

REPOSITORY = DOCS.parent


def stated(page, pattern):
    """The numbers that a page states: the groups of the pattern's only match."""
    text = " ".join(plain((REPOSITORY / page).read_text(encoding="utf-8")).split())
    (found,) = re.finditer(pattern, text)
    return [float(group.replace(",", "")) for group in found.groups()]


def rows(page, header):
    """The cells of the table of a page that begins with this header."""
    text = plain((REPOSITORY / page).read_text(encoding="utf-8"))
    (body,) = re.findall(re.escape(header) + r"\n\|[-|]+\|\n((?:\|.*\|\n)+)", text)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in body.splitlines()]


@pytest.mark.parametrize(
    ("page", "pattern", "size"),
    [
        ("docs/ranks.md", r"counts (\d+) to (\d+) of 144 eigenvalues over seeds 0 to 19", (2, 48)),
        ("docs/mathematics.md", r"gives (\d+) to (\d+) over seeds 0 to 19", (2, 16)),
        ("docs/mathematics.md", r"\(P=24\) it gives (\d+) to (\d+);", (1, 12)),
    ],
)
def test_ranks_by_numpy(page, pattern, size):
    counts = [np.linalg.matrix_rank(hessian(sample_teacher("erf", *size, k))) for k in range(20)]
    assert (
        np.abs(np.subtract(stated(page, pattern), (min(counts), max(counts)))).max() <= PROCESSORS
    )


@pytest.fixture(scope="module")
def study():
    """The study that docs/ranks.md, sec. 10 is about."""
    return load_study(REPOSITORY / "config" / "ranks.yaml")


LABELS = {
    "x": "linear",
    "x + x²": "quadratic",
    "x + … + x³": "cubic",
    "Gaussian": "gaussian",
    "GELU": "gelu",
    "ReLU": "relu",
    **{f"x{'⁰¹²³⁴⁵'[n]}": f"power(degree={n})" for n in (2, 3, 4, 5)},
}


def label(text):
    """The label of an activation of the table in docs/ranks.md, sec. 10."""
    if text in LABELS:
        return LABELS[text]
    if "x" not in text or text == "exp":
        return text
    if "…" in text:
        degrees = set(range(1, 1 + "⁰¹²³⁴⁵⁶".index(text[-1])))
    else:
        terms = {"1": 0, "x": 1} | {f"x{power}": n for n, power in enumerate("⁰¹²³⁴⁵⁶")}
        degrees = {terms[term] for term in text.split(" + ")}
    coefficients = ",".join(str(int(n in degrees)) for n in range(max(degrees) + 1))
    return f"polynomial(coefficients=[{coefficients}])"


def test_sizes_and_formulas_of_the_study_of_ranks(study):
    """Those columns of the table that need no computed point; the others are its results."""
    setups = [point.setup for point in study.points() if point.setup.weights == "normal"]
    header = (
        "| activation | sizes | points | formula exact / bound | rank = formula | float64 wrong | "
        "least λ_min/λ_max | by float64 / theorem / modular |"
    )
    listed = [row for row in rows("docs/ranks.md", header) if "each" not in row[1]]
    assert len(listed) == 29
    for name, sizes, count, formulas, equal, *_ in listed:
        found = [setup for setup in setups if setup.activation.label == label(name)]
        kinds = {
            (setup.N_i, setup.N_h): formula(setup.activation, setup.N_i, setup.N_h).kind
            for setup in set(found)
        }
        exact = [*kinds.values()].count("exact")
        assert (len(kinds), len(found)) == (int(sizes), int(count)), name
        assert formulas == f"{exact} / {len(kinds) - exact}", name
        assert equal == count, name
    (asked,) = stated("docs/ranks.md", r"proves [\d,]+ of ([\d,]+) ranks")
    assert asked == len(study.points())


def smallest(teacher):
    """The smallest eigenvalue of a teacher of full rank."""
    return smallest_eigenvalue(teacher, spectrum_with_error(teacher), teacher.P).value


def test_smallest_eigenvalue_of_the_readme_is_that_of_its_picture():
    """The picture is of config/ranks.yaml, where the least one is found at (1, 20)."""
    teachers = [sample_teacher("erf", 1, 20, seed) for seed in range(5)]
    least = min(smallest(teacher) / spectrum(teacher)[-1] for teacher in teachers)
    alternative, text = (
        stated("README.md", pattern)[0]
        for pattern in (r"down to (\S+), far below", r"neurons, to (\S+) of the largest one")
    )
    assert alternative == text == float(f"{least:.0e}")


def test_smallest_eigenvalues_of_erf():
    listed = rows("docs/ranks.md", "| N_i, N_h | P = rank | numpy | least λ_min |")
    assert len(listed) == 10
    for size, P, counts, least in listed:
        N_i, N_h = map(int, size.split(", "))
        teachers = [sample_teacher("erf", N_i, N_h, seed) for seed in range(5)]
        assert {teacher.P for teacher in teachers} == {int(P)}
        by_numpy = [np.linalg.matrix_rank(hessian(teacher)) for teacher in teachers]
        bounds = [int(count) for count in counts.split(" to ")]
        assert abs(bounds[0] - min(by_numpy)) <= PROCESSORS, size
        assert abs(bounds[-1] - max(by_numpy)) <= PROCESSORS, size
        # Larger ones take seconds.
        if int(P) < 50:
            assert {rank(teacher).value for teacher in teachers} == {int(P)}, size
            found = min(smallest(teacher) for teacher in teachers)
            assert float(least) == pytest.approx(found, rel=0.06), size


def test_ranks_that_counting_does_not_explain():
    listed = rows("docs/ranks.md", "| activation | ranks that counting alone does not explain |")
    checked = 0
    for name, exceptions in listed:
        polynomial = named(label(name))
        for N_i, N_h, value in re.findall(r"\((\d), (\d+); (\d+)\)", exceptions):
            size = int(N_i), int(N_h)
            assert formula(polynomial, *size).value == int(value), (name, size)
            found = rank(sample_teacher(polynomial, *size, seed=0))
            assert (found.value, found.certificate) == (int(value), "proved"), (name, size)
            checked += 1
    assert checked > 25


def named(text):
    """The activation of a label such as `cubic` or `power(degree=3)`."""
    kind, _, parameters = text.rstrip(")").partition("(")
    key, _, value = parameters.partition("=")
    return activation(kind, **({key: json.loads(value)} if key else {}))


def test_distances_of_asymptotic_and_exact_laws():
    sizes = (10, 20, 40, 80, 160, 320)
    found = law_convergence.data(sizes, ratios=(1,))["distances"]
    rows_of = {name: group.reset_index(drop=True) for name, group in found.groupby("law")}
    first_H, last_H, first_B, last_B = stated(
        "docs/laws.md", r"falls from (\S+) to (\S+) for H and from (\S+) to (\S+) for block B"
    )
    fitted_B, local_B, fitted_H, local_H = stated(
        "docs/laws.md",
        r"fitted exponent is (-\S+) and its local value still falls, to (-\S+) between .* later: "
        r"(-\S+) fitted over all sizes, (-\S+) between the last two",
    )
    for name, ends, fitted, local in (
        ("H", (first_H, last_H), fitted_H, local_H),
        ("B", (first_B, last_B), fitted_B, local_B),
    ):
        distance, N = rows_of[name]["distance"], rows_of[name]["N_i"]
        assert ends == tuple(float(f"{value:.1e}") for value in (distance[0], distance[5]))
        slope = np.polyfit(np.log(N), np.log(distance), 1)[0]
        assert fitted == float(f"{slope:.2f}")
        assert local == float(f"{rows_of[name]['exponent'][5]:.2f}")


def test_distances_of_marchenko_pastur_at_small_sizes():
    found = stated(
        "docs/mathematics.md",
        r"Marchenko-Pastur has (\S+) \(4 x 4\), (\S+) \(6 x 12\), (\S+) \(20 x 40\)",
    )
    for value, (N, M) in zip(found, [(4, 4), (6, 12), (20, 40)], strict=True):
        law, limit = laws.block_B_law(M, N, exact=True), laws.block_B_law(M, N)
        assert value == float(f"{laws.law_distance(law, limit):.2g}")
        singular = np.linalg.svd(
            np.random.default_rng(N).standard_normal((40_000 // N, N, M)), compute_uv=False
        )
        by_sample = laws.ks_distance(singular.ravel() ** 2 / M, limit)
        assert value == pytest.approx(by_sample, abs=0.004)


def test_outlier_of_the_quadratic_network():
    constant, inverse = stated("docs/figures.md", r"its mean is close to N \+ (\d+) \+ (\d+)/N")
    for N in (10, 20):
        largest = [spectrum(sample_teacher("quadratic", N, N, seed))[-1] for seed in range(100)]
        error = np.std(largest) / np.sqrt(len(largest))
        assert abs(np.mean(largest) - (N + constant + inverse / N)) < 3 * error


def test_comments_of_the_readme_say_what_its_lines_return():
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^## One network\n\n```python\n(.*?)^```$", text, re.M | re.S)
    variables = {}
    results = []
    for line in block.splitlines():
        code, _, comment = line.partition("  # ")
        if code.startswith("hessweep."):
            results.append((eval(code, variables), comment))  # noqa: S307 - our own README
        else:
            exec(code, variables)  # noqa: S102 - our own README
    (H, shape), (eigenvalues, _), (found, said), (formula_value, number), _, *others = results
    (tail, bulk), (biased, of_biased), (deep, of_deep) = others
    assert bulk.startswith(f"{tail:.3f}: ")
    assert of_biased.startswith(f"{biased.value}, {biased.certificate}")
    assert of_deep.startswith(f"{deep.value}, {deep.certificate}")
    assert shape.startswith(str(H.shape))
    assert len(eigenvalues) == len(H)
    assert said.startswith(f"Rank(value={found.value}, ")
    assert f"certificate='{found.certificate}'" in said
    assert number.startswith(f"{formula_value},")


def test_teachers_with_another_number_of_large_eigenvalues():
    exceptions, of = stated("docs/mathematics.md", r"N_i, and (\d+) of ([\d,]+) teachers at N = 5")
    counts = [
        largest_gap(spectrum(sample_teacher("erf", 5, 5, seed)), 5).count
        for seed in range(int(of))
    ]
    assert np.sum(np.array(counts) != 5) == exceptions
    # As found before in three of these teachers.
    assert [counts[seed] for seed in (41, 210, 243)] == [6, 3, 4]
