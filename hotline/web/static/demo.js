// The demo: a phone on the left, what its texts and calls cause in the middle, the system on the right.

import { calls, staff } from "./call.js";
import { ask, letters, refresh } from "./common.js";
import { timeline } from "./timeline.js";

const thread = document.getElementById("thread");
const system = document.getElementById("system");
const composer = document.getElementById("composer");
const number = thread.dataset.msisdn;

const phone = document.getElementById("phone");
let texts = thread.querySelectorAll(".bubble").length;

const look = (view) => {
  phone.dataset.view = view;
  if (view === "texts") {
    delete phone.dataset.unread;
    thread.scrollTop = thread.scrollHeight;
  }
  document.querySelectorAll("[data-view-of]").forEach((each) => each.setAttribute("aria-pressed", String(each.dataset.viewOf === view)));
};

const threadAgain = async () => {
  const near = thread.scrollHeight - thread.scrollTop - thread.clientHeight < 80;
  const before = thread.childElementCount;
  await refresh(thread, `/live/thread?msisdn=${encodeURIComponent(number)}`);
  const more = thread.querySelectorAll(".bubble").length > texts;
  texts = thread.querySelectorAll(".bubble").length;
  if (more && phone.dataset.view === "calls") phone.dataset.unread = "true";
  if (near || thread.childElementCount > before) thread.scrollTop = thread.scrollHeight;
};
const systemAgain = () => refresh(system, "/live/system");

let waiting;
const soon = () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => { threadAgain(); systemAgain(); }, 120);
};

async function send(text) {
  await ask("/demo/texts", { msisdn: number, text });
  soon();
}

composer.addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = composer.elements.text;
  const text = field.value;
  if (!text.trim()) return;
  field.value = "";
  await send(text).catch(() => { if (!field.value) field.value = text; });
  field.focus();
});

for (const button of document.querySelectorAll("[data-text]")) {
  button.addEventListener("click", () => send(button.dataset.text).catch(() => {}));
}

for (const tab of document.querySelectorAll("[data-tab]")) {
  tab.addEventListener("click", () => {
    document.body.className = `desk tab-${tab.dataset.tab}`;
    document.querySelectorAll("[data-tab]").forEach((each) => each.setAttribute("aria-pressed", String(each === tab)));
  });
}

for (const each of document.querySelectorAll("[data-view-of]")) {
  each.addEventListener("click", () => look(each.dataset.viewOf));
}

const clock = document.getElementById("phone-clock");
const form = { hour: "numeric", minute: "2-digit", timeZone: clock.dataset.zone };
const tick = () => { clock.textContent = new Date().toLocaleTimeString("en-GB", form); };
tick();
setInterval(tick, 10000);

thread.scrollTop = thread.scrollHeight;
if (document.getElementById("calls").dataset.live === "true") look("calls");
calls(number);
if (document.getElementById("staff")) staff(document.getElementById("staff"));
timeline(document.getElementById("timeline"), soon);
letters(system, systemAgain);
setInterval(systemAgain, 5000);
setInterval(threadAgain, 3000);
