"use strict";
const cards = [...document.querySelectorAll("article")];
const search = document.getElementById("search");
const count = document.getElementById("count");
const full = document.getElementById("full");

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const card of cards) {
    card.hidden = !words.every((word) => card.dataset.text.includes(word));
    shown += !card.hidden;
  }
  count.value = words.length ? `${shown} of ${cards.length} jobs` : `${cards.length} jobs`;
}

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
  if (event.key === "/" && document.activeElement !== search) {
    event.preventDefault();
    search.focus();
  }
});
document.querySelector("main").addEventListener("click", (event) => {
  const small = event.target.closest(".picture img");
  if (!small || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  full.firstElementChild.src = small.src;
  full.showModal();
});
full.addEventListener("click", () => full.close());
