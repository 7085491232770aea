"""The page in a real browser: what a reader does with it, by mouse and by keyboard."""

import base64
import csv
import gzip
import json
import re
from pathlib import Path

import numpy as np
import pytest
from headless import emulate
from PIL import Image, ImageChops
from playwright.sync_api import expect

CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")


def column(tab, table, name):
    """The values of a column, in the order of the rows that are shown."""
    return tab.evaluate(
        """([id, name]) => {
          const table = document.getElementById(id);
          const k = [...table.tHead.rows[0].cells].findIndex((c) => c.dataset.name === name);
          return [...table.tBodies[0].rows].filter((r) => !r.hidden)
            .map((r) => r.cells[k].dataset.value ?? r.cells[k].textContent);
        }""",
        [table, name],
    )


def plotted(tab, plot, trace, key):
    return tab.evaluate(
        "([id, k, key]) => Array.from(document.getElementById(id).data[k][key])",
        [plot, trace, key],
    )


def chosen(tab):
    return tab.inner_text("#chosen").replace("\n", "")


def ensembles(tab):
    return json.loads(gzip.decompress(base64.b64decode(tab.text_content("#results"))))["ensembles"]


def pick(tab, activation, N_i, N_h):
    for name, value in (("activation", activation), ("N_i", N_i), ("N_h", N_h)):
        tab.select_option(f"#picker [name={name}]", str(value))


def test_tables_sort_up_and_down(tab):
    button = tab.locator("#rank-table th[data-name=P] button")
    button.click()
    values = [int(value) for value in column(tab, "rank-table", "P")]
    assert values == sorted(values)
    assert len(set(values)) > 5
    heading = tab.locator("#rank-table th[data-name=P]")
    assert heading.get_attribute("aria-sort") == "ascending"
    button.click()
    assert [int(value) for value in column(tab, "rank-table", "P")] == values[::-1]
    assert heading.get_attribute("aria-sort") == "descending"


def test_rows_without_a_number_come_last(tab):
    for _ in ("up", "down"):
        tab.click("#claims-table th[data-name=distance] button")
        assert column(tab, "claims-table", "distance") == ["0.25", ""]


def test_tables_filter_by_list_flag_word_and_condition(tab):
    everything = len(column(tab, "rank-table", "P"))
    tab.select_option("[data-column=activation]", "erf")
    assert set(column(tab, "rank-table", "activation")) == {"erf"}
    assert tab.inner_text(".filters output") == f"6 of {everything} rows"
    tab.select_option("[data-flag]", "differs")
    assert len(column(tab, "rank-table", "P")) == 1
    tab.click(".filters .clear")
    assert len(column(tab, "rank-table", "P")) == everything
    tab.fill(".filters input", "linear n_h>=4 N_i!=2 laplace")
    found = list(
        zip(*(column(tab, "rank-table", name) for name in ("N_i", "N_h", "weights")), strict=True)
    )
    assert found == [("3", "6", "laplace")]


def test_conditions_on_what_is_not_there_show_nothing(tab):
    tab.fill(".filters input", "rank=6")  # no column of that name: a text, which no row holds
    assert column(tab, "rank-table", "P") == []
    tab.fill(".filters input", "formula>1000000")
    assert column(tab, "rank-table", "P") == []


def test_rows_shown_are_saved_as_csv(tab):
    tab.fill(".filters input", "erf N_h=12")
    tab.click("#rank-table th[data-name=N_i] button")
    with tab.expect_download() as download:
        tab.click(".filters .save")
    rows = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))
    assert [(row["activation"], row["N_i"], row["P"]) for row in rows] == [
        ("erf", "1", "24"),
        ("erf", "2", "36"),
        ("erf", "5", "72"),
    ]


def test_explorer_shows_the_chosen_spectrum(tab):
    before = plotted(tab, "spectrum", 0, "y")
    pick(tab, "erf", 5, 2)
    (ensemble,) = [
        e for e in ensembles(tab) if (e["activation"], e["N_i"], e["N_h"]) == ("erf", 5, 2)
    ]
    assert "erf, Ni = 5, Nh = 2" in chosen(tab)
    assert plotted(tab, "spectrum", 0, "y") != before
    counts = ensemble["histogram"]["counts"]
    tab.set_checked("[name=logx]", False)
    heights = plotted(tab, "spectrum", 0, "y")[1:-2]
    width = (ensemble["histogram"]["high"] - ensemble["histogram"]["low"]) / len(counts)
    assert [height * width * sum(counts) for height in heights] == pytest.approx(counts)
    assert tab.locator("#bins tbody tr").count() == len(counts)


def test_logarithmic_axes_keep_the_law_on_the_histogram(tab):
    assert "linear" in chosen(tab)
    tab.set_checked("[name=logx]", True)
    tab.set_checked("[name=logy]", True)
    for axis in ("xaxis", "yaxis"):
        assert tab.evaluate(f"document.getElementById('spectrum').layout.{axis}.type") == "log"
    for trace in (1, 2):
        x, y = (plotted(tab, "spectrum", trace, key) for key in "xy")
        step = (x[1] - x[0]) / np.log(10)
        area = sum(height * step / at for at, height in zip(x, y, strict=True))
        assert area == pytest.approx(1, abs=0.02)
    low, high = tab.evaluate("document.getElementById('spectrum').layout.yaxis.range")
    assert low < high


def test_eigenvalues_that_a_logarithmic_axis_leaves_out_are_counted(tab):
    pick(tab, "erf", 1, 12)
    (ensemble,) = [
        e for e in ensembles(tab) if (e["activation"], e["N_i"], e["N_h"]) == ("erf", 1, 12)
    ]
    assert ensemble["unresolved"] > 0
    tab.set_checked("[name=logx]", True)
    said = f"without {ensemble['unresolved']} of them that float64 does not resolve"
    assert said in tab.inner_text("#spectrum-caption")
    tab.set_checked("[name=logx]", False)
    assert said not in tab.inner_text("#spectrum-caption")


def test_unlike_activations_need_no_law(tab):
    assert tab.evaluate("document.getElementById('spectrum').data.length") == 3
    pick(tab, "erf", 1, 2)
    assert tab.evaluate("document.getElementById('spectrum').data.length") == 1


def test_maps_hold_each_size_and_mark_where_the_formula_is_off(tab):
    pick(tab, "erf", 1, 2)
    shown = [e for e in ensembles(tab) if e["activation"] == "erf"]
    z = tab.evaluate("document.getElementById('rank-map').data[0].z")
    assert [value for row in z for value in row] == pytest.approx(
        [e["rank"][1] / e["P"] for e in sorted(shown, key=lambda e: (e["N_h"], e["N_i"]))]
    )
    off = [e for e in shown if e["kind"] == "exact" and e["rank"] != [e["formula"]] * 2]
    assert plotted(tab, "rank-map", 1, "x") == [str(e["N_i"]) for e in off] != []


def test_click_and_arrow_keys_on_a_map_choose(tab):
    pick(tab, "erf", 1, 2)
    tab.focus("#lambda-map")
    tab.keyboard.press("ArrowRight")
    assert "Ni = 2, Nh = 2" in chosen(tab)
    tab.keyboard.press("ArrowUp")
    assert "Ni = 2, Nh = 12" in chosen(tab)
    tab.keyboard.press("ArrowUp")
    assert "Ni = 2, Nh = 12" in chosen(tab)
    tab.locator("#rank-map").scroll_into_view_if_needed()
    cells = tab.locator("#rank-map .nsewdrag").bounding_box()
    tab.mouse.move(cells["x"] + cells["width"] * 5 / 6, cells["y"] + cells["height"] * 3 / 4)
    tab.wait_for_selector("#rank-map .hoverlayer .hovertext")
    tab.mouse.down()
    tab.mouse.up()
    assert "Ni = 5, Nh = 2" in chosen(tab)
    assert tab.input_value("#picker [name=N_i]") == "5"


def test_rank_rows_lead_to_their_spectrum(tab):
    tab.fill(".filters input", "quadratic N_i=5 N_h=12")
    tab.locator("#rank-table tbody tr:not([hidden]) a").click()
    expect(tab.locator("#chosen")).to_have_text(re.compile("^quadratic"))
    assert "Ni = 5, Nh = 12" in chosen(tab)
    tab.select_option("#picker [name=activation]", "linear")
    tab.locator("#rank-table tbody tr:not([hidden]) a").click()
    expect(tab.locator("#chosen")).to_have_text(re.compile("^quadratic"))


def test_provenance_names_the_points(tab):
    pick(tab, "erf", 2, 2)
    tab.click("#provenance summary")
    text = tab.inner_text("#provenance")
    (ensemble,) = [
        e for e in ensembles(tab) if (e["activation"], e["N_i"], e["N_h"]) == ("erf", 2, 2)
    ]
    for row in ensemble["listed"]:
        assert row[1] in text
    assert "activation == 'erf' and weights == 'normal' and N_i == 2 and N_h == 2" in text


def test_everything_is_reached_and_used_by_keyboard(tab):
    reached = []
    for _ in range(120):
        tab.keyboard.press("Tab")
        where = tab.evaluate(
            "[document.activeElement].map((e) => e.id || e.name || e.textContent.trim())[0]"
        )
        reached.append(where)
        outline = tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", where
        if where == "rank-map":
            break
    assert reached[0] == "Skip to the results"
    assert {"theme", "activation", "logy", "lambda-map", "rank-map", "Clear"} <= set(reached)
    tab.focus("#sweeps th[data-name=requested] button")
    tab.keyboard.press("Enter")
    assert column(tab, "sweeps", "requested") == ["24", "36", "240"]


def test_every_control_has_a_name(tab):
    nameless = tab.evaluate(
        """() => [...document.querySelectorAll("button, select, input, a, [role], [tabindex='0']")]
        .filter((e) => {
          const labelled = e.getAttribute("aria-label") || e.getAttribute("aria-labelledby");
          const native = e.matches("button, select, input, a, [role=status]");
          return !(labelled || (native && (e.labels?.length || e.textContent.trim())));
        }).map((e) => e.outerHTML.slice(0, 200))"""
    )
    assert nameless == []
    live = tab.locator("[aria-live], [role=status]").count()
    assert live >= 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(tab, scheme):
    emulate(tab, color_scheme=scheme)
    ratios = tab.evaluate(CONTRAST)
    assert len(ratios) > 200
    assert [found for found in ratios if found[0] < 4.5] == []


def test_theme_follows_the_system_and_the_button(tab):
    ground = "getComputedStyle(document.body).backgroundColor"
    ink = "document.getElementById('spectrum').layout.font.color"
    light = tab.evaluate(ground), tab.evaluate(ink)
    emulate(tab, color_scheme="dark")
    dark = tab.evaluate(ground), tab.evaluate(ink)
    assert dark[0] != light[0]
    assert dark[1] != light[1]
    for expected, name in ((light, "light"), (dark, "dark"), (dark, "automatic")):
        tab.click("#theme")
        assert tab.inner_text("#theme") == f"Theme: {name}"
        assert (tab.evaluate(ground), tab.evaluate(ink)) == expected


def test_narrow_screens_do_not_scroll_sideways(tab):
    tab.set_viewport_size({"width": 360, "height": 740})
    tab.wait_for_timeout(200)
    wide, seen = tab.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= seen


def test_print_shows_all_rows_in_black_and_no_controls(tab):
    emulate(tab, color_scheme="dark", media="print")
    assert not tab.locator("#picker").is_visible()
    assert not tab.locator(".top").is_visible()
    assert tab.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert tab.evaluate("document.getElementById('spectrum').layout.font.color") == "#000000"
    assert tab.evaluate("document.querySelector('#spectrum svg').clientWidth") < 680
    clipped = tab.evaluate(
        "[...document.querySelectorAll('.scroll')]"
        ".filter((e) => e.scrollHeight > e.clientHeight + 1).length"
    )
    assert clipped == 0
    # Chromium leaves buttons out of a heading that it repeats on the next sheet of paper.
    button = "document.querySelector('#rank-table th button')"
    assert tab.evaluate(f"getComputedStyle({button}).display") == "contents"
    pdf = tab.pdf(format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) in range(2, 12)


def test_data_of_a_figure_can_be_saved(tab):
    with tab.expect_download() as download:
        tab.click("#figure-seen .data a.packed")
    rows = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))
    assert [row["N_i"] for row in rows] == ["1", "2"]
    assert rows[0]["lambda_min"] == "1e-07"


def test_picture_of_a_figure_can_be_saved_as_pdf_and_png(tab, root):
    with tab.expect_download() as download:
        tab.click("#figure-seen a[download$=pdf]")
    assert Path(download.value.path()).read_bytes() == (root / "figures/seen.pdf").read_bytes()
    with tab.expect_download() as download:
        tab.click("#figure-seen button.png")
    assert download.value.suggested_filename == "seen.png"
    with Image.open(download.value.path()) as saved, Image.open(root / "figures/seen.png") as made:
        assert ImageChops.difference(saved.convert("RGB"), made.convert("RGB")).getbbox() is None


def test_pictures_have_their_own_size_and_are_dark_in_dark_mode(tab):
    picture = "document.querySelector('#figure-seen img')"
    # Three inches at 300 dpi.
    assert tab.evaluate(f"{picture}.clientWidth") == pytest.approx(900 / 2.2 + 24, abs=2)
    assert tab.evaluate(f"getComputedStyle({picture}).filter") == "none"
    emulate(tab, color_scheme="dark")
    assert "invert" in tab.evaluate(f"getComputedStyle({picture}).filter")


def test_only_long_tables_scroll_up_and_down(tab):
    clipped = tab.evaluate(
        """() => [...document.querySelectorAll(".scroll")]
        .filter((e) => e.scrollHeight > e.clientHeight + 1)
        .map((e) => e.querySelector("tbody").rows.length)"""
    )
    assert [rows for rows in clipped if rows <= 40] == []


def test_without_scripts_tables_and_figures_are_there(browser, page):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(Path(page).as_uri())
    assert tab.locator("#rank-table tbody tr").count() == 28
    assert tab.locator("#figure-seen img").is_visible()
    assert tab.get_by_text("The explorer needs JavaScript").is_visible()
    context.close()
