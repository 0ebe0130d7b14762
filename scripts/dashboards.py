"""``python -m scripts.dashboards`` writes Grafana's dashboards as scripts/dashboards.yml has them.

What the file does not say of a panel is the same for all of its kind; a test compares the result
with Grafana's schema.
"""

import json
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "scripts/dashboards.yml"
DIRECTORY = ROOT / "roles/monitoring/files/dashboards"

Object = dict[str, Any]

COLUMNS = 24
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
LIST = {"calcs": [], "displayMode": "list", "placement": "bottom"}
LAST = {"reduceOptions": {"calcs": ["lastNotNull"]}}

KINDS: dict[str, Object] = {
    "lines": {
        "type": "timeseries", "width": 8, "height": 8,
        "defaults": {"min": 0, "custom": {"showPoints": "never", "fillOpacity": 10}},
        "options": {
            "legend": {**LIST, "showLegend": True}, "tooltip": {"mode": "multi", "sort": "asc"},
        },
    },
    "number": {
        "type": "stat", "width": 6, "height": 4,
        "options": {
            **LAST, "colorMode": "value", "graphMode": "area", "justifyMode": "auto",
            "orientation": "auto", "percentChangeColorMode": "standard", "showPercentChange": False,
            "textMode": "auto", "wideLayout": True,
        },
    },
    "bars": {
        "type": "bargauge", "width": 12, "height": 8, "defaults": {"min": 0},
        "options": {
            **LAST, "displayMode": "basic", "orientation": "horizontal", "namePlacement": "auto",
            "legend": {**LIST, "showLegend": False}, "maxVizHeight": 300, "minVizHeight": 16,
            "minVizWidth": 8, "showUnfilled": True, "sizing": "auto", "valueMode": "color",
        },
    },
    "states": {
        "type": "state-timeline", "width": 12, "height": 9,
        "defaults": {"color": {"mode": "thresholds"}},
    },
}  # fmt: skip


def dashboards() -> dict[str, str]:
    """Return the JSON of each dashboard by the name of its file."""
    source = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    boards = {name: _board(name, board, source) for name, board in source["dashboards"].items()}
    boards["runbook"] = _runbook()
    return {
        f"{name}.json": json.dumps(board, sort_keys=True, indent=2, ensure_ascii=False) + "\n"
        for name, board in boards.items()
    }


def _runbook() -> Object:
    """Return docs/runbook.md as a dashboard, so that it is where the alerts are looked at."""
    text = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
    panel = {"type": "text", "options": {"mode": "markdown", "content": text}, "id": 1}
    place = {"x": 0, "y": 0, "w": COLUMNS, "h": 30}
    panel |= {"gridPos": place, "repeatDirection": "h", "transparent": False}
    title, description = "Breast cancer / Runbook", "What to do about alerts."
    return _frame("runbook", title, description) | {"panels": [panel], "templating": {}}


def _board(name: str, board: Object, source: Object) -> Object:
    selectors = source["selectors"]
    queries = {"Namespace": "label_values(app_model_info, namespace)"} | board.get("variables", {})
    variables = [
        {"label": "Data source", "name": "datasource", "query": "prometheus", "type": "datasource"},
        *(
            {"label": label, "name": label.lower(), "query": _expanded(query, selectors),
             "type": "query", "refresh": 2, "sort": 1, "datasource": DATASOURCE}
            for label, query in queries.items()
        ),
    ]  # fmt: skip
    every = {
        "allowCustomValue": True, "auto": False, "auto_count": 30, "auto_min": "10s",
        "includeAll": False, "multi": False, "skipUrlSync": False,
    }  # fmt: skip
    return _frame(name, board["title"], board["description"]) | {
        "panels": _laid_out(board["rows"], selectors),
        "templating": {"list": [every | variable for variable in variables]},
    }


def _frame(name: str, title: str, description: str) -> Object:
    """Return what all dashboards have."""
    others = {"title": "Dashboards", "type": "dashboards", "asDropdown": True, "icon": "",
              "includeVars": True, "keepTime": True, "tags": ["breast-cancer"], "tooltip": "",
              "targetBlank": False}  # fmt: skip
    runbook = {"title": "Runbook", "type": "link", "asDropdown": False, "icon": "doc",
               "includeVars": False, "keepTime": False, "tags": [], "tooltip": "What to do",
               "targetBlank": False, "url": "/d/breast-cancer-runbook"}  # fmt: skip
    return {
        "uid": f"breast-cancer-{name}", "title": title, "description": description,
        "tags": ["breast-cancer"], "editable": False, "graphTooltip": 1, "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"}, "timezone": "browser", "schemaVersion": 41,
        "fiscalYearStartMonth": 0, "annotations": {}, "links": [others, runbook],
    }  # fmt: skip


def _laid_out(rows: dict[str, list[Object]], selectors: Object) -> list[Object]:
    """Return the rows and their panels from left to right and from top to bottom, numbered."""
    panels: list[Object] = []
    top = 0
    for title, row in rows.items():
        place = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
        panels.append({"type": "row", "title": title, "collapsed": False, "panels": []})
        panels[-1]["gridPos"] = place
        top, left, lowest = top + 1, 0, top + 1
        for described in row:
            panel, width, height = _panel(described, selectors)
            if left + width > COLUMNS:
                top, left = lowest, 0
            panels.append(panel | {"gridPos": {"x": left, "y": top, "w": width, "h": height}})
            left, lowest = left + width, max(lowest, top + height)
        top = lowest
    return [panel | {"id": number} for number, panel in enumerate(panels, start=1)]


def _panel(described: Object, selectors: Object) -> tuple[Object, int, int]:
    """Return a panel as Grafana has it, its width and its height."""
    name = next(iter(described))
    kind = KINDS[name]
    defaults = {**kind.get("defaults", {}), "unit": described["unit"],
                "thresholds": {"mode": "absolute", "steps": _steps(described)}}  # fmt: skip
    if name == "lines":
        custom = dict(defaults["custom"])
        if described.get("stacked"):
            custom |= {"stacking": {"mode": "normal"}, "fillOpacity": 60}
        if "red_from" in described:
            custom["thresholdsStyle"] = {"mode": "dashed"}
        defaults["custom"] = custom
    is_instant = name == "bars"
    heatmap = {"format": "heatmap"} if described.get("buckets") else {}
    targets = [
        {"refId": letter, "expr": _expanded(query, selectors), "legendFormat": legend,
         "datasource": DATASOURCE, "instant": is_instant, "range": not is_instant, **heatmap}
        for letter, (legend, query) in zip("ABCDEFGH", described["queries"].items(), strict=False)
    ]  # fmt: skip
    panel = {
        "type": kind["type"], "title": described[name], "description": described["description"],
        "datasource": DATASOURCE, "targets": targets, "transparent": False, "repeatDirection": "h",
        "fieldConfig": {"defaults": defaults, "overrides": []},
    }  # fmt: skip
    if "options" in kind:
        panel["options"] = kind["options"]
    size: Object = {**kind, **described}
    return panel, size["width"], size["height"]


def _steps(described: Object) -> list[Object]:
    """Return where the colour changes; without steps, Grafana turns red from 80 on."""
    if "red_from" in described:
        colours: list[tuple[float | None, str]] = [(None, "green"), (described["red_from"], "red")]
    elif "red_below" in described:
        colours = [(None, "red"), (described["red_below"], "green")]
    else:
        colours = [(None, "blue")]
    return [{"value": value, "color": colour} for value, colour in colours]


def _expanded(query: str, selectors: dict[str, str]) -> str:
    for name, selector in selectors.items():
        query = query.replace(name, selector)
    return query


def main() -> None:
    """Write the files."""
    for name, content in dashboards().items():
        (DIRECTORY / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
