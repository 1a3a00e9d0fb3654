"""Widgets of lessons, opened in JupyterLab in a browser, and used with mouse and keyboard.

Of each kind of widget there is one lesson on the list OPENED, and all widgets in these are used; a
dashboard is used with a smaller training than a lesson's. Of a lesson only those cells run that its
widgets need: nbval executes all of them.

Skipped where there is no Chromium or no playwright; with MINILLAMA_BROWSER=required, failing there.
"""

import re
import symtable
from functools import partial
from pathlib import Path

import pytest
from lab import ECHO, Notebook, Server, open_browser, require_browser, wait_for
from nbformat.v4 import new_code_cell, new_notebook

from minillama import widgets
from minillama.course.source.free_names import reads
from minillama.runs import control
from minillama.system.notebooks import read_notebook, tidy, write_notebook

ROOT = Path(__file__).parent.parent
OPENED = ["00_tour", "02_tokenizer", "04_attention", "18_sampling"]
CALL = re.compile(r"\bwidgets\.\w+\(")
DRAWN = 40  # a picture that Python draws takes longer than what the page does itself


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A function that opens the cells of a notebook. One server and one browser for all."""
    require_browser()
    server = Server(tmp_path_factory.mktemp("lab"))
    try:
        with open_browser() as browser:

            def open_notebook(source, choose=list):
                notebook = read_notebook(source)
                code = [cell for cell in notebook.cells if cell.cell_type == "code"]
                for cell in code:  # what is there later has been run here
                    cell.outputs, cell.execution_count = [], None
                notebook.cells = [new_code_cell(ECHO), *choose(code)]
                write_notebook(server.notebooks / source.name, notebook)
                page = browser.new_page(viewport={"width": 1280, "height": 1000})
                return Notebook(server, page, source.name)

            yield open_notebook
    finally:
        server.close()


def needed(cells):
    """The first cell, those that display widgets, and those that define what they need."""
    kept, names = [], set()
    for cell in reversed(cells):
        source = re.sub(r"^[%!].*", "", cell.source, flags=re.M)
        table = symtable.symtable(source, "a cell", "exec")
        defined = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
        if CALL.search(source) or cell is cells[0] or defined & names:
            kept.insert(0, cell)
            names = names - defined | reads(table)
    return kept


def test_without_a_browser_the_tests_are_skipped_or_fail_where_one_is_required(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("MINILLAMA_BROWSER", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"no Chromium|playwright is not"):
        require_browser()
    monkeypatch.setenv("MINILLAMA_BROWSER", "required")
    with pytest.raises(pytest.fail.Exception, match="MINILLAMA_BROWSER=required"):
        require_browser()


# The machinery, on a notebook that is right and then wrong.

SLIDER = """import ipywidgets

slider, text = ipywidgets.IntSlider(2, 0, 10), ipywidgets.Text()
view, echo = ipywidgets.HTML("<b>2</b>"), ipywidgets.HTML("")
def square(change):
    view.value = f"<b>{change['new'] ** 2}</b>"
slider.observe(square, "value")
text.observe(lambda change: setattr(echo, "value", change["new"][::-1]), "value")
bad, worse = ipywidgets.Button(description="Bad"), ipywidgets.Button(description="Worse")
bad.on_click(lambda button: 1 / 0)
def write(button):
    import sys
    print("careful", file=sys.stderr)
worse.on_click(write)
ipywidgets.VBox([slider, view, text, echo, bad, worse])"""


def make(folder, *sources):
    path = folder / "small.ipynb"
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    write_notebook(path, tidy(notebook))
    return path


def complaints(notebook):
    notebook.page.wait_for_timeout(50)  # in which the page can say something
    return notebook.complaints


def test_a_small_notebook_is_run_and_used(lab, tmp_path):
    much = "print('a line\\n' * 20)"
    notebook = lab(make(tmp_path, *[much] * 30, SLIDER, *[much] * 10, "import time\ntime.sleep(1)"))
    notebook.run_all()
    output = notebook.output_of("IntSlider")
    view, echo = output.locator(".widget-html-content").all()
    notebook.expect(view, "2")
    slider = output.locator(".widget-slider")
    places = (0.7, 0.4, 1.0)
    notebook.changes_at_once(view, *[partial(notebook.drag, slider, place) for place in places])
    notebook.expect(view, "100")
    box = output.get_by_role("textbox")
    notebook.changes_at_once(echo, lambda: box.fill("ab"), lambda: box.fill("abc"))
    notebook.expect(echo, "cba")
    notebook.patience = 0.3
    with pytest.raises(AssertionError, match="the view does not change"):
        notebook.changes_at_once(echo, lambda: notebook.page.mouse.move(5, 5))
    notebook.check()

    for button, words in [("Bad", "ZeroDivisionError"), ("Worse", "careful")]:
        output.get_by_role("button", name=button).click()
        wait_for(partial(complaints, notebook), "nobody complains")
        with pytest.raises(AssertionError, match=words):
            notebook.check()
        notebook.complaints.clear()
    notebook.page.evaluate("setTimeout(() => { throw new Error('of the page') })")
    notebook.page.evaluate("console.error('said aloud')")
    wait_for(lambda: len(complaints(notebook)) == 2, "{}", lambda: notebook.complaints)
    notebook.close()


DASHBOARD = """from minillama import widgets

recipe = {"corpus": "text.txt", "tokenizer": "char", "preset": "tiny", "steps": 10**5, "every": 50,
          "batch_size": 1, "seq_len": 8, "threads": 1, "dtype": "float32"}
board = widgets.dashboard("run", start=recipe)
board"""


def test_a_dashboard_is_used_and_found_again_after_a_restart_of_the_kernel(lab, tmp_path):
    path = make(tmp_path, DASHBOARD)
    notebook = lab(path)
    folder = notebook.path.parent
    (folder / "text.txt").write_text("the cat sat on the mat\n" * 20, encoding="utf-8")
    try:
        notebook.run_all()
        use_dashboard(notebook, notebook.output_of("dashboard"))
        notebook.check()
        notebook.close()  # and its kernel ends
        notebook = lab(path)
        notebook.run_all()
        view = notebook.output_of("dashboard")
        find_dashboard(notebook, view)
        notebook.check()
        notebook.close()
    finally:  # the training does not end with the kernel
        if (folder / "run").exists():
            control.request(folder / "run", "stop")


def use_dashboard(notebook, view):
    """Start the run, pause it, see the samples, and let it go on and pause again."""
    names = ("Start", "Continue", "Pause")
    start, go_on, pause = (view.get_by_role("button", name=name) for name in names)
    state, step = view.locator(".minillama-state"), view.locator(".minillama-numbers")
    notebook.expect(state, "Nothing has been trained in .* yet")
    notebook.changes_at_once(state, start.click)
    height = view.bounding_box()["height"]
    notebook.expect(state, "Training")
    notebook.expect(step, r".*\b[1-9]\d\d+ of .*")
    notebook.changes_at_once(state, pause.click)
    notebook.expect(state, "Paused and saved at step .*")
    paused = step.inner_text()
    notebook.page.wait_for_timeout(1000)
    assert step.inner_text() == paused, "it goes on"
    assert go_on.is_enabled() and pause.is_disabled()
    slider = view.locator(".widget-slider")
    places = [partial(notebook.drag, slider, share) for share in (0.0, 1.0)]
    notebook.changes_at_once(view.locator(".minillama-samples"), *places)
    go_on.click()
    notebook.expect(state, "Training")
    assert view.bounding_box()["height"] == height, "the page below moves"
    pause.click()
    notebook.expect(state, "Paused and saved at step .*")


def find_dashboard(notebook, view):
    """Let the paused run go on, and stop it."""
    go_on, stop = (view.get_by_role("button", name=name) for name in ("Continue", "Stop"))
    state = view.locator(".minillama-state")
    notebook.expect(state, "Paused and saved at step .*")
    assert not view.get_by_role("button", name="Start").count()
    go_on.click()
    notebook.expect(state, "Training")
    notebook.changes_at_once(state, stop.click)
    notebook.expect(state, "Stopped; saved at step .*")
    assert go_on.is_enabled() and stop.is_disabled()


# The lessons


def use_playground(notebook, view):
    """Type a prompt, drag a slider, write, stop, and change the language."""
    prompt, text = view.get_by_label("prompt"), view.locator(".minillama-text")
    write, stop = (view.get_by_role("button", name=name) for name in ("Write", "Stop"))
    status = view.locator(".minillama-status")
    warmth = view.locator(".widget-slider", has_text="temperature")
    notebook.drag(warmth, 0.0)
    notebook.expect(warmth.locator(".widget-readout"), r"0\.00")

    prompt.fill("Mia had a red ball.")
    notebook.changes_at_once(text, write.click)
    finished = r"(The end|As long as .*): \d+ tokens, .*"
    notebook.expect(status, finished)
    assert text.inner_text().startswith("Mia had a red ball.")
    assert len(text.inner_text()) > 60

    prompt.fill("Tom had a blue")
    notebook.changes_at_once(text, lambda: prompt.press("Enter"))
    stop.dispatch_event("click")  # it may have written all by now, and stopping is no error then
    notebook.expect(status, f"Stopped.*|{finished}")
    notebook.expect(text, "Tom had a blue.*")
    assert write.is_enabled() and stop.is_disabled()

    look = "element => element.value"
    languages = [view.get_by_role("button", name=name) for name in ("中文", "English", "中文")]
    notebook.changes_at_once(prompt, *[button.click for button in languages], look=look)
    notebook.changes_at_once(text, write.click)
    notebook.expect(text, "从前.*。.*")


def use_explorer(notebook, view):
    """Point at tokens, click one, and drag to another layer and head."""
    tokens, drawn = view.locator(".minillama-tokens button"), view.locator(".widget-html-content")
    shown = "element => getComputedStyle(element).display"
    first, second = view.locator(".minillama-top-1"), view.locator(".minillama-top-2")
    heights = set()
    for token in range(min(tokens.count(), 8)):  # the first looks at one, later ones at more
        tokens.nth(token).hover()
        heights.add(view.bounding_box()["height"])
    assert len(heights) == 1, "the page below moves"
    notebook.page.mouse.move(5, 5)
    assert not first.is_visible() and not second.is_visible()
    notebook.changes_at_once(first, tokens.nth(1).hover, tokens.nth(2).hover, look=shown)
    assert second.is_visible() and not first.is_visible()

    chosen = view.locator(".minillama-top >> visible=true")
    tokens.nth(1).click()
    notebook.page.mouse.move(5, 5)
    notebook.expect(chosen, "token 1, .*looks most at.*")
    for name in ("layer", "head"):
        slider = view.locator(".widget-slider", has_text=name)
        notebook.drag(slider, 0.0)
        notebook.expect(slider.locator(".widget-readout"), "0")
        drags = [partial(notebook.drag, slider, share) for share in (1.0, 0.5, 0.0)]
        notebook.changes_at_once(drawn, *drags)
    assert chosen.count() == 1


def use_sliders(notebook, view):
    """Move every control to another place and back, and see another picture each time."""
    picture = view.locator(".widget-html-content img")
    look = "element => element.src"
    for slider in view.locator(".widget-slider").all():
        notebook.drag(slider, 0.5)  # it may have begun at an end
        places = [partial(notebook.drag, slider, share) for share in (1.0, 0.0)]
        notebook.changes_at_once(picture, *places, look=look, within=DRAWN)
        notebook.drag(slider, 0.5)  # where a choice makes a difference
    for buttons in view.locator(".widget-toggle-buttons").all():
        other = buttons.locator("button:not(.mod-active)").first
        notebook.changes_at_once(picture, *[other.click] * 3, look=look, within=DRAWN)


def use_token_playground(notebook, view):
    """Type, and see the tokens, their number, and the bytes of a rare character."""
    text = view.get_by_role("textbox")
    counts, pieces = (
        view.locator(".minillama-token-counts"),
        view.locator(".minillama-token-pieces"),
    )
    texts = ["a red ball", "a red ball, 12", "", "红色的球"]
    notebook.changes_at_once(counts, *[lambda words=words: text.fill(words) for words in texts])
    text.fill("")
    notebook.expect(counts, "0 tokens, .*")
    text.press_sequentially("a red ball")
    notebook.expect(counts, r"\d+ tokens, 10 characters, 10 bytes: \d\.\d\d tokens per character")
    notebook.expect(pieces, r"(?s)·a\s*\d+\s*·red\s*\d+\s*·ball\s*\d+.*")
    text.fill("<b>龘")
    notebook.expect(pieces, r"(?s).*<0xE9>.*<0xBE>.*<0x98>.*")
    assert pieces.locator("b").count() == 0


def use_distribution(notebook, view):
    """Type a text, drag a slider, take a token, draw one, and undo both."""
    prompt, read = view.get_by_label("prompt"), view.locator(".minillama-read")
    bars, note = view.locator(".minillama-bars").first, view.locator(".minillama-note")
    look = "element => element.innerHTML"
    texts = ["Mia had a", "从前", "Mia had a"]
    notebook.changes_at_once(read, *[partial(prompt.fill, text) for text in texts])
    notebook.expect(read, "Mia had a …")

    warmth = view.locator(".widget-slider", has_text="temperature")
    places = [partial(notebook.drag, warmth, share) for share in (0.9, 0.3)]
    notebook.changes_at_once(bars, *places, look=look)
    notebook.drag(warmth, 0.0)
    notebook.expect(note, r"(?s).*\b1 of [\d,]+ tokens.*")

    taken = view.locator(".minillama-take").nth(1)
    word = taken.inner_text().strip("·")
    notebook.changes_at_once(read, taken.click)
    notebook.expect(read, f"Mia had a ?{re.escape(word)} …")
    undo = view.get_by_role("button", name="Undo")
    notebook.changes_at_once(read, view.get_by_role("button", name="Draw one").click)
    notebook.changes_at_once(read, undo.click, undo.click)
    notebook.expect(read, "Mia had a …")
    assert undo.is_disabled()


# What is done with the widget that a call in a lesson displays.
USES = {
    "widgets.playground(": use_playground,
    "widgets.attention_explorer(": use_explorer,
    "widgets.distribution_explorer(": use_distribution,
    "widgets.sliders(": use_sliders,
    "widgets.token_playground(": use_token_playground,
}


def calls(lesson):
    """The calls of `minillama.widgets` in a lesson, such as `widgets.playground(`; one a cell."""
    cells = read_notebook(lesson).cells
    return CALL.findall("\n".join(cell.source for cell in cells if cell.cell_type == "code"))


LESSONS = {path.stem: path for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}


@pytest.mark.parametrize("lesson", [LESSONS[name] for name in OPENED], ids=OPENED)
def test_the_widgets_of_a_lesson_answer(lesson, lab):
    notebook = lab(lesson, needed)
    notebook.run_all()
    for number, call in enumerate(calls(lesson)):
        nth = calls(lesson)[:number].count(call)
        USES[call](notebook, notebook.output_of(call, nth))
        notebook.check()
    notebook.close()


def test_of_every_kind_of_widget_there_is_a_lesson_that_is_opened():
    opened = {call for name in OPENED for call in calls(LESSONS[name])}
    used = {call for lesson in LESSONS.values() for call in calls(lesson)}
    kinds = {f"widgets.{name}(" for name in widgets.__all__ if name.islower()}
    assert opened == USES.keys()
    assert opened | {"widgets.dashboard("} == used == kinds  # a lesson's training takes longer
