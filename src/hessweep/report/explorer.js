// The explorer: a spectrum and two heat maps for the chosen networks.
"use strict";

let results, ensembles, chosen, GRID;
const picker = document.getElementById("picker");
const size = (e) => e.histogram.counts.reduce((a, b) => a + b, 0);
// First what there is most to see of: a law, a standard network, and many eigenvalues.
const interest = (e) => [e.law !== null, e.standard, size(e)];
const difference = (a, b) => interest(a).map((x, k) => x - interest(b)[k]).find(Boolean) ?? 0;

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const unique = (values) => [...new Set(values)];
const ascending = (values) => unique(values).sort((a, b) => a - b);

// Those that share the first `depth` of GRID with an ensemble.
const alike = (depth) => ensembles.filter((e) => GRID.slice(0, depth).every((k) => e[k] === chosen[k]));

// Those that differ from it in the sizes alone; each deep architecture has a map of one cell.
const sameAxes = () => alike(1 + results.axes.length);

// The value of an axis, which is an empty text where a network has the axis' default.
const inWords = (value) => (value === "" ? "none" : value);
function fill(name, values) {
  const select = picker.elements[name];
  select.replaceChildren(...values.map((value) => new Option(inWords(value), value)));
  select.value = chosen[name];
}

function fillPicker() {
  GRID.forEach((name, depth) => {
    const values = alike(depth).map((e) => e[name]);
    fill(name, name.startsWith("N_") ? ascending(values) : unique(values));
  });
}

// The ensemble that has what was picked, and else is as near as can be to the one before.
function nearest(name, value) {
  const depth = GRID.indexOf(name);
  const fits = alike(depth).filter((e) => String(e[name]) === value);
  const same = fits.filter((e) => results.axes.every((name) => e[name] === chosen[name]));
  const distance = (e) => Math.abs(e.N_i - chosen.N_i) * 1e6 + Math.abs(e.N_h - chosen.N_h);
  return (same.length ? same : fits).reduce((a, b) => (distance(b) < distance(a) ? b : a));
}

const wide = (e) => e.log_histogram !== null && e.lambda_max[1] > 300 * Math.max(e.lambda_min[1], 0);

function choose(ensemble, keepScale = false) {
  chosen = ensemble;
  const log = picker.elements.logx;
  if (!keepScale) log.checked = wide(ensemble);
  log.disabled = ensemble.log_histogram === null;
  fillPicker();
  draw();
}

function bins(of = chosen) {
  const logx = picker.elements.logx.checked && chosen.log_histogram !== null;
  const { low, high, counts } = logx ? of.log_histogram : of.histogram;
  const width = (high - low) / counts.length;
  const total = size(of);
  const edge = (k) => (logx ? 10 ** (low + k * width) : low + k * width);
  return counts.map((count, k) => ({ low: edge(k), high: edge(k + 1), count, density: count / total / width }));
}

function lawTraces(logx) {
  if (!chosen.law) return [];
  const { low, high, limit, exact } = chosen.law;
  // Laws of non-linear networks span decades: their places are equal steps of log λ.
  const x = limit.map((_, k) => (k + 0.5) / limit.length).map((u) => (low ? low * (high / low) ** u : u * high));
  const line = (name, y, dash, ink) => ({
    name, x, y: logx ? y.map((d, k) => d * x[k] * Math.LN10) : y, mode: "lines",
    line: { color: ink, width: 2, dash }, hovertemplate: `${name}: %{y:.3g}<extra></extra>`,
  });
  const atSize = exact.length ? [line("law at this size", exact, "solid", color("exact"))] : [];
  return [line("law at large N", limit, "dash", color("law")), ...atSize];
}

// Paper has its own width, which the window does not tell.
const paperWidth = { spectrum: 665, "lambda-map": 325, "rank-map": 325 };

function layout(id, more) {
  const axis = { gridcolor: color("rule"), linecolor: color("soft"), zeroline: false, ticks: "outside",
                 tickcolor: color("soft"), exponentformat: "power" };
  const { xaxis, yaxis, ...others } = more;
  return {
    autosize: true, width: matchMedia("print").matches ? paperWidth[id] : undefined,
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { l: 60, r: 10, t: 10, b: 45 },
    font: { family: "system-ui, 'Noto Sans', 'DejaVu Sans', sans-serif", size: 12.5, color: color("ink") },
    hoverlabel: { bgcolor: color("raised"), bordercolor: color("soft"), font: { color: color("ink") } },
    xaxis: { ...axis, ...xaxis }, yaxis: { ...axis, ...yaxis }, ...others,
  };
}

const options = { displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: "reset" };

function drawSpectrum() {
  const shown = bins(), logy = picker.elements.logy.checked;
  const logx = picker.elements.logx.checked && chosen.log_histogram !== null;
  // Half of what one eigenvalue makes: where empty bins lie on a logarithmic axis.
  const floor = Math.min(...shown.filter((b) => b.count).map((b) => b.density / b.count)) / 2;
  const heights = shown.map((b) => (logy ? Math.max(b.density, floor) : b.density));
  const compared = keptTraces(logx, logy, floor);
  const top = Math.max(...heights, ...compared.flatMap((trace) => trace.y));
  const bars = {
    name: compared.length ? named(chosen) : "eigenvalues", x: [shown[0].low, ...shown.map((b) => b.low), shown.at(-1).high, shown.at(-1).high],
    y: [logy ? floor : 0, ...heights, heights.at(-1), logy ? floor : 0], mode: "lines", fill: "tozeroy",
    fillcolor: color("bar"), line: { shape: "hv", width: 1, color: color("soft") },
    customdata: [shown[0], ...shown, shown.at(-1), shown.at(-1)].map((b) => [number(b.low), number(b.high), b.count]),
    hovertemplate: "λ from %{customdata[0]} to %{customdata[1]}: %{customdata[2]} eigenvalues<extra></extra>",
  };
  const axes = {
    xaxis: { type: logx ? "log" : "linear", title: { text: "eigenvalue λ" } },
    yaxis: { type: logy ? "log" : "linear", title: { text: logx ? "density of log₁₀ λ" : "density" },
             range: logy ? [Math.log10(floor), Math.log10(top) + 0.15] : [0, top * 1.08] },
    showlegend: Boolean(chosen.law || compared.length), legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", bgcolor: "rgba(0,0,0,0)" },
    margin: { l: 60, r: 10, t: chosen.law || compared.length ? 36 : 10, b: 45 },
  };
  Plotly.react("spectrum", [bars, ...lawTraces(logx), ...compared], layout("spectrum", axes), options);
  fillTable("bins", ["from", "to", "eigenvalues", "density"],
    shown.map((b) => [number(b.low), number(b.high), whole(b.count), number(b.density)]));
}

const differs = (e) => e.kind === "exact" && (e.rank[0] !== e.formula || e.rank[1] !== e.formula);
const ranks = (e) => (e.rank[0] === e.rank[1] ? `${e.rank[0]}` : `${e.rank[0]}–${e.rank[1]}`);

function drawMap(id, value, text, colorbar, marked) {
  const cells = sameAxes();
  const x = ascending(cells.map((e) => e.N_i)), y = ascending(cells.map((e) => e.N_h));
  const bySize = new Map(cells.map((e) => [`${e.N_i} ${e.N_h}`, e]));
  const at = (f, none = null) => y.map((N_h) => x.map((N_i) => {
    const cell = bySize.get(`${N_i} ${N_h}`);
    return cell ? f(cell) : none;
  }));
  const map = {
    type: "heatmap", x: x.map(String), y: y.map(String), z: at(value), customdata: at((e) => [e.N_i, e.N_h]),
    text: at(text, ""), texttemplate: legible(id, x.length, cells.map(text)) ? "%{text}" : undefined, textfont: { size: 11 },
    hovertemplate: "N<sub>i</sub> = %{x}, N<sub>h</sub> = %{y}: %{text}<extra></extra>",
    colorscale: "Cividis", xgap: 1, ygap: 1, hoverongaps: false, ...colorbar,
  };
  map.colorbar = { thickness: 12, outlinewidth: 0, len: 1, ...colorbar.colorbar };
  const crosses = cells.filter(marked);
  const marks = {
    type: "scatter", mode: "markers", x: crosses.map((e) => String(e.N_i)), y: crosses.map((e) => String(e.N_h)),
    marker: { symbol: "x", size: 8, color: "#fff", line: { color: "#b3261e", width: 1.5 } }, hoverinfo: "skip",
  };
  const i = x.indexOf(chosen.N_i), h = y.indexOf(chosen.N_h);
  // Red within white: seen on every colour of the map.
  const frames = [["#ffffff", 5], ["#c81e1e", 2.5]].map(([ink, width]) => (
    { type: "rect", x0: i - 0.5, x1: i + 0.5, y0: h - 0.5, y1: h + 0.5, line: { color: ink, width } }));
  const axes = {
    xaxis: { type: "category", title: { text: "N<sub>i</sub>" }, showgrid: false, categoryarray: x.map(String) },
    yaxis: { type: "category", title: { text: "N<sub>h</sub>" }, showgrid: false, categoryarray: y.map(String) },
    shapes: frames, showlegend: false,
  };
  Plotly.react(id, [map, marks], layout(id, axes), options);
}

// Whether the longest text fits into a cell of the map, about.
function legible(id, columns, texts) {
  const longest = Math.max(...texts.map((text) => text.length));
  return (document.getElementById(id).clientWidth - 140) / columns > 6.5 * longest + 4;
}

const log10 = (x) => (x > 0 ? Math.log10(x) : null);

function drawMaps() {
  const exponents = sameAxes().map((e) => log10(e.lambda_min[1])).filter((x) => x !== null);
  const [low, high] = [Math.min(...exponents), Math.max(...exponents)];
  const step = Math.max(1, Math.ceil((high - low) / 6));
  const whole10 = [];
  for (let k = Math.ceil(low); k <= high; k += step) whole10.push(k);
  const ticks = whole10.length > 1 ? whole10 : [low, (low + high) / 2, high];
  const labels = ticks.map((k) => (whole10.length > 1 ? `10<sup>${k}</sup>` : number(10 ** k)));
  drawMap("lambda-map", (e) => log10(e.lambda_min[1]), (e) => number(e.lambda_min[1]),
    { colorbar: { tickvals: ticks, ticktext: labels } }, () => false);
  drawMap("rank-map", (e) => e.rank[1] / e.P, ranks,
    { zmin: 0, zmax: 1, colorbar: { title: { text: "rank / P", side: "right" } } }, differs);
}

// The axes besides activation and size, in words.
const variant = (e) => results.axes.map((name) => `${name} ${inWords(e[name])}`).join(", ");

function describe() {
  const e = chosen, formula = { exact: `formula ${e.formula}`, "upper bound": `bound ${e.formula}`, none: "no formula" };
  const left = picker.elements.logx.checked && e.unresolved;
  say("chosen",
    `${e.activation}, N_i = ${e.N_i}, N_h = ${e.N_h}, ${variant(e)}: P = ${whole(e.P)}, ` +
    `${whole(e.teachers)} teachers, rank ${ranks(e)} (${formula[e.kind]}, ${whole(e.proved)} proved), ` +
    `median λ_min ${number(e.lambda_min[1])}, λ_max ${number(e.lambda_max[1])}.`);
  say("spectrum-caption",
    `${whole(size(e))} non-zero eigenvalues of ${whole(e.teachers)} teachers, pooled` +
    (left ? `, without ${whole(e.unresolved)} of them that float64 does not resolve` : "") +
    `; ${e.zeros ? whole(e.zeros) : "none"} are zero.` +
    (e.law?.exact.length ? " The law at large N is χ² ⊛ Marchenko–Pastur, that at this size exact." : "") +
    (e.law && !e.law.exact.length ? " The law at large N is that of hessweep.laws, for all teachers." : "") +
    (e.law && !e.standard ? " Both are for standard networks." : ""));
}

function heading(name) {
  const symbol = name.match(/^lambda_(min|max)/);
  return symbol ? name.replace("lambda", "λ").replaceAll(/(?<!λ)_/g, " ") : name.replaceAll(/(?<!^N)_/g, " ");
}

function showProvenance() {
  const names = results.teacher_columns;
  const cells = chosen.listed.map((row) => row.map((value, k) =>
    (typeof value === "number" && !["seed", "kernel_version"].includes(names[k]) ? number(value) : String(value ?? "–"))));
  fillTable("teachers", names.map(heading), cells);
  say("teachers-caption", `${chosen.listed.length} of ${whole(chosen.teachers)} points, those with the extremes among them. ` +
    "The error of λ_min is relative, that of eigenvalues absolute.");
  document.getElementById("query").textContent = `All of them: hessweep query ${results.root} ` +
    `"${GRID.map((name) => `${name} == ${typeof chosen[name] === "number" ? chosen[name] : `'${chosen[name]}'`}`).join(" and ")}"`;
}

function draw() {
  drawSpectrum();
  drawMaps();
  describe();
  showProvenance();
}

// Arrow keys on a heat map: to the next size that was computed in that direction.
const steps = { ArrowLeft: ["N_i", -1], ArrowRight: ["N_i", 1], ArrowDown: ["N_h", -1], ArrowUp: ["N_h", 1] };

function move(event) {
  const step = steps[event.key];
  if (!step) return;
  event.preventDefault();
  const [name, sign] = step, other = name === "N_i" ? "N_h" : "N_i";
  const distance = (e) => Math.abs(e[other] - chosen[other]) * 1e6 + sign * (e[name] - chosen[name]);
  const ahead = sameAxes().filter((e) => sign * (e[name] - chosen[name]) > 0);
  if (ahead.length) choose(ahead.reduce((a, b) => (distance(b) < distance(a) ? b : a)));
  rememberState();
}

function followLink() {
  const found = location.hash.match(/^#ensemble-(\d+)$/);
  if (!found || !ensembles[found[1]]) return;
  choose(ensembles[found[1]]);
  document.getElementById("explorer").scrollIntoView();
  picker.elements.activation.focus({ preventScroll: true });
}

async function loadPlotly() {
  const script = document.createElement("script");
  script.textContent = await unpacked(document.getElementById("plotly").textContent);
  document.head.append(script);
}

function listen() {
  picker.addEventListener("change", ({ target }) => {
    if (target.type === "checkbox") draw();
    else choose(nearest(target.name, target.value));
    rememberState();
  });
  document.getElementById("keep").addEventListener("click", () => {
    kept = kept ? null : chosen;
    showKept();
    draw();
    rememberState();
  });
  picker.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("save-spectrum").addEventListener("click", () => saveCsv(
    `spectrum-${GRID.map((name) => chosen[name]).join("-")}.csv`,
    [["from", "to", "eigenvalues", "density"], ...bins().map((b) => [b.low, b.high, b.count, b.density])]));
  for (const id of ["lambda-map", "rank-map"]) {
    const map = document.getElementById(id);
    map.addEventListener("keydown", move);
    map.on("plotly_click", ({ points }) => {
      const [N_i, N_h] = points[0].customdata ?? [];
      const cell = sameAxes().find((e) => e.N_i === N_i && e.N_h === N_h);
      if (cell) choose(cell);
      rememberState();
    });
  }
  document.addEventListener("themechange", draw);
  for (const query of ["print", "(prefers-color-scheme: dark)"]) matchMedia(query).addEventListener("change", draw);
  addEventListener("hashchange", followLink);
  addEventListener("hashchange", stateOfAddress);
  // A link that is followed a second time changes no hash.
  document.addEventListener("click", ({ target }) => {
    if (target.closest?.("a")?.hash === location.hash) followLink();
  });
}

async function start() {
  results = JSON.parse(await unpacked(document.getElementById("results").textContent));
  ensembles = results.ensembles;
  GRID = ["activation", ...results.axes, "N_i", "N_h"];
  if (!ensembles.length) return;
  chosen = ensembles.reduce((a, b) => (difference(b, a) > 0 ? b : a));
  await loadPlotly();
  choose(chosen);
  listen();
  followLink();
  stateOfAddress();
  document.getElementById("explorer").dataset.ready = "yes";
}

start();
