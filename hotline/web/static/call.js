// The phone's calls: dial, keys, what is said in words and as sound, until somebody hangs up.

import { ask } from "./common.js";

const SOUND = "shouwen-sound";

// A sound is fetched and played by Web Audio, so that it stops at once when a key cuts it short.
function player(number) {
  let context;
  let source;
  let turn = 0;
  let on = localStorage.getItem(SOUND) !== "off";
  const stop = () => {
    turn += 1;
    if (source) source.stop();
    source = null;
  };
  return {
    get on() { return on; },
    turnTo(wish) {
      on = wish;
      localStorage.setItem(SOUND, on ? "on" : "off");
      if (!on) stop();
    },
    // Browsers let a page be heard only after a click.
    wake() {
      context ??= new AudioContext();
      context.resume();
    },
    stop,
    async play(line) {
      stop();
      if (!on || !context || line < 0) return;
      const mine = turn;
      const answer = await fetch(`/live/sound?msisdn=${encodeURIComponent(number)}&line=${line}`).catch(() => null);
      if (!answer || !answer.ok) return;
      const sound = await context.decodeAudioData(await answer.arrayBuffer()).catch(() => null);
      if (!sound || mine !== turn) return;
      source = context.createBufferSource();
      source.buffer = sound;
      source.connect(context.destination);
      source.start();
    },
  };
}

// Take over new children one by one: a screen reader then says only what is new.
function merge(list, made) {
  const fresh = [...made.children];
  fresh.forEach((each, at) => {
    const old = list.children[at];
    if (!old) list.append(each);
    else if (old.outerHTML !== each.outerHTML) old.replaceWith(each);
  });
  while (list.childElementCount > fresh.length) list.lastElementChild.remove();
}

export function calls(number) {
  const box = document.getElementById("calls");
  const head = document.getElementById("call-head");
  const spoken = document.getElementById("spoken");
  const dial = document.getElementById("dial");
  const hangUp = document.getElementById("hang-up");
  const mute = document.getElementById("call-sound");
  const keys = box.querySelectorAll("[data-key]");
  const sound = player(number);
  let seen = Number(box.dataset.seen);
  let live = box.dataset.live === "true";
  let state = box.dataset.state;
  let since = Date.now() - Number(box.dataset.seconds) * 1000;
  let speaking = -1;
  let watching = false;
  let keyed = Promise.resolve();

  const clock = document.createElement("time");
  const tick = () => {
    const seconds = Math.max(0, Math.floor((Date.now() - since) / 1000));
    clock.textContent = state === "idle" || state === "ringing" ? "" : `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  };

  const fill = (html) => {
    const made = document.createElement("template");
    made.innerHTML = html;
    const said = made.content.querySelector(".call-state");
    if (head.firstElementChild?.outerHTML !== said.outerHTML) head.replaceChildren(said);
    if (clock.parentElement !== box) head.after(clock);
    merge(spoken, made.content.querySelector("ol"));
    spoken.scrollTop = spoken.scrollHeight;
    box.dataset.state = state;
    box.dataset.live = String(live);
    document.getElementById("phone").dataset.live = String(live);
    if (!dial) return;
    if ((live && document.activeElement === dial) || (!live && document.activeElement === hangUp)) (live ? hangUp : dial).dataset.wants = "focus";
    dial.hidden = live;
    hangUp.hidden = !live;
    keys.forEach((key) => { key.disabled = !live; });
    for (const each of [dial, hangUp]) {
      if (each.dataset.wants) each.focus();
      delete each.dataset.wants;
    }
  };

  const show = (told) => {
    if (told.seen < seen) return;
    const ended = live && !told.live;
    seen = told.seen;
    live = told.live;
    state = told.state;
    if (live || ended) since = Date.now() - told.seconds * 1000;
    fill(told.html);
    tick();
    if (told.speaking !== speaking || ended) {
      speaking = told.speaking;
      sound.play(speaking);
    }
  };

  // One question after another, each answered when there is something new.
  const watch = async () => {
    if (watching) return;
    watching = true;
    while (live || !dial) {
      const answer = await fetch(`/live/call?msisdn=${encodeURIComponent(number)}&seen=${seen}`).catch(() => null);
      if (answer?.ok) show(await answer.json());
      else await new Promise((resolve) => { setTimeout(resolve, 2000); });
    }
    watching = false;
  };

  const post = async (path, body) => {
    const answer = await ask(path, { msisdn: number, ...body });
    show(await answer.json());
    watch();
  };

  const press = (key) => {
    if (!live) return;
    keyed = keyed.then(() => post("/demo/keys", { keys: key })).catch(() => {});
    const button = box.querySelector(`[data-key="${CSS.escape(key)}"]`);
    button.classList.add("down");
    setTimeout(() => button.classList.remove("down"), 150);
  };

  if (dial) {
    dial.addEventListener("click", () => {
      sound.wake();
      post("/demo/calls", {}).catch(() => {});
    });
    hangUp.addEventListener("click", () => post("/demo/hangups", {}).catch(() => {}));
    keys.forEach((each) => each.addEventListener("click", () => {
      sound.wake();
      press(each.dataset.key);
    }));
    document.addEventListener("keydown", (event) => {
      const typing = event.target.closest("input, textarea, select, pre");
      if (typing || event.repeat || event.ctrlKey || event.metaKey || event.altKey || !/^[0-9*#]$/.test(event.key)) return;
      press(event.key);
    });
    const muted = () => mute.setAttribute("aria-pressed", String(sound.on));
    mute.addEventListener("click", () => {
      sound.wake();
      sound.turnTo(!sound.on);
      muted();
    });
    muted();
  }

  fill(document.getElementById("call-first").innerHTML);
  tick();
  setInterval(() => { if (live) tick(); }, 500);
  watch();
}

// Agents with soft phones, who log in and out on the page.
export function staff(list) {
  list.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-agent]");
    if (!button) return;
    button.disabled = true;
    await ask("/demo/agents", { name: button.dataset.agent, working: button.dataset.working === "true" }).catch(() => {});
    const answer = await fetch("/live/agents").catch(() => null);
    if (answer?.ok) list.innerHTML = await answer.text();
    list.querySelector(`[data-agent="${CSS.escape(button.dataset.agent)}"]`)?.focus();
  });
}
