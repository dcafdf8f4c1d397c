// Forms of the pages on test calls: what was entered goes to the service as JSON, then the page is opened again.

import { ask, toast } from "./common.js";

const read = (form) => {
  const body = {};
  for (const each of form.elements) {
    if (each.type === "checkbox") {
      if (each.checked) body[each.name] = true;
      continue;
    }
    if (!each.name || (each.value === "" && !each.required && !("keep" in each.dataset))) continue;
    body[each.name] = each.dataset.sort === "int" ? Number(each.value) : each.value;
  }
  return body;
};

for (const form of document.querySelectorAll("form[data-post]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      const answer = await ask(form.dataset.post, read(form));
      const { id } = await answer.json();
      toast(form.dataset.done);
      if (form.dataset.next) location.assign(form.dataset.next + encodeURIComponent(id));
      else location.reload();
    } catch {
      button.disabled = false;
    }
  });
}

// What takes longer than a second says that it is under way, until the next page is there.
const soon = (event) => {
  const words = event.target.closest("[data-reading]")?.dataset.reading;
  if (words && !event.defaultPrevented) setTimeout(() => toast(words), 1000);
};
document.addEventListener("submit", soon);
document.addEventListener("click", (event) => { if (event.target.closest("a")) soon(event); });

for (const each of document.querySelectorAll("[data-print]")) each.addEventListener("click", () => window.print());
// A choice is made in one go; a day is typed figure by figure, and asked for by the button.
for (const form of document.querySelectorAll("form[data-goes]"))
  form.addEventListener("change", (event) => { if (event.target.matches("select")) form.requestSubmit(); });
