// Draws the panels of a dashboard with Grafana's own components, for a browser that `shoot.cjs` steers.
// `window.PICTURE` holds the dashboard, the answers to its questions, and the time that they are of.
// Time series and stats are drawn; of other kinds Grafana's library has no component. They are left out, and so are
// panels without an answer; the others move up.
import React from "react";
import { createRoot } from "react-dom/client";
import "uplot/dist/uPlot.min.css";
import {
  createTheme, dateTime, FieldType, getDisplayProcessor, reduceField, ThemeContext, toDataFrame,
} from "@grafana/data";
import { BigValue, GlobalStyles, PanelChrome, TimeSeries } from "@grafana/ui";

const { dashboard, answers, from, to, width } = window.PICTURE;
const theme = createTheme({ colors: { mode: "light" } });
const UNIT = width / 24, ROW = 38;

/** The settings of a field: the panel's, and what its overrides change. */
function settings(panel, name, refId) {
  const config = structuredClone(panel.fieldConfig.defaults);
  for (const { matcher, properties } of panel.fieldConfig.overrides) {
    const meant = {
      byName: () => matcher.options === name,
      byRegexp: () => new RegExp(matcher.options.replace(/^\/|\/$/g, "")).test(name),
      byFrameRefID: () => matcher.options === refId,
    }[matcher.id];
    if (!meant) throw new Error(`no matcher ${matcher.id}`);
    if (!meant()) continue;
    for (const { id, value } of properties) {
      const path = id.split(".");
      const last = path.pop();
      path.reduce((at, key) => (at[key] ??= {}), config)[last] = value;
    }
  }
  return config;
}

function frames(panel) {
  const all = (panel.targets ?? []).flatMap(({ refId }) =>
    (answers[`${panel.id} ${refId}`] ?? []).map((series) => ({ refId, ...series })));
  return all.map(({ refId, name, times, values }, index) => {
    const frame = toDataFrame({
      refId,
      fields: [
        { name: "Time", type: FieldType.time, values: times, config: {} },
        { name, type: FieldType.number, values, config: { ...settings(panel, name, refId), displayName: name } },
      ],
    });
    const known = values.filter((value) => value !== null);
    const [min, max] = [Math.min(...known), Math.max(...known)];
    for (const field of frame.fields) {
      field.state = { displayName: field.name, seriesIndex: index, range: { min, max, delta: max - min } };
      field.display = getDisplayProcessor({ field, theme, timeZone: "utc" });
    }
    return frame;
  });
}

function Stat({ panel, width, height }) {
  const all = frames(panel);
  const each = width / all.length;
  return <div style={{ display: "flex" }}>{all.map((frame, index) => {
    const field = frame.fields[1];
    const calc = panel.options.reduceOptions.calcs[0];
    const value = field.display(reduceField({ field, reducers: [calc] })[calc]);
    const shown = { ...value, title: all.length > 1 ? field.name : undefined };
    return <BigValue key={index} theme={theme} value={shown} width={each} height={height}
      colorMode={panel.options.colorMode} graphMode={panel.options.graphMode} textMode="auto"
      sparkline={{ x: frame.fields[0], y: field, timeRange: undefined }} />;
  })}</div>;
}

function Lines({ panel, width, height }) {
  const range = { from: dateTime(from), to: dateTime(to), raw: { from: dateTime(from), to: dateTime(to) } };
  const all = frames(panel);
  return <TimeSeries frames={all} width={width} height={height} timeRange={range} timeZone="utc"
    legend={{ ...panel.options.legend, calcs: [] }} options={panel.options} />;
}

const DRAWN = { stat: Stat, timeseries: Lines };

function hasAnswer(panel) {
  return (panel.targets ?? []).some(({ refId }) => answers[`${panel.id} ${refId}`]?.length);
}

/** What is drawn, without gaps: panels side by side as wide as they are, and no row without one. */
function layout(panels) {
  const placed = [];
  let x = 0, y = 0, line = 0, title;
  for (const panel of panels) {
    const { w, h } = panel.gridPos;
    if (panel.type === "row") {
      title = panel;
      continue;
    }
    if (!DRAWN[panel.type] || !hasAnswer(panel)) continue;
    if (title || x + w > 24) [x, y, line] = [0, y + line, 0];
    if (title) {
      placed.push({ ...title, gridPos: { x: 0, y, w: 24, h: 1 } });
      [y, title] = [y + 1, undefined];
    }
    placed.push({ ...panel, gridPos: { x, y, w, h } });
    [x, line] = [x + w, Math.max(line, h)];
  }
  return placed;
}

function Panel({ panel }) {
  const { x, y, w, h } = panel.gridPos;
  const place = { position: "absolute", left: x * UNIT + 4, top: y * ROW + 4 };
  if (panel.type === "row") {
    return <h2 style={{ ...place, margin: 0, fontSize: 16, lineHeight: `${ROW - 8}px` }}>{panel.title}</h2>;
  }
  const Draw = DRAWN[panel.type];
  return <div style={place}>
    <PanelChrome title={panel.title} width={w * UNIT - 8} height={h * ROW - 8}>
      {(width, height) => <Draw panel={panel} width={width} height={height} />}
    </PanelChrome>
  </div>;
}

const panels = layout(dashboard.panels);
const height = Math.max(...panels.map(({ gridPos: { y, h } }) => y + h)) * ROW;
createRoot(document.getElementById("root")).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <div style={{ position: "relative", width, height, background: theme.colors.background.canvas }}>
      {panels.map((panel) => <Panel key={panel.id} panel={panel} />)}
    </div>
  </ThemeContext.Provider>,
);
