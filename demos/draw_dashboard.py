#!/usr/bin/env python3
"""Draws the panels of the Grafana dashboard from a Prometheus, without Grafana.

    demos/draw_dashboard.py PICTURE.svg [--prometheus URL] [--dashboard FILE] [--last SECONDS] [--window TIME]

Each panel is what Prometheus answers to its expressions for the last 150 seconds by default; $__rate_interval is
--window. Needs matplotlib, from PyPI.
"""
import argparse, json, pathlib, time, urllib.parse, urllib.request

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "joinq"
import matplotlib.pyplot as plt

ROOT = pathlib.Path(__file__).resolve().parent.parent
STEP = 1


def query(url, expression, begin, end):
    fields = urllib.parse.urlencode({"query": expression, "start": begin, "end": end, "step": STEP})
    with urllib.request.urlopen(f"{url}/api/v1/query_range?{fields}") as answer:
        return json.load(answer)["data"]["result"]


def legend(text, labels):
    for name, value in labels.items():
        text = text.replace("{{" + name + "}}", value)
    return text


def draw(axes, panel, url, begin, end, window):
    lines = []
    for target in panel["targets"]:
        expression = target["expr"].replace("$stage", ".*").replace("$__rate_interval", window)
        for series in query(url, expression, begin, end):
            points = [(float(at) - begin, float(value)) for at, value in series["values"] if value != "NaN"]
            # Of causes and reasons only those that have occurred.
            if any(value for _, value in points) or not {"cause", "reason"} & series["metric"].keys():
                lines.append((legend(target["legendFormat"], series["metric"]), points))
    for name, points in lines:
        axes.plot([at for at, _ in points], [value for _, value in points], label=name, linewidth=1.1)
    unit = {"ops": " (1/s)", "s": " (s)"}.get(panel["fieldConfig"]["defaults"]["unit"], "")
    axes.set_title(panel["title"] + unit, fontsize=9, loc="left")
    axes.set_ylim(bottom=0)
    axes.set_xlim(0, end - begin)
    axes.tick_params(labelsize=7)
    axes.grid(alpha=0.3)
    if lines:
        axes.legend(fontsize=6, loc="upper left", framealpha=0.6)
    return len(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("picture")
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090")
    parser.add_argument("--dashboard", default=ROOT / "flow/docs/metrics/dashboard.json")
    parser.add_argument("--last", type=int, default=150, help="seconds")
    parser.add_argument("--window", default="5s")
    args = parser.parse_args()
    panels = json.loads(pathlib.Path(args.dashboard).read_text())["panels"]
    end = int(time.time())
    rows = -(-len(panels) // 3)
    figure, grid = plt.subplots(rows, 3, figsize=(13, 2.6 * rows), layout="constrained")
    for axes, panel in zip(grid.flat, panels):
        count = draw(axes, panel, args.prometheus, end - args.last, end, args.window)
        print(f"{panel['title']}: {count} series")
    for axes in grid.flat[len(panels):]:
        axes.set_visible(False)
    plt.savefig(args.picture, metadata={"Date": None})


if __name__ == "__main__":
    main()
