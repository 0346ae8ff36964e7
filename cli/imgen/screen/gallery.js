"use strict";
const cards = [...document.querySelectorAll("article")];
const search = document.getElementById("search");
const count = document.getElementById("count");
const full = document.getElementById("full");
const caption = document.getElementById("caption");
const file = document.getElementById("file");
const none = document.getElementById("none");
const selects = [...document.querySelectorAll("select[data-filter]")];
const whole = count.value;

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const chosen = selects.filter((select) => select.value);
  let shown = 0;
  for (const card of cards) {
    const said = words.every((word) => card.dataset.text.includes(word));
    const kept = chosen.every((select) => card.dataset[select.dataset.filter] === select.value);
    card.hidden = !(said && kept);
    shown += !card.hidden;
  }
  none.hidden = shown > 0;
  count.value = words.length || chosen.length ? `${shown} of ${cards.length} jobs` : whole;
}

// The picture at which the zoom is, of those that the search leaves.
let current = null;
function pictures() {
  return [...document.querySelectorAll("article:not([hidden]) .picture img")];
}
function zoom(small) {
  const link = small.closest(".picture");
  current = small;
  full.firstElementChild.src = small.src;
  full.firstElementChild.alt = small.alt;
  caption.textContent = `${small.alt} (${link.title})`;
  file.hidden = !link.hasAttribute("href");
  if (!file.hidden) file.href = link.getAttribute("href");
  if (!full.open) full.showModal();
}
function step(by) {
  const all = pictures();
  const next = all[all.indexOf(current) + by];
  if (next) zoom(next);
}
for (const select of selects) select.addEventListener("change", filter);

// The address keeps the search, so that it survives a reload and can be passed on.
const asked = "#q=";
if (location.hash.startsWith(asked)) {
  search.value = decodeURIComponent(location.hash.slice(asked.length));
  filter();
}
search.addEventListener("input", () => {
  filter();
  history.replaceState(null, "", asked + encodeURIComponent(search.value));
});
document.addEventListener("keydown", (event) => {
  if (full.open && event.key === "ArrowRight") step(1);
  if (full.open && event.key === "ArrowLeft") step(-1);
  if (event.key === "Escape" && document.activeElement === search && search.value) {
    search.value = "";
    search.dispatchEvent(new Event("input"));
  }
  if (event.key === "/" && document.activeElement !== search) {
    event.preventDefault();
    search.focus();
  }
});
document.querySelector("main").addEventListener("click", (event) => {
  const small = event.target.closest(".picture img");
  if (!small || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  zoom(small);
});
document.querySelector("main").addEventListener("keydown", (event) => {
  const link = event.target.closest(".picture");
  if (!link || event.key !== "Enter" || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  zoom(link.firstElementChild);
});
full.addEventListener("click", (event) => {
  if (event.target !== file) full.close();
});
