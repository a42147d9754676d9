// The keyboard map: Ctrl K jumps, / searches, ? shows the map, G and a letter goes, J K Enter walk a list.
const GO_MS = 1200, STORE = "dct-single-keys";
const PLACES = { l: "library", e: "events", t: "triggers", x: "executions", n: "inbox", s: "status" };
const jump = document.getElementById("jump");
const map = document.getElementById("keys");

const singleKeys = () => { try { return localStorage.getItem(STORE) !== "off"; } catch { return true; } };
const toggles = document.querySelectorAll("[data-single-keys]");
for (const toggle of toggles) {
  toggle.checked = singleKeys();
  toggle.addEventListener("change", () => {
    for (const other of toggles) other.checked = toggle.checked;
    try { localStorage.setItem(STORE, toggle.checked ? "on" : "off"); } catch { /* private mode: lasts for this page */ }
  });
}

// ---- jump: pages at once, things from the server as one types ----
const places = () => [...jump.querySelectorAll("li")].filter((item) => !item.hidden && item.querySelector("a"));
const narrow = () => {
  const words = jump.querySelector("input").value.trim().toLowerCase();
  for (const item of jump.querySelectorAll("[data-places] li")) item.hidden = !item.textContent.toLowerCase().includes(words);
};
const openJump = () => {
  if (!jump || jump.open) return;
  jump.showModal();
  jump.querySelector("input").select();
  narrow();
};
if (jump) {
  jump.querySelector("input").addEventListener("input", narrow);
  jump.addEventListener("keydown", (event) => {
    const links = places().map((item) => item.querySelector("a"));
    const here = links.indexOf(document.activeElement);
    if (event.key === "ArrowDown") { event.preventDefault(); links[Math.min(here + 1, links.length - 1)]?.focus(); }
    if (event.key === "ArrowUp") { event.preventDefault(); (here > 0 ? links[here - 1] : jump.querySelector("input")).focus(); }
    if (event.key === "Enter" && document.activeElement.localName === "input") { event.preventDefault(); links[0]?.click(); }
  });
}
document.addEventListener("click", (event) => { if (event.target.closest("[data-jump]")) openJump(); });

// ---- walking a list: rows carry data-row around their main link ----
const walk = (by) => {
  const links = [...document.querySelectorAll("[data-row] a.quiet, [data-row] .card-title a")];
  const here = links.indexOf(document.activeElement);
  const next = links[here < 0 ? 0 : Math.max(0, Math.min(here + by, links.length - 1))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
};

const typing = (element) => element.closest("input, textarea, select, [contenteditable]");
let goUntil = 0;
const single = (event) => {
  const key = event.key.toLowerCase();
  if (Date.now() < goUntil) {
    goUntil = 0;
    const place = document.querySelector(`[data-nav="${PLACES[key]}"]`);
    if (place) { event.preventDefault(); location.assign(place.href); }
    return;
  }
  if (key === "g") goUntil = Date.now() + GO_MS;
  else if (key === "j") walk(1);
  else if (key === "k") walk(-1);
  else if (key === "/") { event.preventDefault(); (document.querySelector("main input[type=search]") || { focus: openJump }).focus(); }
  else if (event.key === "?") map?.showModal();
  else document.querySelector(`main [data-key="${CSS.escape(key)}"]`)?.click();
};

document.addEventListener("keydown", (event) => {
  const command = event.ctrlKey || event.metaKey;
  if (command && event.key.toLowerCase() === "k") { event.preventDefault(); openJump(); return; }
  if (command && event.key === "Enter") {
    const form = event.target.closest("form[data-send]");
    if (form) { event.preventDefault(); form.requestSubmit(); }
    return;
  }
  if (command || event.altKey || typing(event.target) || document.querySelector("dialog[open]") || !singleKeys()) return;
  single(event);
});
