"""The first page's picture: drawn from a run's files, put in place of the old one."""

from __future__ import annotations

import json

from minillama.book import home_figure


def test_a_run_becomes_the_picture_of_the_page_and_of_the_readme(tmp_path):
    run, docs = tmp_path / "run", tmp_path / "docs"
    run.mkdir()
    (docs / "assets").mkdir(parents=True)
    steps = [{"step": i, "lr": 1e-3, "loss": 6.0 / i} for i in range(1, 21)]
    (run / "log.jsonl").write_text("\n".join(map(json.dumps, [*steps, {"step": 20, "loss": 9.9}])))
    (run / "result.json").write_text(json.dumps({"floor": 0.25, "validity": 0.9, "seconds": 61.2}))
    page = docs / "index.md"
    page.write_text(f"before\n{home_figure.BEGIN}old\n{home_figure.END}after\n")
    home_figure.main(run, docs)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "9.9" not in text
    assert text.partition('points="')[2].partition('"')[0].count(",") == 20
    assert "from 6.0 nats per token to the dashed line of the floor at 0.250" in text
    assert "61 seconds" in text
    assert (docs / "assets" / "tour.png").read_bytes().startswith(b"\x89PNG")
    once = page.read_text()
    home_figure.main(run, docs)
    assert page.read_text() == once


def test_the_curve_ends_in_the_corners_of_its_axes():
    losses = [home_figure.HIGHEST, 1.0, home_figure.LOWEST]
    points = home_figure.curve(losses, 0.2, 1.0, 1.0).partition('points="')[2].partition('"')[0].split()
    assert points[0] == f"{home_figure.LEFT:.1f},{home_figure.TOP:.1f}"
    assert points[-1] == f"{home_figure.RIGHT:.1f},{home_figure.BOTTOM:.1f}"
