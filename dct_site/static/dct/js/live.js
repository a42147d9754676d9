// Live pages: one websocket says what changed, and only the fragments that show it are fetched again.
// A fragment is an element with an id, data-topic="execution:12 ..." and hx-get, hx-trigger="dct:changed",
// hx-swap="morph:outerHTML". data-halo marks it for a moment after it changed.
const QUIET_MS = 250, HALO_MS = 1500, FIRST_RETRY_MS = 500, LAST_RETRY_MS = 15000, SIGNED_OUT = 4401;

const dot = document.querySelector("[data-live-dot]");
const path = document.body.dataset.live;

// ---- refetching: at most one request in flight and one each 250 ms for each fragment ----
const states = new Map(); // id of the fragment -> {at, timer, busy, again, halo}; ids outlive a swap, elements do not
const stateOf = (id) => {
  if (!states.has(id)) states.set(id, { at: 0, timer: 0, busy: false, again: false, halo: false });
  return states.get(id);
};

const fire = (id) => {
  const state = stateOf(id), element = document.getElementById(id);
  state.timer = 0;
  if (!element) { states.delete(id); return; }
  state.at = Date.now();
  element.dispatchEvent(new CustomEvent("dct:changed", { bubbles: false }));
};

const touch = (element, halo) => {
  if (!element.id) return;
  const state = stateOf(element.id);
  state.halo ||= halo && element.hasAttribute("data-halo");
  if (state.busy) { state.again = true; return; }
  if (state.timer) return;
  state.timer = setTimeout(fire, Math.max(0, state.at + QUIET_MS - Date.now()), element.id);
};

const watchers = () => [...document.querySelectorAll("[data-topic]")];
const topicsOf = (element) => element.dataset.topic.split(/\s+/).filter(Boolean);
const touchAll = () => watchers().forEach((element) => touch(element, false));
const touchTopics = (topics) => {
  for (const element of watchers()) if (topicsOf(element).some((topic) => topics.includes(topic))) touch(element, true);
};

const glow = (id) => {
  const element = document.getElementById(id);
  element?.classList.add("is-changed");
  setTimeout(() => document.getElementById(id)?.classList.remove("is-changed"), HALO_MS);
};

document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.dataset?.topic && event.target.id) stateOf(event.target.id).busy = true;
});
document.addEventListener("htmx:afterRequest", (event) => {
  // A fragment that replaced itself is gone by now, and the event then names its parent.
  const asked = event.detail.requestConfig?.elt ?? event.detail.elt;
  if (!asked?.dataset?.topic || !asked.id) return;
  const state = stateOf(asked.id);
  state.busy = false;
  if (state.halo && event.detail.successful) { state.halo = false; setTimeout(glow, 30, asked.id); }
  if (state.again) {
    state.again = false;
    state.timer ||= setTimeout(fire, QUIET_MS, asked.id);
  }
});

// ---- the connection ----
let socket = null, lastSeq = 0, retry = FIRST_RETRY_MS, since = null, subscribed = "", lost = 0;

const show = (state, words, rest = "") => {
  if (!dot) return;
  dot.className = `live ${state}`.trim();
  if (dot.textContent === words + rest) return;
  const first = document.createElement("span");
  first.textContent = words;
  first.classList.toggle("hide-s", Boolean(rest)); // phones show the shape and the time
  dot.replaceChildren(first, rest);
};
const clock = (moment) => moment.toTimeString().slice(0, 5);

const subscribe = () => {
  const topics = [...new Set(watchers().flatMap(topicsOf))].sort();
  const key = topics.join(" ");
  if (socket?.readyState !== WebSocket.OPEN || key === subscribed) return;
  // What changed between the drawing of the page and the first subscription is asked for by its time.
  const first = subscribed === "" && lost === 0;
  subscribed = key;
  socket.send(JSON.stringify({ type: "subscribe", topics, ...(first && { since: document.body.dataset.now }) }));
};

const heard = (event) => {
  const message = JSON.parse(event.data);
  const missed = typeof message.seq === "number" && lastSeq > 0 && message.seq !== lastSeq + 1;
  if (typeof message.seq === "number") lastSeq = message.seq;
  if (missed || message.type === "resync") touchAll();
  else if (Array.isArray(message.topics)) touchTopics(message.topics);
  document.dispatchEvent(new CustomEvent("dct:message", { detail: message }));
};

const opened = () => {
  retry = FIRST_RETRY_MS;
  subscribed = "";
  lastSeq = 0;
  since = null;
  show("", "Live");
  subscribe();
  if (lost) touchAll();
  // A blink of a second is not worth a word.
  if (lost > 1) {
    document.body.dispatchEvent(new CustomEvent("toast", { detail: { tone: "good", text: "Live again, caught up." } }));
  }
  lost = 0;
};

const closed = (event) => {
  socket = null;
  if (event.code === SIGNED_OUT) { show("is-off", "Signed out"); return; }
  since ||= new Date();
  lost += 1;
  const where = navigator.onLine ? "Reconnecting" : "Offline";
  show("is-off", where, ` since ${clock(since)}`);
  setTimeout(connect, retry * (0.75 + Math.random() / 2));
  retry = Math.min(retry * 2, LAST_RETRY_MS);
};

function connect() {
  if (socket) return;
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  socket = new WebSocket(`${scheme}//${location.host}${path}`);
  socket.addEventListener("open", opened);
  socket.addEventListener("message", heard);
  socket.addEventListener("close", closed);
}

if (path) {
  show("is-wait", "Connecting");
  connect();
  addEventListener("online", () => { retry = FIRST_RETRY_MS; connect(); });
  addEventListener("offline", () => { since ||= new Date(); show("is-off", "Offline", ` since ${clock(since)}`); });
  document.addEventListener("htmx:afterSettle", subscribe);
}

// What a morph must leave alone: what somebody typed or ticked, folds the viewer opened, dialogs.
const isTyped = (element) => "defaultValue" in element && element.value !== element.defaultValue;
const isTicked = (element) => element.checked !== element.defaultChecked;
if (window.Idiomorph) {
  Idiomorph.defaults.ignoreActiveValue = true;
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, element) => {
    if (name === "open") return element.localName !== "details" && element.localName !== "dialog";
    if (name === "value") return !isTyped(element);
    return name !== "checked" || !isTicked(element);
  };
}
