"""The page in a real browser: that it follows the results, and that anybody can read it."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from headless import emulate
from playwright.sync_api import expect
from watching.conftest import fill, store, watching

from hessweep.outputs import load_study


@pytest.fixture
def live(browser, folder):
    """A tab with the page of a running watcher; any complaint of the browser fails the test."""
    fill(load_study("study.yaml"))
    with watching(folder, "study.yaml", "--refresh", "0.5") as (process, address):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        tab = context.new_page()
        complaints, requests = [], []
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("dialog", lambda dialog: complaints.append(dialog.message))
        tab.on("request", lambda request: requests.append(request.url))
        tab.goto(address)
        yield tab, process
        if process.poll() is None:
            assert complaints == []
        assert all(url.startswith((address, "data:")) for url in requests)
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400])
def test_axe_finds_no_violation(live, width, scheme):
    tab, _ = live
    emulate(tab, color_scheme=scheme, reduced_motion="reduce")
    tab.set_viewport_size({"width": width, "height": 900})
    found = Axe().run(tab)
    told = [
        f"{violation['id']}: {node['target']}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]
    assert told == []
    assert len(found.response["passes"]) > 20
    # Nothing sticks out to the right.
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_it_follows_what_is_stored_without_being_loaded_again(live):
    tab, _ = live
    tab.evaluate("window.here = true")
    expect(tab.locator(".lead")).to_contain_text("55 of at least 150 points computed")
    expect(tab.locator("svg[role=img]")).to_have_count(2)
    study = load_study("study.yaml")
    store(study, study.sweeps["small"].points()[60:])
    expect(tab.locator(".lead")).to_contain_text("115 of at least 150 points", timeout=30_000)
    expect(tab.locator("svg[role=img]")).to_have_count(3)
    widths = tab.locator(".title .bar span").evaluate_all("all => all.map(s => s.className)")
    assert widths == ["done", "failed", "missing"]
    assert tab.evaluate("window.here")


def test_bars_are_as_high_as_the_counts(live):
    tab, _ = live
    from hessweep.watching.stored import Stored

    stored = Stored(load_study("study.yaml").results)
    stored.look()
    for label in ("erf", "linear"):
        picture = tab.locator("figure", has_text=label).first.locator(".bars rect")
        heights = picture.evaluate_all("all => all.map(r => Number(r.getAttribute('height')))")
        counts = [count for count in stored.seen[label].counts.tolist() if count]
        largest = max(counts)
        assert [h / max(heights) for h in heights] == pytest.approx(
            [count / largest for count in counts], abs=0.01
        )


def test_the_page_says_when_the_watcher_has_ended(live):
    tab, process = live
    expect(tab.locator("#connection")).to_have_text("Live")
    process.kill()
    expect(tab.locator("#connection")).to_contain_text("The watcher has ended", timeout=30_000)
    expect(tab.locator(".lead")).to_contain_text("55 of at least 150")


def test_texts_of_results_are_texts(live):
    tab, _ = live
    expect(tab.locator(".errors li").first).to_contain_text("<script>alert(2)</script>")
    assert tab.locator("img, .errors script").count() == 0


def test_the_theme_can_be_chosen(live):
    tab, _ = live
    before = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    tab.click("#theme")
    tab.click("#theme")
    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") != before
