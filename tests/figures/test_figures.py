"""What all figures share: style, files on disk and the registry."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from hessweep import figures
from hessweep.errors import StudyError
from hessweep.figures import architecture, quadratic_spectrum, style, words


def test_saving_again_gives_the_same_bytes(tmp_path, quadratic, tree):
    first = figures.make("quadratic-spectrum", tree(quadratic), tmp_path / "one" / "fig-4.a")
    again = figures.make("quadratic-spectrum", tree(quadratic), tmp_path / "two" / "fig-4.a")
    assert [path.name for path in first] == ["fig-4.a" + suffix for suffix in figures.SUFFIXES]
    for one, two in zip(first, again, strict=True):
        assert one.read_bytes() == two.read_bytes()


def test_picture_has_the_width_of_a_column(tmp_path):
    png, pdf, _, caption = figures.make("architecture", [], tmp_path / "fig-1")
    assert imread(png).shape[1] == 3.4 * 300
    assert b"CreationDate" not in pdf.read_bytes()
    assert caption.read_text() == architecture.caption({}) + "\n"


def test_saved_table_is_the_plotted_data(tmp_path, quadratic, tree):
    _, _, csv, _ = figures.make("quadratic-spectrum", tree(quadratic), tmp_path / "fig")
    table = pd.read_csv(csv)
    for name, part in quadratic_spectrum.data(tree(quadratic)).items():
        saved = table.loc[table["table"] == name, list(part.columns)]
        for column in part:
            if part[column].dtype == float:
                np.testing.assert_allclose(saved[column], part[column], rtol=1e-8)
            else:
                assert saved[column].tolist() == part[column].tolist()


def test_reader_settings_neither_leak_in_nor_out():
    with mpl.rc_context({"font.size": 31, "axes.spines.top": True}):
        axes = architecture.plot(architecture.data()).axes[0]
        assert mpl.rcParams["font.size"] == 31
    assert max(text.get_fontsize() for text in axes.texts) < 12


def test_series_differ_in_colour_and_in_line():
    assert len({series["color"] for series in style.SERIES}) == len(style.SERIES)
    assert len({str(series["linestyle"]) for series in style.SERIES}) == len(style.SERIES)
    assert len(style.MARKERS) == len(style.SERIES)


def test_architecture_has_every_connection_once():
    tables = architecture.data(N_i=3, N_h=4)
    axes = architecture.plot(tables).axes[0]
    drawn = {
        lines.get_label(): len(lines.get_segments())
        for lines in axes.collections
        if hasattr(lines, "get_segments")
    }
    assert drawn == {"W1": 12, "W2": 4}
    assert tables["neurons"]["layer"].value_counts().to_dict() == {
        "input": 3,
        "hidden": 4,
        "output": 1,
    }
    assert [text.get_text() for text in axes.texts].count("$g$") == 4


def test_unknown_kinds_and_options_name_the_known_ones():
    with pytest.raises(StudyError, match=r"unknown kind of figure 'fig4'.*quadratic-spectrum"):
        figures.figure_kind("fig4")
    with pytest.raises(StudyError, match="does not take epsilon; it takes activation"):
        figures.figure_kind("quadratic-spectrum", {"epsilon": 1})
    with pytest.raises(StudyError, match="other-weights needs N_h under its options"):
        figures.figure_kind("other-weights", {"N_i": 10})


@pytest.mark.parametrize(
    ("values", "text"), [([5], "5"), ([5, 10, 5], "5 and 10"), ([1, 2, 3], "1, 2 and 3")]
)
def test_listing(values, text):
    assert words.listing(values) == text


def test_span():
    assert words.span(iter([7, 7])) == "7"
    assert words.span(iter([9, 7])) == "7 to 9"
