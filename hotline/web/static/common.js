// Asking the service and telling the reader what went wrong.

export async function ask(path, body) {
  const options = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    toast(document.documentElement.lang === "en" ? "The service can't be reached. Is it running?" : "连不上服务，请确认它在运行。", true);
    throw error;
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({ error: { message: answer.statusText, way_out: "" } }));
  toast(`${said.error.message}. ${said.error.way_out}`, true);
  throw new Error(said.error.code || String(answer.status));
}

let hiding;
export function toast(words, bad = false) {
  const box = document.getElementById("toast");
  box.textContent = words;
  box.className = bad ? "bad" : "";
  box.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { box.hidden = true; }, 6000);
}

// Fill a part of the page again, but never under somebody who is typing in it.
export async function refresh(part, path) {
  if (document.hidden || part.querySelector("details[open]") || part.querySelector("input:focus, button:focus-visible")) return;
  const answer = await fetch(path).catch(() => null);
  if (!answer || !answer.ok) return;
  const html = await answer.text();
  if (html !== part.shown) {
    part.innerHTML = html;
    part.shown = html;
  }
}

// Buttons of dead letters, wherever they are on the page.
export function letters(part, again) {
  part.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-retry]");
    if (!button) return;
    button.disabled = true;
    await ask(`/outbox/${button.dataset.retry}/retry`, {}).catch(() => {});
    button.disabled = false;
    button.blur();
    again();
  });
  part.addEventListener("submit", async (event) => {
    const form = event.target.closest("[data-settle]");
    if (!form) return;
    event.preventDefault();
    try {
      await ask(`/outbox/${form.dataset.settle}/settle`, { note: form.elements.note.value });
    } catch {
      return;
    }
    form.closest("details").open = false;
    document.activeElement.blur();
    again();
  });
}
