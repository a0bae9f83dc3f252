"""The page of `--trace`: one self-contained HTML file. The arrow keys move from step to step."""

from __future__ import annotations

import html

_STYLE = """
:root {
  color-scheme: light dark;
  --ink: #1c1c1c; --paper: #fff; --faint: #6b6b6b; --rule: #ddd; --pick: #e8f0ee;
  --added: #dff3e0; --removed: #fbe3e1; --changed: #fdf2cf;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6e6e6; --paper: #161616; --faint: #9a9a9a; --rule: #333; --pick: #24302d;
    --added: #173a1c; --removed: #47201d; --changed: #40360f;
  }
}
* { box-sizing: border-box; }
body { font: 15px/1.4 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0; height: 100vh;
  display: grid; grid-template: auto 1fr / minmax(14rem, 22rem) 1fr; }
header { grid-column: 1 / 3; padding: .6rem 1rem; border-bottom: 1px solid var(--rule); display: flex; gap: 1rem;
  align-items: center; flex-wrap: wrap; }
header h1 { font-size: 1rem; margin: 0; }
header input { flex: 1; min-width: 8rem; }
button { font: inherit; padding: .1rem .7rem; }
#where { color: var(--faint); font-variant-numeric: tabular-nums; }
#steps { overflow: auto; border-right: 1px solid var(--rule); margin: 0; padding: 0; list-style: none; }
#steps li { padding: .25rem .8rem; border-bottom: 1px solid var(--rule); cursor: pointer; overflow-wrap: anywhere; }
#steps li.now { background: var(--pick); }
#steps small { color: var(--faint); display: block; }
#code { overflow: auto; margin: 0; padding: .5rem 0; font: 13px/1.5 ui-monospace, monospace; }
#code div { padding: 0 1rem; white-space: pre; width: max-content; min-width: 100%; }
#code .added { background: var(--added); }
#code .removed, #code .was { background: var(--removed); }
#code .removed, #code .was { text-decoration: line-through; text-decoration-color: var(--faint); }
#code .changed { background: var(--changed); }
#code .gap { color: var(--faint); }
"""
MODEL_SCRIPT = """
// The program as a list of lines; `go` applies or undoes the edits of steps.
class Program {
  constructor(data) {
    this.data = data; this.step = 0; this.undo = [];
    this.order = data.lines.map(([number]) => number);
    this.text = new Map(data.lines);
  }
  go(step) {
    step = Math.max(0, Math.min(step, this.data.steps.length));
    while (this.step < step) this.undo.push(this.apply(this.data.steps[this.step++].edits));
    while (this.step > step) { this.apply(this.undo.pop()); this.step--; }
  }
  apply(edits) {
    const inverse = [];
    for (const [kind, number, before, text] of edits) {
      if (kind === "~") {
        inverse.unshift(["~", number, -1, this.text.get(number)]);
        this.text.set(number, text);
      } else if (kind === "+") {
        inverse.unshift(["-", number, -1, ""]);
        this.order.splice(this.order.indexOf(before) + 1, 0, number);
        this.text.set(number, text);
      } else {
        const at = this.order.indexOf(number);
        inverse.unshift(["+", number, at ? this.order[at - 1] : -1, this.text.get(number)]);
        this.order.splice(at, 1);
        this.text.delete(number);
      }
    }
    return inverse;
  }
  // The lines after this step with those that it removed where they were: [kind, text] each.
  marked() {
    const rows = this.order.map(number => [number, "", this.text.get(number)]);
    const at = number => rows.findIndex(row => row[0] === number);
    if (this.step) {
      for (const [kind, number] of this.data.steps[this.step - 1].edits)
        if (kind === "+") rows[at(number)][1] = "added";
      for (const [kind, number, before, text] of this.undo[this.step - 1]) {
        if (kind === "+") rows.splice(at(before) + 1, 0, [number, "removed", text]);
        if (kind === "~") {
          const index = at(number);
          if (rows[index][1] === "added") continue;
          rows[index][1] = "changed";
          rows.splice(index, 0, [-2, "was", text]);
        }
      }
    }
    return rows.map(([, kind, text]) => [kind, text]);
  }
}
"""
_SCRIPT = """
const program = new Program(JSON.parse(document.getElementById("data").textContent));
const steps = program.data.steps, list = document.getElementById("steps"), code = document.getElementById("code");
const slider = document.getElementById("slider");
const AROUND = 200;
const item = (title, small, step) => {
  const element = document.createElement("li");
  element.textContent = title;
  const note = document.createElement("small");
  note.textContent = small;
  element.append(note);
  element.addEventListener("click", () => show(step));
  list.append(element);
};
item("the program before", "", 0);
steps.forEach((s, i) => item(`${i + 1}  ${s.rule}`, [s.pass, s.root, `${s.us} µs`].filter(Boolean).join(" · "), i + 1));
slider.max = steps.length;
const line = (kind, text) => {
  const element = document.createElement("div");
  element.className = kind;
  element.textContent = text;
  return element;
};
function show(step) {
  program.go(step);
  const rows = program.marked();
  const first = Math.max(rows.findIndex(([kind]) => kind), 0);
  const last = rows.findLastIndex(([kind]) => kind);
  const from = Math.max(first - AROUND, 0), to = Math.min(Math.max(last, first) + AROUND, rows.length);
  const shown = rows.slice(from, to).map(([kind, text]) => line(kind, text));
  if (from) shown.unshift(line("gap", `… ${from} lines`));
  if (to < rows.length) shown.push(line("gap", `… ${rows.length - to} lines`));
  code.replaceChildren(...shown);
  slider.value = program.step;
  document.getElementById("where").textContent = `${program.step} / ${steps.length}`;
  list.querySelector(".now")?.classList.remove("now");
  list.children[program.step].classList.add("now");
  list.children[program.step].scrollIntoView({block: "nearest"});
  code.querySelector(".added, .removed, .changed")?.scrollIntoView({block: "center"});
  location.replace(`#${program.step}`);
}
const keys = {ArrowLeft: () => program.step - 1, ArrowRight: () => program.step + 1, Home: () => 0,
  End: () => steps.length, PageUp: () => program.step - 10, PageDown: () => program.step + 10};
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
  event.preventDefault();
  show(keys[event.key]());
});
slider.addEventListener("input", () => show(+slider.value));
document.getElementById("back").addEventListener("click", () => show(program.step - 1));
document.getElementById("on").addEventListener("click", () => show(program.step + 1));
show(parseInt(location.hash.slice(1)) || 0);
"""


def page(title: str, data: str) -> str:
    """The page; `data` is JSON without `</`."""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{html.escape(title)}</title><style>{_STYLE}</style></head>
<body><header><h1>{html.escape(title)}</h1>
<button id="back" title="the step before (left arrow)">←</button>
<button id="on" title="the next step (right arrow)">→</button>
<input id="slider" type="range" min="0" value="0" aria-label="step"><span id="where"></span></header>
<ol id="steps"></ol><div id="code" tabindex="0"></div>
<script type="application/json" id="data">{data}</script>
<script>{MODEL_SCRIPT}{_SCRIPT}</script></body></html>
"""
