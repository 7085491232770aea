"""What axe-core finds on the page, and what the explorer shows beyond one spectrum."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from headless import emulate

WIDTHS = (400, 1400)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_no_violation(tab, width, scheme):
    emulate(tab, color_scheme=scheme, reduced_motion="reduce")
    tab.set_viewport_size({"width": width, "height": 900})
    for summary in tab.locator("details > summary").all():
        summary.click()
    found = Axe().run(tab)
    told = [
        f"{violation['id']}: {node['target']}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]
    assert told == []
    assert len(found.response["passes"]) > 20


def test_claims_are_cards_on_a_phone(tab):
    tab.set_viewport_size({"width": 400, "height": 900})
    cells = tab.locator("#claims-table tbody tr").first.locator("td")
    boxes = [cell.bounding_box() for cell in cells.all()]
    assert len(boxes) >= 3
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 400 for box in boxes)
    headings = cells.evaluate_all("cells => cells.map((cell) => cell.dataset.heading)")
    columns = tab.locator("#claims-table th")
    names = columns.evaluate_all("cells => cells.map((cell) => cell.textContent.trim())")
    assert headings == names


def pick(tab, **values):
    for name, value in values.items():
        tab.select_option(f"#picker [name={name}]", str(value))


def traces(tab):
    return tab.evaluate("document.getElementById('spectrum').data.map((trace) => trace.name)")


def test_two_spectra_are_drawn_over_one_another(tab):
    pick(tab, activation="erf", N_i=2, N_h=2)
    tab.click("#keep")
    alone = tab.evaluate("document.getElementById('spectrum').data[0].y")
    assert traces(tab) == ["eigenvalues"]
    pick(tab, N_h=12)
    assert traces(tab) == ["erf, 2 × 12", "erf, 2 × 2"]
    # The kept one is drawn as it was: its own density, on the axes of the other.
    drawn = tab.evaluate("document.getElementById('spectrum').data[1].y")
    assert max(drawn) == pytest.approx(max(alone)) or tab.is_checked("[name=logx]")
    assert tab.get_attribute("#keep", "aria-pressed") == "true"
    tab.click("#keep")
    assert traces(tab) == ["eigenvalues"]


def test_the_address_holds_the_state(browser, page, tab):
    pick(tab, activation="erf", N_i=2, N_h=2)
    tab.click("#keep")
    pick(tab, N_h=12)
    tab.set_checked("[name=logy]", True)
    address = tab.evaluate("location.href")
    assert address.startswith(Path(page).as_uri() + "#explorer?")
    context = browser.new_context()
    other = context.new_page()
    other.goto(address)
    other.wait_for_selector("#explorer[data-ready]", state="attached")
    assert other.input_value("#picker [name=N_h]") == "12"
    assert other.is_checked("[name=logy]")
    assert traces(other) == traces(tab)
    assert other.inner_text("#chosen") == tab.inner_text("#chosen")
    context.close()


@pytest.mark.parametrize(
    ("typed", "told"),
    [("foo>3", "no column foo: there are activation"), ("N_i>", "N_i> compares with nothing")],
)
def test_a_filter_that_can_not_be_meant_is_explained(tab, typed, told):
    tab.fill(".filters input", typed)
    assert told in tab.inner_text(".filters output")
    tab.fill(".filters input", "N_i>2 linear")
    assert tab.inner_text(".filters output").endswith("rows")


def test_a_picture_is_enlarged_to_its_own_pixels(tab):
    tab.click("#figure-seen button.enlarge")
    shown = "document.querySelector('dialog.zoom img')"
    assert tab.evaluate(f"{shown}.clientWidth") == tab.evaluate(f"{shown}.naturalWidth")
    tab.keyboard.press("Escape")
    tab.locator("dialog").wait_for(state="detached")
