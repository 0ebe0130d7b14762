"""What the dashboards are made of: panels with their unit, description and queries."""

from typing import NamedTuple

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    text,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as schema
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from grafana_foundation_sdk.models.text import TextMode

DATASOURCE = schema.DataSourceRef(type_val="prometheus", uid="${datasource}")
HERE = 'namespace="$namespace"'
PROBES = 'endpoint!~"/metrics|/livez|/readyz|/health"'
SINGLE = 'endpoint=~"/|/predict|/explain"'

PanelBuilder = Builder[schema.Panel]


class Query(NamedTuple):
    """A query and what its series are called."""

    expression: str
    legend: str


class Steps(NamedTuple):
    """The values from which a panel turns red; ``below``: up to which it is red."""

    limit: float
    below: bool = False


def lines(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    limit: Steps | None = None,
    stacked: bool = False,
    span: int = 8,
    height: int = 8,
) -> PanelBuilder:
    """Return a panel of series over time, from 0; with a line at the limit."""
    panel = timeseries.Panel().min(0).fill_opacity(10).span(span).height(height)
    panel.show_points(options.VisibilityMode.NEVER)
    panel.legend(
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(options.LegendDisplayMode.LIST)
        .placement(options.LegendPlacement.BOTTOM)
    )
    panel.tooltip(common.VizTooltipOptions().mode(options.TooltipDisplayMode.MULTI))
    if stacked:
        panel.stacking(common.StackingConfig().mode(options.StackingMode.NORMAL)).fill_opacity(60)
    panel.thresholds(_thresholds(limit))
    if limit:
        panel.thresholds_style(
            common.GraphThresholdsStyleConfig().mode(options.GraphThresholdsStyleMode.DASHED)
        )
    for number, query in enumerate(queries):
        panel.with_target(_target(query, number).range())
    return panel.title(title).description(description).unit(unit).datasource(DATASOURCE)


def number(
    title: str, description: str, unit: str, query: Query, limit: Steps | None = None, span: int = 6
) -> PanelBuilder:
    """Return a panel of one number, as it is now, over its course."""
    panel = stat.Panel().with_target(_target(query, 0).range()).height(4).span(span)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    panel.thresholds(_thresholds(limit))
    return panel.title(title).description(description).unit(unit).datasource(DATASOURCE)


def bars(
    title: str,
    description: str,
    unit: str,
    query: Query,
    limit: Steps | None = None,
    span: int = 12,
    height: int = 8,
    is_histogram: bool = False,
) -> PanelBuilder:
    """Return a panel of bars as things are now; the buckets of a histogram are told apart."""
    target = _target(query, 0).instant()
    if is_histogram:
        target.format(PromQueryFormat.HEATMAP)
    panel = bargauge.Panel().with_target(target).min(0).span(span).height(height)
    panel.orientation(options.VizOrientation.HORIZONTAL)
    panel.display_mode(options.BarGaugeDisplayMode.BASIC)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    panel.thresholds(_thresholds(limit))
    return panel.title(title).description(description).unit(unit).datasource(DATASOURCE)


def states(title: str, description: str, unit: str, query: Query, span: int = 12) -> PanelBuilder:
    """Return a panel of what was there when."""
    panel = statetimeline.Panel().with_target(_target(query, 0).range()).span(span)
    panel.color_scheme(dashboard.FieldColor().mode(schema.FieldColorModeId.THRESHOLDS))
    panel.thresholds(_thresholds(None))
    return panel.title(title).description(description).unit(unit).datasource(DATASOURCE)


def _target(query: Query, number: int) -> prometheus.Dataquery:
    return (
        prometheus.Dataquery()
        .expr(query.expression)
        .legend_format(query.legend)
        .ref_id("ABCDEFGH"[number])
        .datasource(DATASOURCE)
    )


def _thresholds(limit: Steps | None) -> dashboard.ThresholdsConfig:
    """Return the steps; without any, Grafana has its own, and is red from 80 on."""
    if limit:
        first, second = ("red", "green") if limit.below else ("green", "red")
        steps = [schema.Threshold(None, first), schema.Threshold(limit.limit, second)]
    else:
        steps = [schema.Threshold(None, "blue")]
    return dashboard.ThresholdsConfig().mode(schema.ThresholdsMode.ABSOLUTE).steps(steps)


def titled(uid: str, title: str, description: str) -> dashboard.Dashboard:
    """Return an empty dashboard with its links and the variables that all have."""
    runbook = dashboard.DashboardLink("Runbook").type(schema.DashboardLinkType.LINK)
    others = dashboard.DashboardLink("Dashboards").type(schema.DashboardLinkType.DASHBOARDS)
    return (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["breast-cancer"])
        .readonly()
        .time("now-3h", "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(schema.DashboardCursorSync.CROSSHAIR)
        .link(others.tags(["breast-cancer"]).as_dropdown(True).keep_time(True).include_vars(True))
        .link(runbook.url("/d/breast-cancer-runbook").icon("doc").tooltip("What to do"))
    )


def with_variables(board: dashboard.Dashboard) -> dashboard.Dashboard:
    """Add the variables of a dashboard that asks Prometheus."""
    return board.with_variable(
        dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    ).with_variable(labels("namespace", "Namespace", "label_values(app_model_info, namespace)"))


def labels(name: str, label: str, query: str) -> dashboard.QueryVariable:
    """Return a variable of the values that a label has."""
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .query(query)
        .datasource(DATASOURCE)
        .refresh(schema.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(schema.VariableSort.ALPHABETICAL_ASC)
    )


def page(markdown: str) -> PanelBuilder:
    """Return a panel of text."""
    return text.Panel().mode(TextMode.MARKDOWN).content(markdown).span(24).height(30)
