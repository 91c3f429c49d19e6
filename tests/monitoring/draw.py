"""Draws a dashboard of Grafana's from the answers of a Prometheus: its panels, in its grid, with its own queries.

    draw.py DASHBOARD.json http://PROMETHEUS SINCE OUT.png

SINCE is in seconds of the epoch. A panel without data says so.
"""

import json
import sys
import time
import urllib.parse
import urllib.request

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.ticker import FuncFormatter

# What Grafana puts in its place for a scrape every five seconds.
RATE_INTERVAL = "20s"
COLUMNS = 24
ROW = 0.36  # inches for one row of the grid


def ask(prometheus, path, **values):
    url = f"{prometheus}/api/v1/{path}?{urllib.parse.urlencode(values)}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)["data"]["result"]


def written(unit):
    def of(value, _=None):
        if unit == "s":
            return f"{value * 1000:.3g} ms" if 0 < value < 1 else f"{value:.3g} s"
        if unit == "bytes":
            return f"{value / 1048576:.3g} MiB"
        return f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"

    return of


def legend(target, labels):
    shown = target["legendFormat"]
    for name, value in labels.items():
        shown = shown.replace("{{" + name + "}}", value)
    return shown


def stat(axes, panel, prometheus, end):
    axes.axis("off")
    for target in panel["targets"]:
        found = ask(prometheus, "query", query=target["expr"], time=end)
        value = written(panel["fieldConfig"]["defaults"]["unit"])(float(found[0]["value"][1])) if found else "no data"
        axes.text(0.5, 0.42, value, ha="center", va="center", fontsize=20, color="#1a7f37")


def series(axes, panel, prometheus, since, end):
    lines = []
    for target in panel["targets"]:
        query = target["expr"].replace("$__rate_interval", RATE_INTERVAL)
        for found in ask(prometheus, "query_range", query=query, start=since, end=end, step=2):
            points = [(float(at) - since, float(value)) for at, value in found["values"]]
            lines += axes.plot(*zip(*points), linewidth=1, label=legend(target, found["metric"]))
    axes.set_xlim(0, end - since)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: f"{int(at) // 60}:{int(at) % 60:02}"))
    axes.yaxis.set_major_formatter(FuncFormatter(written(panel["fieldConfig"]["defaults"]["unit"])))
    # Room for the names above what is drawn; lines that are nothing all the time are not named beside others that are not.
    axes.set_ylim(0, axes.get_ylim()[1] * 1.4)
    axes.tick_params(labelsize=6)
    axes.grid(alpha=0.3)
    named = [line for line in lines if any(line.get_ydata())] or lines
    if named:
        axes.legend(handles=named, fontsize=5, loc="upper left", ncols=2 if len(named) > 3 else 1)
    else:
        axes.text(0.5, 0.5, "no data", ha="center", transform=axes.transAxes, fontsize=8)


def main():
    dashboard, prometheus, since, out = sys.argv[1:]
    since, end = float(since), time.time()
    with open(dashboard, encoding="utf-8") as file:
        dashboard = json.load(file)
    panels = dashboard["panels"]
    rows = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in panels)
    figure = pyplot.figure(figsize=(13, rows * ROW + 0.3))
    height = rows + 1
    figure.text(0.01, 1 - 0.5 / height, dashboard["title"], fontsize=11, weight="bold", va="center")
    for panel in panels:
        x, y, w, h = (panel["gridPos"][k] for k in "xywh")
        axes = figure.add_axes(
            ((x + 0.9) / COLUMNS, 1 - (1 + y + h - 0.9) / height, (w - 1.2) / COLUMNS, (h - 2) / height)
        )
        axes.set_title(panel["title"], fontsize=8, loc="left", pad=3)
        if panel["type"] == "stat":
            stat(axes, panel, prometheus, end)
        else:
            series(axes, panel, prometheus, since, end)
    figure.savefig(out, dpi=110)


main()
