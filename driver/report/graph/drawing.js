// How it looks: colours, texts that fit, boxes and edges on a canvas.
const HUES = {
  linear: 168, spatial: 190, recurrent: 150, activations: 28, arithmetic: 262, elementwise: 285, comparison: 300,
  reduction: 335, shaping: 212, indexing: 225, filling: 240, sampling: 200, quantization: 50, control_flow: 0,
  variables: 12, input: 95, output: 95, legacy: 180, custom: 350, stablehlo: 320,
};
// Hues of what a target says of operators, and of how they differ from those of another model.
const WORDS = {taken: 150, refused: 30, wrong: 0, "the same": 200, "another type": 260, "other options": 40, added: 140, removed: 0};
const IDENTICAL = 1000, BEST = 40; // dB: the number that stands for "no difference", and where green begins
const dark = matchMedia("(prefers-color-scheme: dark)");
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const palette = {};
function readPalette() {
  for (const name of ["ink", "paper", "faint", "rule", "bar", "field", "edge", "scope", "strong"]) {
    palette[name] = css(`--${name}`);
  }
}
const tint = hue => dark.matches ? `hsl(${hue} 32% 25%)` : `hsl(${hue} 48% 88%)`;
const rim = hue => dark.matches ? `hsl(${hue} 34% 44%)` : `hsl(${hue} 36% 58%)`;
const heat = share => dark.matches ? `hsl(18 ${30 + 45 * share}% ${20 + 28 * share}%)` : `hsl(18 85% ${96 - 38 * share}%)`;
// Of a ratio in dB: red where noise drowns the signal, amber, then green.
const ratioColour = share => dark.matches ? `hsl(${4 + 156 * share} 48% 32%)` : `hsl(${4 + 156 * share} 62% ${78 + 6 * share}%)`;
const cool = () => dark.matches ? "#262626" : "#fff";

const shapeText = shape => shape === null ? "any rank" : shape.length ? shape.map(n => n < 0 ? "?" : n).join("×") : "scalar";
const shortType = type => type.replace(/ per-(tensor|channel)| blockwise/, "");
const number = value => value === null ? "not finite" : Number.isInteger(value) ? String(value) : Number(value.toPrecision(5)).toString();
function sizeText(bytes) {
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (bytes < 1000 || unit === "GB") return `${unit === "B" ? bytes : bytes.toPrecision(3)} ${unit}`;
    bytes /= 1000;
  }
}
function inUnit(value, unit) {
  if (unit === "bytes") return sizeText(value);
  if (unit === "share") return `${number(Math.round(1000 * value) / 10)} %`;
  if (unit === "dB") return value >= IDENTICAL ? "identical" : value <= -IDENTICAL ? "nothing left" : `${value.toFixed(1)} dB`;
  return unit === "class" ? value : `${number(Number(value.toPrecision(3)))} ${unit}`;
}

// The number of a scope from those of its nodes; null if none has one.
function joined(together, ids, own, weights) {
  if (!ids.length) return null;
  const total = of => ids.reduce((sum, id) => sum + of(id), 0);
  if (together === "sum") return total(id => own[id]);
  if (together === "mean") return total(id => own[id] * weights[id]) / total(id => weights[id]);
  return ids.reduce((best, id) => Math[together](best, own[id]), own[ids[0]]);
}

// What colours the nodes: a class of each (with a hue), or a number of each.
function colouring(data, choice, graph) {
  if (choice === "kind") return classed(graph, node => node.family, name => HUES[name] ?? 350);
  if (choice === "type") return classed(graph, node => shortType((graph.tensors[node.outputs[0] ?? node.inputs[0]] || {type: "none"}).type));
  const [name, unit, together, values, weights] = data.measures[choice], own = values[data.graphs.indexOf(graph)];
  if (unit === "class") {
    return {...classed(graph, node => own[node.id] ?? "not an operator", one => WORDS[one]), name, unit, of: item => item >= 0 ? own[item] : null};
  }
  const scopes = graph.scopes.map(scope => joined(together, scope.nodes.filter(id => own[id] !== null), own,
    weights.length ? weights[data.graphs.indexOf(graph)] : null));
  const value = item => item >= 0 ? own[item] : scopes[-1 - item];
  const known = own.filter(one => one !== null);
  let low = Math.min(...known.length ? known : [0]), high = Math.max(...known.length ? known : [0]);
  if (unit === "bytes") high = Math.max(high, ...scopes.slice(1).filter(one => one !== null));
  if (unit === "share") { low = 0; high = 1; }
  if (unit === "dB") {
    low = 0; high = BEST;
    const share = one => Math.min(1, Math.max(0, one / BEST));
    return {name, unit, low, high, value, of: value, paint: together === "min" ? one => ratioColour(share(one)) : one => heat(share(one))};
  }
  const scale = unit === "bytes" ? Math.log1p : one => one;
  const floor = unit === "bytes" ? 0.12 : 0; // the least bytes are not nothing
  const share = one => high > low ? floor + (1 - floor) * (scale(one) - scale(low)) / (scale(high) - scale(low)) : 1;
  return {name, unit, low, high, value, of: value, paint: one => heat(share(one))};
}
function classed(graph, of, own = () => undefined) {
  const counts = new Map();
  for (const node of graph.nodes) counts.set(of(node), (counts.get(of(node)) || 0) + 1);
  const classes = [...counts].sort((a, b) => b[1] - a[1]);
  const hues = new Map(classes.map(([name], at) => [name, own(name) ?? (168 + 137 * at) % 360]));
  return {classes, hues, hue: node => hues.get(of(node)), value: null};
}

const widths = new Map(), LONGEST = 200;
function fitted(ctx, text, width, keepEnd) {
  const key = `${ctx.font}|${width}|${keepEnd}|${text}`;
  let shown = widths.get(key);
  if (shown === undefined) {
    text = keepEnd ? text.slice(-LONGEST) : text.slice(0, LONGEST);
    shown = text;
    if (ctx.measureText(text).width > width) {
      let least = 0, most = text.length;
      while (least < most) {
        const middle = (least + most + 1) >> 1;
        const cut = keepEnd ? `…${text.slice(text.length - middle)}` : `${text.slice(0, middle)}…`;
        if (ctx.measureText(cut).width <= width) least = middle; else most = middle - 1;
      }
      shown = keepEnd ? `…${text.slice(text.length - least)}` : `${text.slice(0, least)}…`;
    }
    if (widths.size > 20000) widths.clear();
    widths.set(key, shown);
  }
  return shown;
}

function leaf(graph, node) {
  const path = graph.scopes[node.home].path, name = node.name.split(";", 1)[0];
  return path && name.startsWith(`${path}/`) ? name.slice(path.length + 1) : name;
}
function scopeLabel(graph, scope) {
  const {path} = graph.scopes[scope.parent];
  return path && scope.path.startsWith(`${path}/`) ? scope.path.slice(path.length + 1) : scope.path;
}

function curve(ctx, points, smooth) {
  ctx.moveTo(points[0][0], points[0][1]);
  for (let at = 1; at < points.length; at++) {
    const [x, y] = points[at], [px, py] = points[at - 1];
    if (smooth && x !== px) ctx.bezierCurveTo(px, (py + y) / 2, x, (py + y) / 2, x, y);
    else ctx.lineTo(x, y);
  }
}

// Draws the picture; `view` has x and y (the point of the picture in the upper left corner) and scale.
function draw(ctx, size, view, graph, picture, colours, chosen, near) {
  const ratio = window.devicePixelRatio || 1;
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, size.width, size.height);
  ctx.setTransform(ratio * view.scale, 0, 0, ratio * view.scale, -view.x * view.scale * ratio, -view.y * view.scale * ratio);
  const right = view.x + size.width / view.scale, bottom = view.y + size.height / view.scale;
  const seen = box => box.x < right && box.x + box.width > view.x && box.y < bottom && box.y + box.height > view.y;
  const thin = 1 / Math.max(view.scale, 0.4), detailed = view.scale > 0.3;
  const boxes = picture.boxes.filter(seen);
  for (const box of boxes) if (box.inner) drawScope(ctx, box, thin, chosen);
  const edges = picture.edges.filter(e => e.low < right && e.high > view.x && e.top < bottom && e.bottom > view.y);
  for (const strong of [false, true]) {
    ctx.beginPath();
    for (const edge of edges) {
      const touches = chosen !== null && (edge.from === chosen || edge.to === chosen);
      if (touches === strong) curve(ctx, edge.points, detailed);
    }
    ctx.strokeStyle = strong ? palette.strong : palette.edge;
    ctx.lineWidth = strong ? 2.2 * thin : 1.2 * thin;
    ctx.stroke();
  }
  if (detailed) drawArrows(ctx, edges, chosen);
  if (view.scale > 0.55) drawShapes(ctx, graph, edges);
  if (detailed) for (const box of boxes) if (box.inner) drawTitle(ctx, graph, box);
  for (const box of boxes) if (!box.inner) drawBox(ctx, graph, box, colours, thin, chosen, near, detailed);
}

function drawArrows(ctx, edges, chosen) {
  for (const edge of edges) {
    if (edge.to === null) continue;
    const [x, y] = edge.points[edge.points.length - 1];
    ctx.fillStyle = chosen !== null && (edge.from === chosen || edge.to === chosen) ? palette.strong : palette.edge;
    ctx.beginPath();
    ctx.moveTo(x, y); ctx.lineTo(x - 4, y - 7); ctx.lineTo(x + 4, y - 7);
    ctx.fill();
  }
}

function drawShapes(ctx, graph, edges) {
  ctx.font = "10.5px system-ui, sans-serif";
  ctx.fillStyle = palette.faint;
  ctx.textAlign = "left";
  const done = new Set();
  for (const edge of edges) {
    if (edge.from === null || edge.from < 0 || done.has(edge.from)) continue;
    done.add(edge.from);
    const outputs = graph.nodes[edge.from].outputs.map(id => graph.tensors[id]);
    const tensor = outputs.find(one => one.to.length);
    if (tensor) ctx.fillText(shapeText(tensor.shape), edge.points[0][0] + 5, edge.points[0][1] + 13);
  }
}

const ground = box => box.depth % 2 ? palette.field : palette.scope;
function drawScope(ctx, box, thin, chosen) {
  ctx.beginPath();
  ctx.roundRect(box.x, box.y, box.width, box.height, 8);
  ctx.fillStyle = ground(box);
  ctx.fill();
  ctx.lineWidth = box.item === chosen ? 2.2 * thin : thin;
  ctx.strokeStyle = box.item === chosen ? palette.strong : palette.rule;
  ctx.stroke();
}
// Over the edges, which pass behind it.
function drawTitle(ctx, graph, box) {
  ctx.font = "600 12px system-ui, sans-serif";
  ctx.textAlign = "left";
  const title = `▾ ${fitted(ctx, scopeLabel(graph, graph.scopes[-1 - box.item]), box.width - 40, true)}`;
  ctx.fillStyle = ground(box);
  ctx.fillRect(box.x + 8, box.y + 6, ctx.measureText(title).width + 4, 16);
  ctx.fillStyle = palette.faint;
  ctx.fillText(title, box.x + 10, box.y + 18);
}

function drawBox(ctx, graph, box, colours, thin, chosen, near, detailed) {
  const node = box.item >= 0 ? graph.nodes[box.item] : null, scope = node ? null : graph.scopes[-1 - box.item];
  let fill = node ? cool() : palette.scope, line = palette.edge;
  if (colours.value) {
    const value = colours.value(box.item);
    if (value !== null) fill = colours.paint(value);
  } else if (node) {
    line = rim(colours.hue(node));
    fill = detailed ? tint(colours.hue(node)) : line; // strong where there is no text to read
  }
  const marked = box.item === chosen || near.has(box.item);
  const round = node && (node.kind === "input" || node.kind === "output") ? box.height / 2 : 6;
  ctx.lineWidth = (box.item === chosen ? 2.6 : marked ? 1.8 : 1) * thin;
  ctx.strokeStyle = marked ? palette.strong : line;
  if (scope && detailed) { // a second sheet behind: there is more inside
    ctx.beginPath();
    ctx.roundRect(box.x + 4, box.y + 4, box.width, box.height, round);
    ctx.fillStyle = palette.scope;
    ctx.fill(); ctx.stroke();
  }
  ctx.beginPath();
  ctx.roundRect(box.x, box.y, box.width, box.height, round);
  ctx.fillStyle = fill;
  ctx.fill(); ctx.stroke();
  if (!detailed) return;
  const width = box.width - 20, middle = box.x + box.width / 2;
  ctx.textAlign = "center";
  ctx.fillStyle = palette.ink;
  ctx.font = "600 13px system-ui, sans-serif";
  const title = scope ? `▸ ${fitted(ctx, scopeLabel(graph, scope), width - 14, true)}` : fitted(ctx, node.kind, width, false);
  ctx.fillText(title, middle, box.y + 17);
  ctx.font = "11px system-ui, sans-serif";
  ctx.fillStyle = colours.value ? palette.ink : palette.faint;
  let note = scope ? `${scope.nodes.length} operators` : leaf(graph, node);
  if (colours.value) {
    const value = colours.value(box.item);
    if (value !== null) note = inUnit(value, colours.unit);
  }
  ctx.fillText(fitted(ctx, note, width, true), middle, box.y + 32);
}
