// Filters the cards. Without it the page shows all of them.
"use strict";

const form = document.getElementById("filter");
const cards = [...document.querySelectorAll(".card")];
const words = cards.map((card) => card.dataset.words);
const shown = document.getElementById("shown");

function filter() {
  const given = new FormData(form);
  const states = new Set(given.getAll("state"));
  const wanted = String(given.get("text")).toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  cards.forEach((card, number) => {
    const fits = states.has(card.dataset.state) && wanted.every((word) => words[number].includes(word));
    card.hidden = !fits;
    count += fits;
  });
  for (const section of document.querySelectorAll("section")) {
    section.hidden = !section.querySelector(".card:not([hidden])");
  }
  shown.textContent = count === cards.length ? "" : `${count} of ${cards.length} shown`;
}

form.hidden = false;
form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
filter(); // a reload keeps what was typed
