// Draws each figure with data-chart from the table inside it, with ECharts; the table stays, folded, for those who read
// rather than look. Colours are the page's own, so charts follow a change between light and dark.
const dark = matchMedia("(prefers-color-scheme: dark)");
const still = matchMedia("(prefers-reduced-motion: reduce)");

function read(table) {
  const headings = [...table.tHead.rows[0].cells].slice(1).map((cell) => cell.textContent.trim());
  const rows = [...table.tBodies[0].rows];
  // What a clock of the account shows, without its distance from UTC: the axis is to read like the table.
  const time = (row) => row.cells[0].querySelector("time")?.dateTime.slice(0, 19) + "Z";
  const number = (cell) => Number((cell.firstChild.textContent ?? "").replace(/\D/g, ""));
  return {
    times: rows.map(time),
    names: rows.map((row) => row.cells[0].textContent.trim()),
    series: headings.map((name, i) => ({ name, counts: rows.map((row) => number(row.cells[i + 1])) })),
  };
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function axes(kind, data) {
  const soft = { color: colour("ink-soft") };
  const line = { lineStyle: { color: colour("line") } };
  const counts = { type: "value", minInterval: 1, axisLabel: soft, splitLine: line };
  if (kind === "lines") {
    return { xAxis: { type: "time", axisLabel: { ...soft, hideOverlap: true }, axisLine: line }, yAxis: counts };
  }
  const names = { type: "category", data: data.names, inverse: true, axisLabel: soft, axisLine: line };
  return { xAxis: counts, yAxis: names };
}

function series(kind, data) {
  return data.series.map(({ name, counts }, i) => ({
    name,
    type: kind === "lines" ? "line" : "bar",
    color: colour(i ? "chart-second" : "chart-first"),
    symbol: i ? "rect" : "circle",
    showSymbol: counts.length < 30,
    lineStyle: { width: 2.5, type: i ? "dashed" : "solid" },
    data: kind === "lines" ? counts.map((count, n) => [data.times[n], count]) : counts,
  }));
}

function draw(chart, kind, data) {
  const ink = { color: colour("ink") };
  chart.setOption({
    animation: !still.matches,
    useUTC: true, // times are those of the account by now
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
    grid: { left: 8, right: 16, top: 40, bottom: 8, containLabel: true },
    legend: { top: 0, left: 0, textStyle: ink },
    // The page's policy forbids styles in markup, which is what tooltips are made of otherwise.
    tooltip: {
      trigger: "axis", renderMode: "richText", confine: true,
      backgroundColor: colour("card"), borderColor: colour("line"), textStyle: ink,
    },
    ...axes(kind, data),
    series: series(kind, data),
  }, true);
}

for (const figure of document.querySelectorAll("figure[data-chart]")) {
  if (!window.echarts) break;
  const picture = figure.querySelector(".chart-picture");
  const data = read(figure.querySelector("table"));
  picture.hidden = false;
  figure.querySelector("details").open = false;
  const chart = echarts.init(picture);
  const redraw = () => draw(chart, figure.dataset.chart, data);
  redraw();
  dark.addEventListener("change", redraw);
  new ResizeObserver(() => chart.resize()).observe(picture);
}
