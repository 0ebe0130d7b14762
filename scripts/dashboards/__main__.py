"""``python -m scripts.dashboards`` writes the dashboards that Grafana is provisioned with."""

from pathlib import Path

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from scripts.dashboards.canary import canary
from scripts.dashboards.model import model
from scripts.dashboards.panels import page, titled
from scripts.dashboards.service import service

ROOT = Path(__file__).parents[2]
DIRECTORY = ROOT / "roles/monitoring/files/dashboards"


def runbook() -> Dashboard:
    """Return docs/runbook.md as a dashboard, so that it is there where the alerts are looked at."""
    board = titled("breast-cancer-runbook", "Breast cancer / Runbook", "What to do about alerts.")
    return board.with_panel(page((ROOT / "docs/runbook.md").read_text(encoding="utf-8")))


def dashboards() -> dict[str, str]:
    """Return each dashboard's JSON by the name of its file."""
    boards = {"service": service, "canary": canary, "model": model, "runbook": runbook}
    encoder = JSONEncoder(sort_keys=True, indent=2)
    return {
        f"{name}.json": f"{encoder.encode(_numbered(build()))}\n" for name, build in boards.items()
    }


def _numbered(board: Dashboard) -> object:
    """Return the dashboard with an id for each panel, which links to a panel need."""
    built = board.build()
    for number, panel in enumerate(built.panels or [], start=1):
        panel.id_val = number
    return built


def main() -> None:
    """Write the files."""
    for name, content in dashboards().items():
        (DIRECTORY / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
