// What is known of the chosen operator or scope, or of the whole graph. Every text is set as text, never as markup.
function element(tag, how, ...inner) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(how || {})) {
    if (key === "on") made.addEventListener("click", value);
    else made.setAttribute(key, value);
  }
  made.append(...inner.filter(part => part !== null && part !== ""));
  return made;
}
const facts = pairs => element("dl", {}, ...pairs.filter(([, value]) => value !== null && value !== "")
  .flatMap(([key, value]) => [element("dt", {}, key), element("dd", {}, value)]));
const titled = (title, parts) => parts.length ? [element("h3", {}, title), ...parts] : [];

function histogram(constant) {
  const [, , , , least, most, counts, stored] = constant;
  if (least === null || counts.length < 2) return least === null ? [] : [facts([["value", number(least)]])];
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 0 ${counts.length * 10} 56`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `histogram from ${number(least)} to ${number(most)}`);
  const highest = counts.reduce((a, b) => Math.max(a, b), 1);
  counts.forEach((count, at) => {
    const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const height = count ? Math.max(1, 56 * count / highest) : 0;
    for (const [key, value] of Object.entries({x: at * 10 + 0.5, y: 56 - height, width: 9, height})) bar.setAttribute(key, value);
    svg.append(bar);
  });
  const ends = element("div", {class: "ends"}, element("span", {}, number(least)),
    element("span", {}, stored ? "stored integers" : "values"), element("span", {}, number(most)));
  return [svg, ends];
}

function quantization(tensor) {
  if (!tensor.scales.length) return [];
  const many = tensor.scaleCount > 1, range = ends => number(ends[0]) === number(ends[ends.length - 1])
    ? number(ends[0]) : `${number(ends[0])} to ${number(ends[ends.length - 1])}`;
  const along = tensor.axis === null ? "" : `, one for each index of axis ${tensor.axis}`;
  return [[many ? "scales" : "scale", many ? `${tensor.scaleCount}: ${range(tensor.scales)}${along}` : range(tensor.scales)],
    ["zero point", range(tensor.zeros)]];
}

function tensorCard(data, graph, id, others, go) {
  if (id < 0) return element("div", {class: "tensor faint"}, "left out");
  const tensor = graph.tensors[id], constant = tensor.constant === null ? null : data.constants[tensor.constant];
  const pairs = [["type", tensor.type], ["shape", shapeText(tensor.shape)], ...quantization(tensor)];
  if (constant) {
    const [bytes, elements, sparse, zeros] = constant;
    pairs.push(["stored", `${sizeText(bytes)}${sparse ? ", sparse" : ""}`]);
    if (zeros) pairs.push(["zeros", `${zeros} of ${elements}, ${inUnit(zeros / elements, "share")}`]);
  }
  const links = others.slice(0, 20).map(node => element("div", {},
    element("button", {class: "link", on: () => go(node.id)}, `${tensor.from === node ? "from" : "to"} ${node.kind} ${leaf(graph, node)}`)));
  if (others.length > 20) links.push(element("div", {class: "faint"}, `and ${others.length - 20} more`));
  return element("div", {class: "tensor"}, element("p", {class: "name"}, tensor.name || "(no name)"), facts(pairs),
    ...links, ...constant ? histogram(constant) : []);
}

function kindShares(graph, ids, find) {
  const counts = new Map();
  for (const id of ids) {
    const {kind} = graph.nodes[id];
    if (kind !== "input" && kind !== "output") counts.set(kind, (counts.get(kind) || 0) + 1);
  }
  const sorted = [...counts].sort((a, b) => b[1] - a[1]), most = sorted.length ? sorted[0][1] : 1;
  const rows = sorted.flatMap(([kind, count]) => [
    element("button", {class: "link", on: () => find(kind)}, kind), element("span", {}, String(count)),
    element("b", {style: `width:${100 * count / most}%`})]);
  return element("div", {class: "shares"}, ...rows);
}

// Each measure of a node or scope in words; -1 is the whole graph.
const measured = (data, graph, item) => data.measures.flatMap(([name, unit], at) => {
  const value = colouring(data, at, graph).of(item);
  return value === null ? [] : [[name, inUnit(value, unit)]];
});

// Fills the panel; `act` has go(node), toggle(scope), find(text) and close().
function showPanel(panel, data, graph, chosen, act) {
  panel.classList.toggle("idle", chosen === null);
  panel.scrollTop = 0;
  const close = element("button", {class: "close", "aria-label": "Close", on: act.close}, "×");
  if (chosen === null) {
    const operators = graph.nodes.filter(node => node.kind !== "input" && node.kind !== "output");
    panel.replaceChildren(element("h2", {}, graph.name || data.title),
      facts([["operators", String(operators.length)], ["scopes", String(graph.scopes.length - 1)], ...measured(data, graph, -1)]),
      ...titled("Operators", [kindShares(graph, graph.nodes.map(node => node.id), act.find)]),
      element("p", {class: "faint"}, "Click an operator for its tensors, a scope to unfold it. Drag to move, scroll or pinch to zoom."));
  } else if (chosen < 0) {
    const scope = graph.scopes[-1 - chosen];
    panel.replaceChildren(close, element("h2", {}, scopeLabel(graph, scope)), element("p", {class: "name"}, scope.path),
      facts([["operators", String(scope.nodes.length)], ...measured(data, graph, chosen)]),
      element("button", {on: () => act.toggle(chosen)}, scope.open ? "Fold" : "Unfold"),
      ...titled("Operators", [kindShares(graph, scope.nodes, act.find)]));
  } else {
    const node = graph.nodes[chosen];
    const from = id => id >= 0 && graph.tensors[id].from ? [graph.tensors[id].from] : [];
    panel.replaceChildren(close, element("h2", {}, node.kind), element("p", {class: "name"}, node.name),
      facts(measured(data, graph, chosen)),
      ...titled("Options", Object.keys(node.attributes).length ? [facts(Object.entries(node.attributes))] : []),
      ...titled("Inputs", node.inputs.map(id => tensorCard(data, graph, id, from(id), act.go))),
      ...titled("Outputs", node.outputs.map(id => tensorCard(data, graph, id, graph.tensors[id].to, act.go))));
  }
}
