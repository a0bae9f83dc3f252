// Tables that sort and unfold, commands that are copied, and the layers: a chart, filters, the worst of them.
const WORST = 20, GOOD = 20, FAIR = 10, CHART = 190;
const key = (row, column) => {
  const cell = row.cells[column];
  return "value" in cell.dataset ? +cell.dataset.value : cell.textContent;
};
// Turns the order of a column, of which numbers begin with the largest; 1 if it rises now, else -1.
function sorted(head) {
  const before = head.getAttribute("aria-sort"), rises = before ? before === "descending" : !head.classList.contains("number");
  const sign = rises ? 1 : -1;
  for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", sign < 0 ? "descending" : "ascending");
  return sign;
}
for (const head of document.querySelectorAll("table.sortable th")) {
  head.querySelector("button").addEventListener("click", () => {
    const body = head.closest("table").tBodies[0], sign = sorted(head), open = [...body.rows].every(row => !row.hidden);
    const keyed = [...body.rows].map(row => [key(row, head.cellIndex), row]);
    keyed.sort(([a], [b]) => sign * (a < b ? -1 : a > b ? 1 : 0));
    keyed.forEach(([, row], at) => { row.hidden = !open && at >= WORST; body.append(row); });
  });
}
for (const button of document.querySelectorAll("button.all[data-of]")) {
  button.addEventListener("click", () => {
    for (const row of document.getElementById(button.dataset.of).tBodies[0].rows) row.hidden = false;
    button.remove();
  });
}
for (const button of document.querySelectorAll(".copy button")) {
  const text = button.parentNode.querySelector("pre"), said = button.textContent;
  button.addEventListener("click", async () => {
    try { await navigator.clipboard.writeText(text.textContent); } catch { // not allowed here: by the selection
      getSelection().selectAllChildren(text);
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = said; }, 1500);
  });
}

const graded = ratio => ratio >= IDENTICAL ? "identical" : ratio >= GOOD ? "good" : ratio >= FAIR ? "fair" : "poor";
const ratioText = ratio => ratio >= IDENTICAL ? "∞" : ratio <= -IDENTICAL ? "-∞" : `${ratio.toFixed(1)} dB`;
const short = value => value === null ? "" : Number(value.toPrecision(4)).toString();
const COLUMNS = [
  ["layer", row => row.short, "name"], ["made by", row => row.op, "extra"], ["type", row => row.type, "extra"],
  ["worst input", row => row.before, "number extra", ratioText], ["signal to noise", row => row.ratio, "number", ratioText],
  ["fall", row => row.fall, "number", value => value ? `${value.toFixed(1)} dB` : ""],
  ["largest difference", row => row.difference, "number extra", short], ["range", row => row.high - row.low, "bar extra"],
];

// The section in `root` of `rows` of numbers and names; `reveal(row)` shows one in the graphs, if there are any.
function layerSection(root, rows, reveal) {
  const names = ["short", "name", "signature", "op", "type", "before", "ratio", "fall", "difference", "low", "high", "held", "scale",
    "zero", "remark", "skip", "places"];
  const layers = rows.map((row, at) => Object.fromEntries([["at", at], ...row.map((value, place) => [names[place], value])]));
  let order = 4, sign = 1, limit = WORST, opened = null;
  const values = (of, name) => {
    const field = element("select", {"aria-label": name}, element("option", {value: ""}, `every ${name}`));
    for (const value of [...new Set(layers.map(of))].sort()) field.append(element("option", {value}, value));
    field.addEventListener("change", fill);
    return field;
  };
  const op = values(row => row.op, "op"), type = values(row => row.type, "type");
  const under = element("input", {type: "number", step: "1", placeholder: "any", "aria-label": "under dB"});
  const word = element("input", {type: "search", placeholder: "name", "aria-label": "name"});
  for (const field of [under, word]) field.addEventListener("input", () => fill());
  const count = element("span", {class: "count", "aria-live": "polite"}), body = element("tbody");
  const more = element("button", {class: "all", type: "button", on: () => { limit = Infinity; fill(); }});
  const heads = COLUMNS.map(([name, , style], at) => {
    const head = element("th", {scope: "col", class: style}, element("button", {type: "button"}, name));
    head.querySelector("button").addEventListener("click", () => { sign = sorted(head); order = at; fill(); });
    return head;
  });
  heads[order].setAttribute("aria-sort", "ascending");

  const matching = () => layers.filter(row => (!op.value || row.op === op.value) && (!type.value || row.type === type.value)
    && (under.value === "" || row.ratio < Number(under.value)) && row.name.toLowerCase().includes(word.value.toLowerCase()));
  function fill() {
    const value = COLUMNS[order][1], found = matching();
    found.sort((a, b) => { const x = value(a), y = value(b); return sign * (x < y ? -1 : x > y ? 1 : 0) || a.at - b.at; });
    body.replaceChildren(...found.slice(0, limit).flatMap(row => row === opened ? [line(row), detail(row)] : [line(row)]));
    const all = found.length === layers.length ? "" : ` that match, of ${layers.length}`;
    count.textContent = `${Math.min(limit, found.length)} of ${found.length} layers${all}`;
    more.hidden = found.length <= limit;
    more.textContent = `Show all ${found.length}`;
  }
  function line(row) {
    const cells = COLUMNS.map(([, of, style, said], at) => {
      const cell = element("td", {class: style});
      if (at === 0) cell.append(element("button", {class: "plain", type: "button", title: row.name, "aria-expanded": String(row === opened),
        on: () => open(row)}, row.short));
      else if (style.startsWith("bar")) cell.append(rangeBar(row));
      else if (at === order || at === 4) cell.append(element("span", at === 4 ? {class: graded(row.ratio)} : {}, said ? said(of(row)) : of(row)));
      else cell.append(said ? said(of(row)) : of(row));
      return cell;
    });
    return element("tr", {}, ...cells);
  }
  function detail(row) {
    const held = row.held ? `${short(row.held[0])} … ${short(row.held[1])}` : "";
    const pairs = [["name", row.name], ["signature", row.signature], ["made by", row.op], ["type", row.type], ["worst input", ratioText(row.before)],
      ["largest difference", short(row.difference)], ["seen", row.low === null ? "" : `${short(row.low)} … ${short(row.high)}`], ["can hold", held],
      ["scale", row.scale], ["zero point", row.zero], ["remark", row.remark]];
    const cell = element("td", {colspan: String(COLUMNS.length)}, facts(pairs), rangeBar(row));
    if (reveal && row.places.some(place => place)) {
      cell.append(element("p", {}, element("button", {type: "button", on: () => reveal(row, true)}, "Show in the graph")));
    }
    return element("tr", {class: "detail"}, cell);
  }
  function open(row) {
    opened = opened === row ? null : row;
    fill();
    if (opened && reveal) reveal(row, false);
  }
  // Shows a layer wherever it is in the table.
  function go(row) {
    for (const field of [op, type, under, word]) field.value = "";
    limit = Infinity;
    opened = row;
    fill();
    body.querySelector("tr.detail").previousSibling.scrollIntoView({block: "center"});
  }
  fill();
  root.append(chart(layers, go), element("div", {class: "filters"}, op, type, element("label", {}, "under ", under, " dB"), word, count),
    element("div", {class: "wide", role: "region", tabindex: "0", "aria-label": "Layers"}, element("table", {class: "layers"},
      element("thead", {}, element("tr", {}, ...heads)), body)), more);
  return {layers, go};
}

// What the tensor can hold as a bar, and what was seen as a thinner one on it, red where it is cut.
function rangeBar(row) {
  const bar = element("div", {class: "range", role: "img"});
  if (row.low === null) return bar;
  const ends = [row.low, row.high, 0, ...row.held || []], start = Math.min(...ends), span = Math.max(...ends) - start || 1;
  const add = (style, low, high) => bar.append(element("i", {class: style,
    style: `left:${100 * (low - start) / span}%;width:${Math.max(0.4, 100 * (high - low) / span)}%`}));
  let said = `${short(row.low)} … ${short(row.high)}`;
  if (row.held) {
    const [low, high] = row.held;
    said += ` on ${short(low)} … ${short(high)}`;
    add("held", low, high);
    add("seen", row.low, row.high);
    if (low - row.low > 0.005 * span) add("cut", row.low, Math.min(row.high, low));
    if (row.high - high > 0.005 * span) add("cut", Math.max(row.low, high), row.high);
  } else add("seen", row.low, row.high);
  bar.append(element("i", {class: "zero", style: `left:${100 * (0 - start) / span}%`}));
  bar.setAttribute("aria-label", said);
  bar.title = said;
  return bar;
}

// A bar for each layer in program order: the higher, the closer to the original.
function chart(layers, go) {
  const finite = layers.map(row => row.ratio).filter(ratio => ratio < IDENTICAL), best = Math.max(0, ...finite);
  const top = Math.min(100, Math.max(40, Math.ceil(best / 20) * 20)), wide = 1000 / layers.length;
  const paths = {flag: "", poor: "", fair: "", good: "", identical: ""}; // a low bar would be overlooked among a thousand
  layers.forEach((row, at) => {
    const high = Math.max(2, CHART * Math.min(Math.max(row.ratio, 0), top) / top);
    if (graded(row.ratio) === "poor") paths.flag += `M${(at * wide).toFixed(2)} ${CHART}v-${CHART}h${wide.toFixed(2)}v${CHART}z`;
    paths[graded(row.ratio)] += `M${(at * wide).toFixed(2)} ${CHART}v-${high.toFixed(1)}h${(0.84 * wide).toFixed(2)}v${high.toFixed(1)}z`;
  });
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of [["viewBox", `0 0 1000 ${CHART}`], ["preserveAspectRatio", "none"], ["role", "img"],
    ["aria-label", `Signal-to-noise ratio of ${layers.length} layers in program order, the worst ${ratioText(Math.min(...layers.map(row => row.ratio)))}`]]) {
    svg.setAttribute(name, value);
  }
  for (const [word, d] of Object.entries(paths)) if (d) {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("class", word);
    path.setAttribute("d", d);
    svg.append(path);
  }
  const mark = element("div", {class: "mark", hidden: ""}), area = element("div", {class: "chart"}, svg, mark);
  for (let level = 0; level <= top; level += 20) {
    area.prepend(element("div", {class: "level", style: `bottom:${100 * level / top}%`}, element("span", {}, `${level} dB`)));
  }
  const caption = element("figcaption"), keys = [["poor", "under 10 dB"], ["fair", "under 20 dB"], ["good", "20 dB and more"], ["identical", "identical"]];
  const usual = () => caption.replaceChildren("Signal-to-noise ratio against the original, layer by layer in program order: ",
    ...keys.flatMap(([word, what]) => [element("span", {class: `key ${word}`}), ` ${what}  `]));
  const under = event => layers[Math.max(0, Math.min(layers.length - 1, Math.floor((event.clientX - area.getBoundingClientRect().left) / area.clientWidth * layers.length)))];
  area.addEventListener("pointermove", event => {
    const row = under(event);
    mark.hidden = false;
    mark.style.cssText = `left:${100 * row.at / layers.length}%;width:${Math.max(0.15, 100 / layers.length)}%`;
    caption.textContent = `${row.short}: ${row.op}, ${row.type}, ${ratioText(row.ratio)}`;
  });
  area.addEventListener("pointerleave", () => { mark.hidden = true; usual(); });
  area.addEventListener("click", event => go(under(event)));
  usual();
  return element("figure", {}, area, caption);
}
