// Keeps open what people opened while the page refreshes itself, says when the server is away, and asks for a new
// sign-in once the session has ended. Everything works without it; pages then show the time they were loaded.
"use strict";
const opened = () => new Set([...document.querySelectorAll("details[open][id]")].map((one) => one.id));
let kept = new Set();
document.addEventListener("htmx:beforeSwap", () => { kept = opened(); });
document.addEventListener("htmx:afterSwap", () => {
  for (const id of kept) document.getElementById(id)?.setAttribute("open", "");
});
const stale = (is) => { document.getElementById("stale").hidden = !is; };
document.addEventListener("htmx:sendError", () => stale(true));
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status === 401) location.reload();
  else stale(true);
});
document.addEventListener("htmx:beforeOnLoad", (event) => { if (event.detail.xhr.status < 400) stale(false); });
