// A graph at work in a part of a page: what is shown where, and what mouse, fingers, keys and fields do.
const FOUND = 50, CLEAR = 60, LEAST = 0.02, MOST = 4;

// Draws `data` in the element `root`. `how.colour` is the name of the first colour; `how.embedded` leaves wheel and
// fingers to the page until the picture is clicked; `how.onChoose(item)`, `how.onToggle(path, open)`, `how.onAll(open)`
// and `how.onColour(name)` are called with what a person does.
function graphView(root, data, how = {}) {
  const canvas = element("canvas", {tabindex: "0", role: "img", "aria-label": `The graph of ${data.title}; search lists its operators`});
  const ctx = canvas.getContext("2d"), legend = element("div", {class: "legend"});
  const panel = element("aside", {"aria-live": "polite"});
  const search = element("input", {type: "search", placeholder: "Search names, kinds, types  ( / )", "aria-label": "Search",
    autocomplete: "off", spellcheck: "false"});
  const found = element("div", {class: "found", role: "listbox", hidden: ""});
  const colourField = element("select", {class: "colour", "aria-label": "colour"});
  const graphField = element("select", {class: "subgraph", "aria-label": "subgraph"});
  const view = {x: 0, y: 0, scale: 1};
  let shown = 0, chosen = null, picture = null, colours = null, near = new Set(), waiting = false;
  const current = () => data.graphs[shown];
  const size = () => ({width: canvas.clientWidth, height: canvas.clientHeight});

  function paint() { draw(ctx, size(), view, current(), picture, colours, chosen, near); }
  function redraw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; if (picture) paint(); });
  }
  function resize() {
    const ratio = window.devicePixelRatio || 1, {width, height} = size();
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    redraw();
  }
  function fit() {
    const {width, height} = size(), free = height - 44; // above the legend
    const scale = Math.min(width / (picture.width + 40), free / (picture.height + 20), 1.1);
    view.scale = Math.max(LEAST, scale);
    view.x = picture.width / 2 - width / view.scale / 2;
    view.y = picture.height / 2 - free / view.scale / 2;
    redraw();
  }
  // As large as can be read, from the top, if the whole would be too small to read.
  function begin() {
    fit();
    if (view.scale >= 0.5) return;
    const {width} = size();
    view.scale = Math.max(0.6, Math.min(1, width / (picture.width + 40)));
    const first = picture.boxes.reduce((a, b) => b.y < a.y || (b.y === a.y && b.x < a.x) ? b : a, picture.boxes[0]);
    const middle = picture.width * view.scale <= width ? picture.width / 2 : first.x + first.width / 2;
    view.x = middle - width / view.scale / 2;
    view.y = -24 / view.scale;
    redraw();
  }
  function zoom(factor, x, y) {
    const scale = Math.min(MOST, Math.max(LEAST, view.scale * factor));
    view.x += x / view.scale - x / scale;
    view.y += y / view.scale - y / scale;
    view.scale = scale;
    redraw();
  }

  const acts = {go: id => reveal(id), toggle, find: text => { search.value = text; list(); search.focus(); }, close: () => choose(null)};
  function choose(item, quietly = false) {
    chosen = item;
    near = new Set();
    const graph = current();
    if (item !== null && item >= 0) {
      const node = graph.nodes[item];
      for (const id of node.inputs) if (id >= 0 && graph.tensors[id].from) near.add(visibleOf(graph.tensors[id].from.id));
      for (const id of node.outputs) for (const other of graph.tensors[id].to) near.add(visibleOf(other.id));
    }
    showPanel(panel, data, graph, chosen, acts);
    redraw();
    if (how.onChoose && !quietly) how.onChoose(item);
  }
  // The node, or the outermost folded scope that hides it.
  function visibleOf(id) {
    const graph = current();
    let item = id;
    for (let scope = graph.scopes[graph.nodes[id].home]; scope.id; scope = graph.scopes[scope.parent]) {
      if (!scope.open) item = -1 - scope.id;
    }
    return item;
  }
  function toggle(item) {
    const before = picture.byItem.get(item), graph = current(), scope = graph.scopes[-1 - item];
    scope.open = !scope.open;
    picture = arrange(graph);
    const after = picture.byItem.get(item);
    view.x += after.x + after.anchor - before.x - before.anchor; // it stays where it was
    view.y += after.y - before.y;
    choose(item, true);
    if (how.onToggle) how.onToggle(scope.path, scope.open);
  }
  // Unfolds or folds the scope of a path, if there is one that can be seen.
  function setOpen(path, open) {
    const scope = current().scopes.find(one => one.id && one.path === path);
    if (!scope || scope.open === open) return;
    scope.open = open;
    picture = arrange(current());
    redraw();
  }
  function center(item) {
    const box = picture.byItem.get(item), {width, height} = size();
    if (view.scale < 0.6) view.scale = 0.9;
    view.x = box.x + box.anchor - width / view.scale / 2;
    view.y = box.y + Math.min(box.height, 80) / 2 - height / view.scale * (innerWidth <= 700 && !how.embedded ? 0.22 : 0.5);
  }
  // Moves to an operator, wherever it is.
  function look(id, graphAt = shown) {
    if (graphAt !== shown) { graphField.value = graphAt; show(graphAt); }
    const graph = current();
    for (let scope = graph.scopes[graph.nodes[id].home]; scope.id; scope = graph.scopes[scope.parent]) scope.open = true;
    picture = arrange(graph);
    center(id);
    redraw();
  }
  function reveal(id, quietly = false, graphAt = shown) {
    look(id, graphAt);
    choose(id, quietly);
  }
  function setAll(open) {
    for (const scope of current().scopes) if (scope.id) scope.open = open;
    picture = arrange(current());
    choose(null, true);
    begin();
  }
  function all(open) {
    setAll(open);
    if (how.onAll) how.onAll(open);
  }

  function itemAt(x, y) {
    const px = view.x + x / view.scale, py = view.y + y / view.scale;
    for (let at = picture.boxes.length - 1; at >= 0; at--) {
      const box = picture.boxes[at];
      if (px >= box.x && px <= box.x + box.width && py >= box.y && py <= box.y + (box.inner ? HEAD : box.height)) return box.item;
    }
    return null;
  }
  function press(item) {
    if (item === null) choose(null);
    else if (item < 0) toggle(item);
    else choose(item);
  }

  const fingers = new Map();
  let moved = 0;
  canvas.addEventListener("pointerdown", event => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, event);
    if (fingers.size === 1) moved = 0;
    found.hidden = true;
  });
  canvas.addEventListener("pointermove", event => {
    const last = fingers.get(event.pointerId);
    if (!last) {
      const item = itemAt(event.offsetX, event.offsetY);
      canvas.classList.toggle("over", item !== null);
      canvas.title = item === null ? "" : item < 0 ? current().scopes[-1 - item].path : current().nodes[item].name;
      return;
    }
    const dx = event.offsetX - last.offsetX, dy = event.offsetY - last.offsetY;
    if (fingers.size === 2) {
      const [other] = [...fingers.values()].filter(finger => finger.pointerId !== event.pointerId);
      const far = finger => Math.hypot(finger.offsetX - other.offsetX, finger.offsetY - other.offsetY) || 1;
      zoom(far(event) / far(last), (event.offsetX + other.offsetX) / 2, (event.offsetY + other.offsetY) / 2);
    }
    view.x -= dx / fingers.size / view.scale;
    view.y -= dy / fingers.size / view.scale;
    moved += Math.abs(dx) + Math.abs(dy);
    canvas.classList.toggle("moving", moved > 4);
    fingers.set(event.pointerId, event);
    redraw();
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, event => {
    const alone = fingers.size === 1;
    fingers.delete(event.pointerId);
    canvas.classList.remove("moving");
    if (name === "pointerup" && alone && moved <= 4) press(itemAt(event.offsetX, event.offsetY));
  });
  canvas.addEventListener("wheel", event => {
    if (how.embedded && document.activeElement !== canvas && !event.ctrlKey) return; // the page scrolls
    event.preventDefault();
    const step = event.deltaMode ? 30 * event.deltaY : event.deltaY;
    zoom(Math.exp(-Math.max(-120, Math.min(120, step)) / 300), event.offsetX, event.offsetY);
  }, {passive: false});

  // Along the edges from the chosen operator, or the picture itself.
  function step(event) {
    const graph = current(), node = chosen !== null && chosen >= 0 ? graph.nodes[chosen] : null;
    if (node && event.key === "ArrowDown") return node.outputs.flatMap(id => graph.tensors[id].to)[0];
    if (node && event.key === "ArrowUp") return node.inputs.filter(id => id >= 0).map(id => graph.tensors[id].from).find(one => one);
    const [dx, dy] = {ArrowLeft: [-60, 0], ArrowRight: [60, 0], ArrowUp: [0, -60], ArrowDown: [0, 60]}[event.key];
    view.x += dx / view.scale; view.y += dy / view.scale;
    redraw();
  }
  canvas.addEventListener("keydown", event => {
    const {width, height} = size();
    if (event.key.startsWith("Arrow")) { const next = step(event); if (next) reveal(next.id); }
    else if (event.key === "+" || event.key === "=") zoom(1.25, width / 2, height / 2);
    else if (event.key === "-") zoom(0.8, width / 2, height / 2);
    else if (event.key === "0") fit();
    else if (event.key === "Escape") { if (root.classList.contains("large")) enlarge(); else choose(null); }
    else if (event.key === "Enter" && chosen !== null && chosen < 0) toggle(chosen);
    else return;
    event.preventDefault();
  });
  if (!how.embedded) addEventListener("keydown", event => {
    if (event.key === "/" && document.activeElement !== search) { event.preventDefault(); search.focus(); search.select(); }
  });

  function matches(text) {
    const graph = current(), wanted = text.toLowerCase().split(/\s+/).filter(word => word);
    const said = node => `${node.kind} ${node.name} ${node.outputs.map(id => `${graph.tensors[id].name} ${graph.tensors[id].type}`).join(" ")}`;
    return graph.nodes.filter(node => { const own = said(node).toLowerCase(); return wanted.every(word => own.includes(word)); });
  }
  function list() {
    found.hidden = !search.value.trim();
    if (found.hidden) return;
    const hits = matches(search.value);
    const note = hits.length > FOUND ? `the first ${FOUND} of ${hits.length}` : `${hits.length} found`;
    found.replaceChildren(element("p", {}, note), ...hits.slice(0, FOUND).map(node => element("button",
      {role: "option", on: () => { reveal(node.id); found.hidden = true; }}, element("strong", {}, node.kind), ` ${node.name}`)));
  }
  search.addEventListener("input", list);
  search.addEventListener("focus", list);
  search.addEventListener("keydown", event => {
    const first = found.querySelector("button");
    if (event.key === "Enter" && first) { first.click(); canvas.focus(); }
    if (event.key === "ArrowDown" && first) { first.focus(); event.preventDefault(); }
    if (event.key === "Escape") { found.hidden = true; canvas.focus(); }
  });
  found.addEventListener("keydown", event => {
    const next = {ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling"}[event.key];
    if (next) { event.preventDefault(); (document.activeElement[next] || search).focus(); }
    if (event.key === "Escape") { found.hidden = true; canvas.focus(); }
  });

  function colour() {
    const choice = colourField.value;
    colours = colouring(data, choice === "kind" || choice === "type" ? choice : Number(choice), current());
    if (colours.value) {
      const {low, high, paint: painted} = colours, stops = [0, 0.25, 0.5, 0.75, 1].map(part => painted(low + part * (high - low)));
      const over = colours.unit === "dB" ? " and over" : "";
      legend.replaceChildren(element("span", {}, colours.name), element("span", {}, inUnit(low, colours.unit)),
        element("span", {class: "scale", style: `background:linear-gradient(90deg,${stops})`}), element("span", {}, inUnit(high, colours.unit) + over));
    } else {
      const ports = ["input", "output", "not an operator"];
      legend.replaceChildren(...colours.classes.filter(([name]) => !ports.includes(name)).slice(0, 12).map(([name, count]) => element("span", {},
        element("i", {style: `background:${rim(colours.hues.get(name))}`}), `${name.replace("_", " ")} ${count}`)));
    }
    redraw();
  }
  function show(at) {
    shown = at;
    const graph = current();
    if (!graph.seen) { graph.seen = true; unfoldSome(graph, CLEAR); }
    picture = arrange(graph);
    choose(null, true);
    colour();
    begin();
  }
  function setColour(name) {
    const at = [...colourField.options].findIndex(one => one.textContent === name);
    if (at >= 0) colourField.selectedIndex = at;
    colour();
  }
  function enlarge() {
    large.textContent = root.classList.toggle("large") ? "Smaller" : "Enlarge";
    resize();
    begin();
  }

  for (const [value, name] of [["kind", "kind of operator"], ["type", "element type"], ...data.measures.map(([name], at) => [at, name])]) {
    colourField.append(element("option", {value}, name));
  }
  colourField.addEventListener("change", () => { colour(); if (how.onColour) how.onColour(colourField.selectedOptions[0].textContent); });
  data.graphs.forEach((graph, at) => graphField.append(element("option", {value: at}, graph.name || `subgraph ${at}`)));
  graphField.addEventListener("change", () => show(Number(graphField.value)));
  const subgraphs = element("label", data.graphs.length < 2 ? {hidden: ""} : {}, "subgraph ", graphField);
  const large = element("button", {class: "enlarge", type: "button", on: enlarge}, "Enlarge");
  root.append(
    element("div", {class: "bar"}, element("h1", {title: data.title}, data.title), element("div", {class: "search"}, search, found), subgraphs,
      element("label", {}, "colour ", colourField), element("span", {class: "buttons"},
        element("button", {class: "fit", title: "Show everything (0)", on: fit}, "Fit"),
        element("button", {class: "unfold", on: () => all(true)}, "Unfold all"), " ", element("button", {class: "fold", on: () => all(false)}, "Fold all"),
        ...how.embedded ? [" ", large] : [])),
    element("div", {class: "stage"}, canvas, legend, panel));
  root.classList.add("graph");
  root.classList.toggle("embedded", Boolean(how.embedded));
  dark.addEventListener("change", () => { readPalette(); colour(); });
  new ResizeObserver(resize).observe(canvas);
  readPalette();
  resize();
  if (how.colour) setColour(how.colour);
  if (data.graphs.length) show(0);
  return {
    canvas, view, current, size, choose, look, reveal, setColour, setOpen, setAll, fit, paint, data,
    get picture() { return picture; }, get colours() { return colours; }, get chosen() { return chosen; }, get shown() { return shown; },
  };
}
