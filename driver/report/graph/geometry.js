"use strict";
// Where everything is. A scope's rows and places come with the page; a scope that is unfolded is larger than when it was
// laid out, so that its neighbours move aside: what stood in one line still does.
const NODE = [168, 40], SCOPE = [200, 44], BEND = 8, GAP = 24, ROW_GAP = 42, SIDE = 18, HEAD = 30, FOOT = 12;
const held = id => JSON.parse(document.getElementById(id).textContent);
// The data of a page with its records as objects, linked to each other.
function linked(data) {
  for (const graph of data.graphs) {
    graph.nodes = graph.nodes.map(([kind, family, inputs, outputs, attributes], id) =>
      ({id, kind, family, inputs, outputs, attributes, home: 0}));
    graph.tensors = graph.tensors.map(([name, type, shape, scales, zeros, scaleCount, axis, constant]) =>
      ({name, type, shape, scales, zeros, scaleCount, axis, constant, from: null, to: []}));
    graph.scopes = graph.scopes.map(([path, parent, items, ends, enters, leaves, layer, x, bends], id) =>
      ({id, path, parent, items, ends, enters, leaves, layer, x, bends, nodes: [], open: id === 0}));
    for (const node of graph.nodes) {
      const named = graph.tensors[node.outputs.length ? node.outputs[0] : node.kind === "output" ? node.inputs[0] : -1];
      node.name = named ? named.name : "";
      for (const tensor of node.outputs) graph.tensors[tensor].from = node;
      for (const tensor of new Set(node.inputs)) if (tensor >= 0) graph.tensors[tensor].to.push(node);
    }
    for (const scope of [...graph.scopes].reverse()) {
      for (const item of scope.items) {
        if (item >= 0) { graph.nodes[item].home = scope.id; scope.nodes.push(item); }
        else scope.nodes.push(...graph.scopes[-1 - item].nodes);
      }
    }
  }
  return data;
}

// The elements of a scope from left to right: items, ports, then the bends of long edges; made once.
function elementsOf(scope) {
  if (scope.elements) return scope.elements;
  const elements = scope.layer.map((layer, at) => ({at, layer, x: scope.x[at], left: BEND / 2, right: BEND / 2}));
  scope.chains = new Map();
  for (const [source, ...places] of scope.bends) {
    const chain = places.map((x, step) => 
      ({at: -1, layer: scope.layer[source] + 1 + step, x, left: BEND / 2, right: BEND / 2}));
    scope.chains.set(source, chain);
    for (const bend of chain) elements.push(bend);
  }
  scope.rows = elements.reduce((most, element) => Math.max(most, element.layer + 1), 0);
  scope.ordered = [...elements].sort((a, b) => a.x - b.x);
  scope.elements = elements;
  return elements;
}

// The distances of elements so that none overlaps in its row; those with the same x keep the same x.
function stretch(ordered, rows) {
  const last = new Array(rows).fill(null);
  let before = 0, place = 0;
  for (let start = 0; start < ordered.length;) {
    let end = start;
    const x = ordered[start].x;
    let next = start ? place + x - before : 0;
    for (; end < ordered.length && ordered[end].x === x; end++) {
      const other = last[ordered[end].layer];
      if (other) next = Math.max(next, other.placed + other.right + GAP + ordered[end].left);
    }
    for (; start < end; start++) {
      ordered[start].placed = next;
      last[ordered[start].layer] = ordered[start];
    }
    before = x; place = next;
  }
}

// The size of a scope's inside, and where its items and edges are in it.
function inside(graph, scope) {
  const elements = elementsOf(scope), count = scope.items.length;
  const boxes = scope.items.map(item => {
    if (item >= 0) return {item, width: NODE[0], height: NODE[1], anchor: NODE[0] / 2, inner: null};
    const child = graph.scopes[-1 - item];
    if (!child.open) return {item, width: SCOPE[0], height: SCOPE[1], anchor: SCOPE[0] / 2, inner: null};
    const inner = inside(graph, child);
    return {item, width: inner.width, height: inner.height, anchor: inner.enters ?? inner.leaves ?? inner.width / 2, inner};
  });
  boxes.forEach((box, at) => { elements[at].left = box.anchor; elements[at].right = box.width - box.anchor; });
  stretch(scope.ordered, scope.rows);
  let left = Infinity, right = -Infinity;
  for (const element of elements) {
    left = Math.min(left, element.placed - element.left);
    right = Math.max(right, element.placed + element.right);
  }
  const heights = new Array(scope.rows).fill(0);
  boxes.forEach((box, at) => { heights[elements[at].layer] = Math.max(heights[elements[at].layer], box.height); });
  const tops = [];
  let y = scope.id ? HEAD : 0;
  heights.forEach((height, row) => { tops.push(y); y += height + (row < heights.length - 1 ? rowGap(scope, row) : 0); });
  const bottom = y + FOOT, shift = SIDE - left;
  boxes.forEach((box, at) => {
    box.x = elements[at].placed + shift - box.anchor;
    box.y = tops[elements[at].layer] + (heights[elements[at].layer] - box.height) / 2;
  });
  const at = index => elements[index].placed + shift;
  const enters = scope.enters ? at(count) : null, leaves = scope.leaves ? at(count + Number(scope.enters)) : null;
  const width = Math.max(right - left + 2 * SIDE, SCOPE[0]);
  const result = {width, height: bottom, boxes, edges: [], enters, leaves};
  for (let end = 0; end < scope.ends.length; end += 2) {
    const tail = scope.ends[end], head = scope.ends[end + 1], points = [];
    const source = tail < count ? boxes[tail] : null, target = head < count ? boxes[head] : null;
    const from = source ? tail : count, to = target ? head : count + Number(scope.enters);
    const first = elements[from].layer, final = elements[to].layer;
    if (source) {
      const x = source.inner && source.inner.leaves !== null ? source.x + source.inner.leaves : at(from);
      points.push([x, source.y + source.height], [x, tops[first] + heights[first]]);
    } else points.push([enters, 0], [enters, tops[first]]);
    const chain = scope.chains.get(from);
    if (chain) for (const bend of chain.slice(0, final - first - 1)) {
      const x = bend.placed + shift;
      points.push([x, tops[bend.layer]], [x, tops[bend.layer] + heights[bend.layer]]);
    }
    if (target) {
      const x = target.inner && target.inner.enters !== null ? target.x + target.inner.enters : at(to);
      points.push([x, tops[final]], [x, target.y]);
    } else points.push([leaves, tops[final]], [leaves, bottom]);
    result.edges.push({points, from: source && source.item, to: target && target.item});
  }
  return result;
}

// Rows are further apart where many edges run between them; ports take little room.
function rowGap(scope, row) {
  if (scope.id && (row === 0 && scope.enters)) return 18;
  if (scope.id && row === scope.rows - 2 && scope.leaves) return 18;
  return ROW_GAP;
}

// Everything that is visible with its place in the whole picture: boxes (outer ones first) and edges.
function arrange(graph) {
  const whole = inside(graph, graph.scopes[0]);
  const boxes = [], edges = [], byItem = new Map();
  const place = (part, x, y, depth) => {
    for (const edge of part.edges) {
      const points = edge.points.map(([px, py]) => [px + x, py + y]);
      let low = Infinity, high = -Infinity;
      for (const [px] of points) { low = Math.min(low, px); high = Math.max(high, px); }
      edges.push({...edge, points, low, high, top: points[0][1], bottom: points[points.length - 1][1]});
    }
    for (const box of part.boxes) {
      const placed = {...box, x: box.x + x, y: box.y + y, depth};
      boxes.push(placed);
      byItem.set(box.item, placed);
      if (box.inner) place(box.inner, placed.x, placed.y, depth + 1);
    }
  };
  place(whole, 0, 0, 0);
  return {boxes, edges, byItem, width: whole.width, height: whole.height};
}

// Unfolds the largest scopes that are still clear at a glance.
function unfoldSome(graph, most) {
  let visible = graph.scopes[0].items.length;
  const closed = graph.scopes[0].items.filter(item => item < 0).map(item => graph.scopes[-1 - item]);
  while (closed.length) {
    closed.sort((a, b) => a.items.length - b.items.length);
    const scope = closed.shift();
    if (visible + scope.items.length - 1 > most) break;
    scope.open = true;
    visible += scope.items.length - 1;
    for (const item of scope.items) if (item < 0) closed.push(graph.scopes[-1 - item]);
  }
}
