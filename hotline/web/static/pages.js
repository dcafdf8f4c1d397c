// Status, outbox and subscriber pages: whichever live parts the page has.

import { letters, refresh } from "./common.js";
import { timeline } from "./timeline.js";

const parts = [
  [document.getElementById("system"), () => "/live/system"],
  [document.getElementById("rows"), (part) => `/live/outbox?${part.dataset.query}`],
];
for (const [part, path] of parts) {
  if (!part) continue;
  const again = () => refresh(part, path(part));
  letters(part, again);
  setInterval(again, 5000);
}
const list = document.getElementById("timeline");
if (list) timeline(list);
