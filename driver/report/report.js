// The report's page: the graph beside the worst layers, and the table of all of them.
const place = document.getElementById("view");
const view = place ? graphView(place, linked(held("graph-data")), {embedded: true, colour: place.dataset.colour}) : null;
function reveal(row, scroll) {
  const found = row.places[1];
  if (!view || !found) return;
  view.reveal(found[1], true, found[0]);
  if (scroll) place.scrollIntoView({block: "center"});
}
const list = document.getElementById("layer-list");
const table = list ? layerSection(list, held("layer-data"), reveal) : null;
const first = document.querySelector("ol.falls button");
if (first && view) {
  const found = table.layers[Number(first.dataset.layer)].places[1];
  if (found) view.look(found[1], found[0]);
}
for (const button of document.querySelectorAll("ol.falls button")) {
  button.addEventListener("click", () => reveal(table.layers[Number(button.dataset.layer)], innerWidth <= 700));
}
const written = document.getElementById("written");
if (written) written.textContent = document.lastModified;
