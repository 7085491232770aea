// Theme, numbers and symbols, and tables that sort, filter and save. Works on plain HTML tables: without this script
// they are still there.
"use strict";

const themes = ["automatic", "light", "dark"];

function setTheme(name) {
  document.querySelector("#theme span").textContent = name;
  if (name === "automatic") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  document.dispatchEvent(new Event("themechange"));
}

function rememberedTheme() {
  // A page from a file may be refused its storage.
  try { return localStorage.getItem("hessweep-theme"); } catch { return null; }
}

function setUpTheme() {
  const button = document.getElementById("theme");
  button.addEventListener("click", () => {
    const now = button.querySelector("span").textContent;
    const next = themes[(themes.indexOf(now) + 1) % themes.length];
    setTheme(next);
    try { localStorage.setItem("hessweep-theme", next); } catch { /* for this visit only */ }
  });
  const remembered = rememberedTheme();
  if (themes.includes(remembered)) setTheme(remembered);
}

function valueOf(cell) {
  return cell.dataset.value ?? cell.textContent;
}

function compare(a, b) {
  const [x, y] = [Number(a), Number(b)];
  if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
  return Number.isNaN(x) ? a.localeCompare(b) : x - y;
}

function sortBy(table, column) {
  const heading = table.tHead.rows[0].cells[column];
  const direction = heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", direction);
  const sign = direction === "ascending" ? 1 : -1;
  const rows = [...table.tBodies[0].rows];
  rows.sort((a, b) => {
    const [x, y] = [a, b].map((row) => valueOf(row.cells[column]));
    // Rows without a value come last, up and down.
    return x && y ? sign * compare(x, y) : (x === "") - (y === "");
  });
  table.tBodies[0].append(...rows);
}

function makeSortable(table) {
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    if (heading.classList.contains("link")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sortBy(table, column));
    heading.append(button);
  });
}

const comparisons = {
  "=": (x) => x === 0, "!=": (x) => x !== 0, "<": (x) => x < 0, ">": (x) => x > 0,
  "<=": (x) => x <= 0, ">=": (x) => x >= 0,
};

// One word of the filter as a test of a row: `N_i>=10`, or a text that the row contains.
function condition(word, names) {
  const parts = word.match(/^(\w+?)(<=|>=|!=|==?|<|>)(.+)$/);
  const column = parts ? names.findIndex((n) => n?.toLowerCase() === parts[1].toLowerCase()) : -1;
  if (column < 0) return (row) => row.textContent.toLowerCase().includes(word.toLowerCase());
  const holds = comparisons[parts[2] === "==" ? "=" : parts[2]];
  return (row) => {
    const value = valueOf(row.cells[column]);
    return value !== "" && holds(compare(value, parts[3]));
  };
}

// Why a word of the filter can not mean what it seems to: a comparison with no column of the table.
function misunderstood(form, names) {
  const words = form.querySelector("input").value.trim().split(/\s+/).filter(Boolean);
  const known = names.filter(Boolean);
  const unknown = words
    .map((word) => word.match(/^(\w+?)(<=|>=|!=|==?|<|>)(.*)$/))
    .filter((parts) => parts && !known.some((n) => n.toLowerCase() === parts[1].toLowerCase()))
    .map((parts) => parts[1]);
  const empty = words.filter((word) => /(<=|>=|!=|=|<|>)$/.test(word));
  if (unknown.length) return `no column ${unknown.join(", ")}: there are ${known.join(", ")}`;
  return empty.length ? `${empty[0]} compares with nothing: write a value after it, without a space` : "";
}

function testsOf(form, names) {
  const words = form.querySelector("input").value.trim().split(/\s+/).filter(Boolean);
  const tests = words.map((word) => condition(word, names));
  for (const select of form.querySelectorAll("select")) {
    const { value } = select;
    if (!value) continue;
    const column = names.indexOf(select.dataset.column);
    tests.push("flag" in select.dataset
      ? (row) => row.dataset.flags.split(" ").includes(value)
      : (row) => row.cells[column].textContent === value);
  }
  return tests;
}

function makeFilter(form) {
  const table = document.getElementById(form.dataset.table);
  const names = [...table.tHead.rows[0].cells].map((cell) => cell.dataset.name);
  const rows = [...table.tBodies[0].rows];
  for (const select of form.querySelectorAll("[data-column]")) {
    const column = names.indexOf(select.dataset.column);
    const values = new Set(rows.map((row) => row.cells[column].textContent));
    for (const value of [...values].sort()) select.append(new Option(value, value));
  }
  const apply = () => {
    const tests = testsOf(form, names);
    for (const row of rows) row.hidden = !tests.every((test) => test(row));
    const shown = rows.filter((row) => !row.hidden).length;
    const why = misunderstood(form, names);
    form.querySelector("output").textContent = `${shown} of ${rows.length} rows${why && `; ${why}`}`;
  };
  form.addEventListener("input", apply);
  form.querySelector(".clear").addEventListener("click", () => { form.reset(); apply(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.querySelector(".save").addEventListener("click", () => {
    const shown = [...table.tBodies[0].rows].filter((row) => !row.hidden);
    const columns = names.map((_, column) => column).filter((column) => names[column]);
    const lines = shown.map((row) => columns.map((column) => valueOf(row.cells[column])));
    saveCsv(`${form.dataset.table}.csv`, [columns.map((column) => names[column]), ...lines]);
  });
  apply();
}

// The text of gzipped bytes in base64.
async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

// A figure's data: without this script the link saves them gzipped.
function makeUnpacked(link) {
  link.addEventListener("click", async (event) => {
    event.preventDefault();
    save(link.download.replace(/\.gz$/, ""), await unpacked(link.href.split(",")[1]));
  });
}

// A picture as PNG, with the pixels of the file that the workflow wrote.
function makePng(button) {
  const figure = button.closest("figure");
  const image = figure.querySelector("img");
  button.addEventListener("click", () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    canvas.getContext("2d").drawImage(image, 0, 0);
    canvas.toBlob((blob) => saveBlob(`${figure.id.replace(/^figure-/, "")}.png`, blob), "image/png");
  });
}

// A picture in the whole window, at its own number of pixels.
function makeZoom(button) {
  const figure = button.closest("figure");
  const image = figure.querySelector("img");
  button.addEventListener("click", () => {
    const dialog = document.createElement("dialog");
    dialog.className = "zoom";
    dialog.setAttribute("aria-label", `Picture: ${figure.querySelector("h3").textContent}`);
    const large = image.cloneNode();
    large.removeAttribute("width");
    large.removeAttribute("height");
    const frame = document.createElement("div");
    frame.className = "frame";
    frame.tabIndex = 0;
    frame.append(large);
    const close = document.createElement("button");
    close.type = "button";
    close.textContent = "Close";
    close.addEventListener("click", () => dialog.close());
    dialog.append(close, frame);
    dialog.addEventListener("close", () => { dialog.remove(); button.focus(); });
    document.body.append(dialog);
    dialog.showModal();
  });
}

function saveCsv(name, rows) {
  const quoted = (value) => (/[",\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value);
  save(name, rows.map((row) => row.map(quoted).join(",")).join("\n") + "\n");
}

function save(name, text) {
  saveBlob(name, new Blob([text], { type: "text/csv" }));
}

function saveBlob(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

const whole = (n) => n.toLocaleString("en-US").replaceAll(",", "\u202f");

function number(x) {
  if (x === null) return "–";
  if (x === 0 || (Math.abs(x) >= 1e-3 && Math.abs(x) < 1e5)) return String(Number(x.toPrecision(4)));
  const [mantissa, exponent] = x.toExponential(2).split("e");
  return `${mantissa}·10${Number(exponent).toString().replace("-", "⁻").replace(/\d/g, (d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d])}`;
}

// Text with its symbols set as such: N_i and λ_min get their subscripts.
function symbolic(text) {
  return text.split(/(?<=\b[NKW]|λ)_(i|h|o|min|max)\b/).map((part, k) => {
    if (k % 2 === 0) return part;
    const sub = document.createElement("sub");
    sub.textContent = part;
    return sub;
  });
}

const say = (id, text) => document.getElementById(id).replaceChildren(...symbolic(text));

function fillTable(id, headings, rows) {
  const row = (tag, values) => {
    const line = document.createElement("tr");
    for (const value of values) {
      const cell = document.createElement(tag);
      if (tag === "th") cell.scope = "col";
      if (tag === "th") cell.append(...symbolic(value));
      else cell.textContent = value;
      if (/^[-\d.·⁰¹²³⁴⁵⁶⁷⁸⁹⁻\u202f]+$/.test(value)) cell.className = "number";
      if (/^[0-9a-f]{32}$/.test(value)) cell.className = "key";
      line.append(cell);
    }
    return line;
  };
  const table = document.getElementById(id);
  table.tHead.replaceChildren(row("th", headings));
  table.tBodies[0].replaceChildren(...rows.map((values) => row("td", values)));
}

setUpTheme();
document.querySelectorAll("table.sortable").forEach(makeSortable);
document.querySelectorAll("form[data-table]").forEach(makeFilter);
document.querySelectorAll("a.packed").forEach(makeUnpacked);
document.querySelectorAll("button.png").forEach(makePng);
document.querySelectorAll("button.enlarge").forEach(makeZoom);
