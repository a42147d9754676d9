// Asking and telling: the modal, the question before a dangerous act, toasts, copy buttons.
const modal = document.getElementById("modal");
const question = document.getElementById("confirm");
const toasts = document.getElementById("toasts");
const TOAST_MS = 7000, TOASTS_AT_ONCE = 4;

// ---- telling ----
const dismissLater = (toast) => {
  if (!toast.classList.contains("tone-bad")) setTimeout(() => toast.remove(), TOAST_MS);
};
// Dialogs lie in the top layer; as a popover the toasts lie above them.
const raise = () => {
  if (!toasts.showPopover) return;
  if (toasts.matches(":popover-open")) toasts.hidePopover();
  toasts.showPopover();
};
export const tell = ({ tone = "good", text, undo, see }) => {
  if (!toasts || !text) return;
  const toast = document.getElementById(`toast-${tone}`)?.content.firstElementChild.cloneNode(true);
  if (!toast) return;
  toast.querySelector("[data-text]").textContent = text;
  const link = toast.querySelector("[data-see]");
  if (see) {
    link.hidden = false;
    link.href = see;
  }
  const button = toast.querySelector("[data-undo]");
  if (undo) {
    button.hidden = false;
    button.addEventListener("click", () => { toast.remove(); htmx.ajax("POST", undo, { swap: "none" }); });
  }
  while (toasts.querySelectorAll(".toast-x").length >= TOASTS_AT_ONCE) toasts.querySelector(".toast-x").remove();
  toasts.append(toast);
  raise();
  dismissLater(toast);
};
if (toasts) {
  const waiting = toasts.querySelectorAll(".toast-x");
  waiting.forEach(dismissLater);
  if (waiting.length) raise();
  toasts.addEventListener("click", (event) => event.target.closest("[data-dismiss]")?.closest(".toast-x").remove());
}
document.body.addEventListener("toast", (event) => tell(event.detail));

// A refusal answers with application/problem+json; its detail is the sentence to show.
// A fragment that refreshes itself in the background stays as it was and tells nobody.
const inBackground = (event) => event.detail.elt?.dataset?.topic;
document.body.addEventListener("htmx:responseError", (event) => {
  if (inBackground(event)) return;
  const { xhr } = event.detail;
  let text = "";
  try { const problem = JSON.parse(xhr.responseText); text = problem.detail || problem.title; } catch { /* a page, not a problem */ }
  tell({ tone: "bad", text: text || `Nothing was changed: the server answered ${xhr.status}. Reload the page and try again.` });
});
document.body.addEventListener("htmx:sendError", (event) => {
  if (inBackground(event)) return;
  tell({ tone: "bad", text: "Nothing was changed: the server cannot be reached. Try again when the live dot is back." });
});

// ---- asking: data-confirm on a button or link, data-confirm-lines (one a line), -yes, -no, -danger ----
let settle = null;
export const ask = (source) => new Promise((resolve) => {
  const { confirm, confirmLines = "", confirmYes = "Go on", confirmNo = "Keep as is" } = source.dataset;
  question.querySelector("h2").textContent = confirm;
  question.querySelector("ul").replaceChildren(...confirmLines.split("\n").filter((line) => line.trim()).map((line) => {
    const item = document.createElement("li");
    item.textContent = line.trim();
    return item;
  }));
  const yes = question.querySelector("[value=yes]");
  yes.textContent = confirmYes;
  yes.className = `btn ${"confirmDanger" in source.dataset ? "btn-danger" : "btn-primary"}`;
  question.querySelector("[value=no]").textContent = confirmNo;
  settle = resolve;
  question.returnValue = "no";
  question.showModal();
  question.querySelector("[value=no]").focus();
});
question?.addEventListener("close", () => { settle?.(question.returnValue === "yes"); settle = null; });

const asking = (event) => {
  const submitter = event.detail.triggeringEvent?.submitter;
  return [submitter, event.detail.elt].find((element) => element?.dataset?.confirm);
};
document.body.addEventListener("htmx:confirm", (event) => {
  const source = asking(event);
  if (!source) return;
  event.preventDefault();
  ask(source).then((yes) => { if (yes) event.detail.issueRequest(true); });
});
const answered = new WeakSet();
document.addEventListener("submit", (event) => {
  const source = event.submitter;
  const { target } = event;
  if (!source?.dataset.confirm || answered.has(source) || target.matches("[hx-post], [hx-delete], [hx-put], [hx-patch]")) return;
  event.preventDefault();
  event.stopPropagation();
  ask(source).then((yes) => {
    if (!yes) return;
    answered.add(source);
    target.requestSubmit(source);
    answered.delete(source);
  });
}, true);

// ---- the modal: whatever lands in it opens it; closing asks while something is unsaved ----
const unsaved = () => modal?.querySelector("[data-unsaved]");
const closeModal = async () => {
  const held = unsaved();
  if (held && !(await ask({ dataset: {
    confirm: "Close without saving?", confirmLines: "The last change has not reached the server.", confirmYes: "Close", confirmNo: "Keep editing",
  } }))) return;
  modal.close();
};
if (modal) {
  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target === modal && !modal.open && modal.firstElementChild) modal.showModal();
  });
  modal.addEventListener("cancel", (event) => { if (unsaved()) { event.preventDefault(); closeModal(); } });
  modal.addEventListener("close", () => modal.replaceChildren());
  modal.addEventListener("click", (event) => { if (event.target === modal || event.target.closest("[data-close]")) closeModal(); });
}
document.body.addEventListener("dct:close-modal", () => modal?.close());
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-open]");
  if (opener) { event.preventDefault(); document.getElementById(opener.dataset.open)?.showModal(); }
  const box = event.target.closest("dialog");
  if (box && box !== modal && (event.target === box || event.target.closest("[data-close]"))) box.close("no");
});

// ---- copying ----
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = button.dataset.copy.startsWith("#") ? document.querySelector(button.dataset.copy)?.textContent : button.dataset.copy;
  try {
    await navigator.clipboard.writeText(source ?? "");
    tell({ tone: "good", text: "Copied." });
  } catch {
    tell({ tone: "bad", text: "The browser did not allow copying. Select the text and copy it by hand." });
  }
});
