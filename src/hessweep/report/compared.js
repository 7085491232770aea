// A second spectrum over the first, and the explorer's state in the address. The explorer calls these.
"use strict";

let kept = null; // the ensemble whose spectrum is drawn for comparison

const named = (e) => `${e.activation}, ${e.N_i} × ${e.N_h}`;

// The steps of the spectrum that was kept, if the axis that is chosen can show it.
function keptTraces(logx, logy, floor) {
  if (!kept || kept === chosen || (logx && kept.log_histogram === null)) return [];
  const steps = bins(kept);
  const heights = steps.map((b) => (logy ? Math.max(b.density, floor) : b.density));
  return [{
    name: named(kept), x: [...steps.map((b) => b.low), steps.at(-1).high], y: [...heights, heights.at(-1)],
    mode: "lines", line: { shape: "hv", width: 1.5, color: color("accent") },
    hovertemplate: `${named(kept)}: %{y:.3g}<extra></extra>`,
  }];
}

// The state of the explorer as it stands in the address: what is chosen, kept, and on which axes.
function address() {
  const state = new URLSearchParams(GRID.map((name) => [name, chosen[name]]));
  for (const axis of ["logx", "logy"]) if (picker.elements[axis].checked) state.set(axis, 1);
  if (kept) state.set("with", GRID.map((name) => kept[name]).join("|"));
  return `#explorer?${state}`;
}

// So that the address can be copied; going back leads to where the reader was before, not through every click.
function rememberState() {
  try { history.replaceState(null, "", address()); } catch { /* refused for some pages from a file */ }
}

function stateOfAddress() {
  if (!location.hash.startsWith("#explorer?")) return;
  const state = new URLSearchParams(location.hash.split("?")[1]);
  const found = ensembles.find((e) => GRID.every((name) => String(e[name]) === state.get(name)));
  if (!found) return;
  kept = ensembles.find((e) => GRID.map((name) => e[name]).join("|") === state.get("with")) ?? null;
  for (const axis of ["logx", "logy"]) picker.elements[axis].checked = state.has(axis);
  showKept();
  choose(found, true);
  document.getElementById("explorer").scrollIntoView();
}

function showKept() {
  const button = document.getElementById("keep");
  button.setAttribute("aria-pressed", String(kept !== null));
  button.textContent = kept ? `Drop ${named(kept)}` : "Keep to compare";
}
