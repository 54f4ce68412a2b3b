//! What a board is made of, and how Grafana wants it written (schema version 39, that of Grafana 11).

use serde_json::{Value, json};

/// Columns of a board; panels flow over them from left to right.
const COLUMNS: u32 = 24;
/// Grafana 11.0; later versions migrate it when they load a board.
const SCHEMA: u32 = 39;

/// Where the figures come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Prometheus,
    Postgres,
}

impl Source {
    /// The plugin's id.
    const fn plugin(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus",
            Self::Postgres => "grafana-postgresql-datasource",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Prometheus => "Prometheus",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// A unit of Grafana's; see its `valueFormats/categories.ts`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    /// 0 to 100.
    Percent,
    /// 0 to 1.
    Share,
    Bytes,
    BytesPerSecond,
    BitsPerSecond,
    PerSecond,
    RequestsPerSecond,
    Seconds,
    Milliseconds,
    /// Days, hours, minutes.
    Duration,
    Celsius,
    /// Any number, shortened.
    Number,
    /// A time in milliseconds, as how long ago.
    Ago,
    /// Text as it is.
    Text,
}

impl Unit {
    const fn id(self) -> &'static str {
        match self {
            Self::Percent => "percent",
            Self::Share => "percentunit",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "binBps",
            Self::BitsPerSecond => "bps",
            Self::PerSecond => "ops",
            Self::RequestsPerSecond => "reqps",
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Duration => "dtdurations",
            Self::Celsius => "celsius",
            Self::Number => "short",
            Self::Ago => "dateTimeFromNow",
            Self::Text => "string",
        }
    }
}

/// How a panel shows its figures.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Stat,
    Graph,
    Stacked,
    /// A bar for each series, by its newest value.
    Bars,
    /// Buckets of a histogram over time.
    Heatmap,
    /// Rows; columns by their names in the result, what they are called, and their units.
    Table(&'static [Column]),
}

/// Name in the result, title, unit.
pub(super) type Column = (&'static str, &'static str, Unit);

/// `PromQL` or SQL, and what the legend says of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Query {
    pub(super) text: &'static str,
    pub(super) legend: &'static str,
}

pub(super) const fn query(text: &'static str, legend: &'static str) -> Query {
    Query { text, legend }
}

#[derive(Debug, Clone)]
pub(super) struct Panel {
    title: &'static str,
    /// What it shows, for the one who reads it the first time.
    about: &'static str,
    kind: Kind,
    unit: Unit,
    size: (u32, u32),
    queries: Vec<Query>,
    /// From where on a value is yellow, and red.
    limits: Option<(f64, f64)>,
    most: Option<f64>,
}

/// A panel of a kind, with its usual size.
pub(super) fn panel(
    kind: Kind,
    title: &'static str,
    unit: Unit,
    about: &'static str,
    queries: &[Query],
) -> Panel {
    let size = match kind {
        Kind::Stat => (4, 4),
        Kind::Table(_) => (24, 9),
        Kind::Graph | Kind::Stacked | Kind::Bars | Kind::Heatmap => (12, 8),
    };
    let most = matches!(unit, Unit::Percent).then_some(100.0);
    Panel {
        title,
        about,
        kind,
        unit,
        size,
        queries: queries.to_vec(),
        limits: None,
        most,
    }
}

impl Panel {
    pub(super) const fn limits(mut self, yellow: f64, red: f64) -> Self {
        self.limits = Some((yellow, red));
        self
    }

    pub(super) const fn size(mut self, width: u32, height: u32) -> Self {
        self.size = (width, height);
        self
    }
}

/// Panels under a heading.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) panels: Vec<Panel>,
}

/// What is chosen at the top of a board.
#[derive(Debug, Clone, Copy)]
pub(super) struct Variable {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) query: &'static str,
    /// Whether several can be chosen, all at first.
    pub(super) several: bool,
}

#[derive(Debug)]
pub(super) struct Board {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) source: Source,
    pub(super) variables: &'static [Variable],
    pub(super) sections: Vec<Section>,
}

impl Board {
    /// As Grafana imports and provisions it.
    pub(super) fn json(&self) -> anyhow::Result<String> {
        let mut variables = vec![json!({
            "name": "datasource", "label": "Data source", "type": "datasource",
            "query": self.source.plugin(), "regex": "", "refresh": 1, "hide": 0,
            "includeAll": false, "multi": false, "current": {}, "options": [],
        })];
        variables.extend(self.variables.iter().map(|one| self.variable(one)));
        let board = json!({
            "uid": format!("linux-api-{}", self.file()),
            "title": format!("linux-api: {} ({})", self.title, self.source.title()),
            "description": self.about,
            "tags": ["linux-api"],
            "schemaVersion": SCHEMA,
            "version": 1,
            "id": null,
            "editable": true,
            "graphTooltip": 1,
            "fiscalYearStartMonth": 0,
            "refresh": "30s",
            "time": {"from": "now-6h", "to": "now"},
            "timezone": "",
            "weekStart": "",
            "timepicker": {},
            "annotations": {"list": []},
            "links": [{
                "type": "dashboards", "tags": ["linux-api"], "title": "linux-api", "asDropdown": true,
                "includeVars": true, "keepTime": true, "targetBlank": false, "icon": "external link",
                "tooltip": "", "url": "",
            }],
            "templating": {"list": variables},
            "panels": self.panels(),
        });
        Ok(serde_json::to_string_pretty(&board)? + "\n")
    }

    fn datasource(&self) -> Value {
        json!({"type": self.source.plugin(), "uid": "${datasource}"})
    }

    fn variable(&self, one: &Variable) -> Value {
        let query = match self.source {
            Source::Prometheus => {
                json!({"query": one.query, "refId": "PrometheusVariableQueryEditor-VariableQuery"})
            }
            Source::Postgres => json!(one.query),
        };
        json!({
            "name": one.name, "label": one.label, "type": "query", "datasource": self.datasource(),
            "query": query, "definition": one.query, "regex": "", "refresh": 2, "sort": 1, "hide": 0,
            "includeAll": one.several, "multi": one.several,
            "current": if one.several { json!({"text": ["All"], "value": ["$__all"]}) } else { json!({}) },
            "options": [],
        })
    }

    /// From left to right and from top to bottom, below the heading of each section.
    fn panels(&self) -> Vec<Value> {
        let mut panels = Vec::new();
        let (mut id, mut y) = (0, 0);
        for section in &self.sections {
            id += 1;
            panels.push(json!({
                "id": id, "type": "row", "title": section.title, "collapsed": false, "panels": [],
                "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
            }));
            y += 1;
            let (mut x, mut height) = (0, 0);
            for panel in &section.panels {
                let (w, h) = panel.size;
                if x + w > COLUMNS {
                    (x, y, height) = (0, y + height, 0);
                }
                id += 1;
                let place = json!({"x": x, "y": y, "w": w, "h": h});
                panels.push(self.panel(panel, id, &place));
                (x, height) = (x + w, height.max(h));
            }
            y += height;
        }
        panels
    }

    fn panel(&self, panel: &Panel, id: u32, place: &Value) -> Value {
        let targets: Vec<Value> = panel
            .queries
            .iter()
            .zip('A'..='Z')
            .map(|(query, letter)| self.target(panel, *query, letter))
            .collect();
        let mut json = json!({
            "id": id, "type": panel.kind.plugin(), "title": panel.title, "description": panel.about,
            "gridPos": place, "datasource": self.datasource(), "targets": targets,
            "fieldConfig": {"defaults": panel.defaults(), "overrides": panel.overrides()},
            "options": panel.kind.options(panel.unit),
            "transformations": panel.transformations(self.source),
        });
        let is_named = panel.queries.iter().any(|query| !query.legend.is_empty());
        if matches!(panel.kind, Kind::Stat) && is_named {
            // What counts is in a label.
            json["options"]["textMode"] = json!("name");
        }
        if self.source == Source::Postgres {
            // Minutes are the finest that is stored.
            json["interval"] = json!("1m");
        }
        json
    }

    fn target(&self, panel: &Panel, query: Query, letter: char) -> Value {
        let is_table = matches!(panel.kind, Kind::Table(_));
        let is_newest = is_table || matches!(panel.kind, Kind::Stat | Kind::Bars);
        let (datasource, letter) = (self.datasource(), letter.to_string());
        match self.source {
            Source::Prometheus => {
                let format = match panel.kind {
                    Kind::Table(_) => "table",
                    Kind::Heatmap => "heatmap",
                    _ => "time_series",
                };
                json!({
                    "refId": letter, "datasource": datasource, "editorMode": "code",
                    "expr": query.text, "legendFormat": query.legend, "format": format,
                    "instant": is_newest, "range": !is_newest,
                })
            }
            Source::Postgres => {
                let format = if is_newest { "table" } else { "time_series" };
                json!({
                    "refId": letter, "datasource": datasource, "editorMode": "code", "rawQuery": true,
                    "rawSql": query.text, "format": format,
                })
            }
        }
    }
}

impl Kind {
    const fn plugin(self) -> &'static str {
        match self {
            Self::Stat => "stat",
            Self::Graph | Self::Stacked => "timeseries",
            Self::Bars => "bargauge",
            Self::Heatmap => "heatmap",
            Self::Table(_) => "table",
        }
    }

    fn options(self, unit: Unit) -> Value {
        let newest = json!({"calcs": ["lastNotNull"], "fields": "", "values": false});
        match self {
            Self::Stat => json!({
                "reduceOptions": newest, "colorMode": "value", "graphMode": "none",
                "justifyMode": "auto", "orientation": "auto", "textMode": "auto",
            }),
            Self::Graph | Self::Stacked => json!({
                "legend": {"displayMode": "table", "placement": "right", "showLegend": true,
                    "calcs": ["lastNotNull", "max"]},
                "tooltip": {"mode": "multi", "sort": "desc"},
            }),
            Self::Bars => json!({
                "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": true},
                "displayMode": "lcd", "orientation": "horizontal", "showUnfilled": true,
            }),
            Self::Heatmap => json!({
                "calculate": false, "cellGap": 1, "yAxis": {"unit": unit.id()},
                "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64},
                "tooltip": {"mode": "single", "yHistogram": false}, "legend": {"show": true},
            }),
            Self::Table(_) => json!({"showHeader": true, "cellHeight": "sm"}),
        }
    }
}

impl Panel {
    fn defaults(&self) -> Value {
        let mut steps = vec![json!({"color": "green", "value": null})];
        if let Some((yellow, red)) = self.limits {
            steps.push(json!({"color": "yellow", "value": yellow}));
            steps.push(json!({"color": "red", "value": red}));
        }
        let mut defaults = json!({
            "unit": self.unit.id(),
            "thresholds": {"mode": "absolute", "steps": steps},
            "color": {"mode": if matches!(self.kind, Kind::Graph | Kind::Stacked) {
                "palette-classic" } else { "thresholds" }},
        });
        if let Kind::Graph | Kind::Stacked = self.kind {
            let mode = if matches!(self.kind, Kind::Stacked) {
                "normal"
            } else {
                "none"
            };
            defaults["custom"] = json!({
                "drawStyle": "line", "lineWidth": 1, "fillOpacity": if mode == "none" { 8 } else { 40 },
                "showPoints": "never", "spanNulls": false, "stacking": {"mode": mode, "group": "A"},
                "thresholdsStyle": {"mode": if self.limits.is_some() { "dashed" } else { "off" }},
            });
            defaults["min"] = json!(0);
        }
        if let (Some(most), true) = (self.most, !matches!(self.kind, Kind::Table(_))) {
            defaults["min"] = json!(0);
            defaults["max"] = json!(most);
        }
        defaults
    }

    /// The units of a table's columns.
    fn overrides(&self) -> Vec<Value> {
        let Kind::Table(columns) = self.kind else {
            return Vec::new();
        };
        let mut overrides: Vec<Value> = columns
            .iter()
            .map(|(_, title, unit)| {
                json!({
                    "matcher": {"id": "byName", "options": title},
                    "properties": [{"id": "unit", "value": unit.id()}],
                })
            })
            .collect();
        for (_, title, _) in columns
            .iter()
            .filter(|(.., unit)| matches!(unit, Unit::Percent))
        {
            overrides.push(json!({
                "matcher": {"id": "byName", "options": title},
                "properties": [
                    {"id": "custom.cellOptions", "value": {"type": "gauge", "mode": "basic"}},
                    {"id": "min", "value": 0}, {"id": "max", "value": 100},
                ],
            }));
        }
        overrides
    }

    /// One row for each combination of labels, columns in their order and by their titles.
    fn transformations(&self, source: Source) -> Vec<Value> {
        let Kind::Table(columns) = self.kind else {
            return Vec::new();
        };
        let order: serde_json::Map<String, Value> = columns
            .iter()
            .zip(0..)
            .map(|((name, ..), place)| ((*name).to_owned(), json!(place)))
            .collect();
        let titles: serde_json::Map<String, Value> = columns
            .iter()
            .map(|(name, title, _)| ((*name).to_owned(), json!(title)))
            .collect();
        let mut transformations = Vec::new();
        if source == Source::Prometheus {
            transformations.push(json!({"id": "merge", "options": {}}));
        }
        transformations.push(json!({
            "id": "organize",
            "options": {"excludeByName": {"Time": true}, "indexByName": order, "renameByName": titles},
        }));
        transformations
    }
}
