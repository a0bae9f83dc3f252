// The page of a comparison: two graphs whose matched operators are chosen together, and the table of layers.
const ids = ["view-before", "view-after"], partners = [new Map(), new Map()];
for (const [mine, its] of held("pairs")) if (mine && its) {
  partners[0].set(String(mine), its);
  partners[1].set(String(its), mine);
}
const views = [];
ids.forEach((id, side) => {
  const root = document.getElementById(id), other = () => views[1 - side];
  views.push(graphView(root, linked(held(`${id}-data`)), {
    embedded: true, colour: root.dataset.colour,
    onChoose: item => {
      const partner = item !== null && item >= 0 ? partners[side].get(String([views[side].shown, item])) : null;
      if (partner) other().reveal(partner[1], true, partner[0]);
      else other().choose(null, true);
    },
    onToggle: (path, open) => other().setOpen(path, open),
    onAll: open => other().setAll(open),
    onColour: name => other().setColour(name),
  }));
});
function reveal(row, scroll) {
  row.places.forEach((place, side) => { if (place) views[side].reveal(place[1], true, place[0]); });
  if (scroll) document.getElementById(ids[0]).scrollIntoView({block: "start"});
}
const list = document.getElementById("layer-list");
const table = list ? layerSection(list, held("layer-data"), reveal) : null;
const falls = document.querySelectorAll("ol.falls button");
for (const button of falls) {
  button.addEventListener("click", () => reveal(table.layers[Number(button.dataset.layer)], true));
}
if (falls.length) table.layers[Number(falls[0].dataset.layer)].places.forEach((place, side) => { if (place) views[side].look(place[1], place[0]); });
