// A subscriber's timeline: grows by server-sent events, shows what caused what.

export function timeline(list, onSteps = () => {}) {
  const empty = document.getElementById("timeline-empty");
  const scroll = document.getElementById("timeline-scroll");
  const live = document.getElementById("live");
  let source;
  let last = list.dataset.last;

  const depthOf = (step) => {
    const cause = step.dataset.cause && document.getElementById(`e${step.dataset.cause}`);
    return cause && cause !== step ? Math.min(Number(cause.dataset.depth || 0) + 1, 6) : 0;
  };

  const place = (step) => {
    const depth = depthOf(step);
    step.dataset.depth = depth;
    step.className = step.className.replace(/\bdepth-\d\b/, `depth-${depth}`);
    const before = step.previousElementSibling;
    if (!before || (before.dataset.day && before.dataset.day !== step.dataset.day)) {
      const day = document.createElement("li");
      day.className = "day";
      day.textContent = step.dataset.day;
      step.before(day);
    }
  };

  const add = (html) => {
    const made = document.createElement("template");
    made.innerHTML = html;
    const near = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 120;
    for (const step of [...made.content.children]) {
      if (document.getElementById(step.id)) continue;
      list.append(step);
      place(step);
      step.classList.add("fresh");
    }
    empty.hidden = true;
    if (near) scroll.scrollTop = scroll.scrollHeight;
  };

  const state = (on) => {
    live.classList.toggle("off", !on);
    live.querySelector("b").textContent = on ? live.dataset.live : live.dataset.offline;
  };

  const connect = () => {
    source = new EventSource(`/events?msisdn=${encodeURIComponent(list.dataset.msisdn)}&after=${last}`);
    source.onopen = () => state(true);
    source.addEventListener("steps", (event) => {
      last = event.lastEventId;
      add(JSON.parse(event.data).html);
      onSteps();
    });
    source.onerror = () => {
      state(false);
      // A refused stream (too many readers, service starting) is not tried again by the browser.
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, 5000);
    };
  };

  const lit = (step) => {
    list.querySelectorAll(".lit, .from, .to").forEach((each) => each.classList.remove("lit", "from", "to"));
    list.classList.toggle("tracing", Boolean(step));
    if (!step) return;
    step.classList.add("lit");
    const seen = new Set([step]);
    for (let at = step; at.dataset.cause; ) {
      at = document.getElementById(`e${at.dataset.cause}`);
      if (!at || seen.has(at)) break;
      seen.add(at);
      at.classList.add("from");
    }
    const id = step.id.slice(1);
    list.querySelectorAll(`[data-cause="${CSS.escape(id)}"]`).forEach((each) => each.classList.add("to"));
  };

  for (const step of list.querySelectorAll(".step")) place(step);
  list.addEventListener("mouseover", (event) => lit(event.target.closest(".step")));
  list.addEventListener("mouseleave", () => lit(null));
  list.addEventListener("focusin", (event) => lit(event.target.closest(".step")));
  list.addEventListener("focusout", () => lit(null));
  scroll.scrollTop = scroll.scrollHeight;
  window.addEventListener("pagehide", () => source.close());
  connect();
}
