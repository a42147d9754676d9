// The trigger editor, and the small manners of every form. Edits become one event, dct:edited, that saves the draft.
import { ownOf, read, treesOf, walk } from "./conditions.js";

const editorOf = (element) => element.closest("[data-editor]");
const draftOf = (editor) => editor?.querySelector("#draft");
const rootOf = (editor) => editor.querySelector("[data-conditions] > .tree > li");

// ---- saving ----
let edits = 0;
const store = (editor) => {
  const root = rootOf(editor);
  if (root) editor.querySelector("input[name=conditions]").value = JSON.stringify(read(root));
};
const edited = (editor, event = "dct:edited") => {
  const draft = draftOf(editor);
  if (!draft?.hasAttribute("hx-post")) return;
  store(editor);
  draft.dataset.unsaved = String(++edits);
  draft.dispatchEvent(new CustomEvent(event));
};
// An edit made while a save was under way is not in it: only the edit that was sent counts as saved.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.elt?.id === "draft") event.detail.elt.dataset.sent = event.detail.elt.dataset.unsaved ?? "";
});
document.addEventListener("htmx:afterRequest", (event) => {
  const draft = event.detail.elt;
  // 422 brings the reasons, and nothing was stored.
  if (draft?.id !== "draft" || !event.detail.successful || event.detail.xhr.status === 422) return;
  if (draft.dataset.sent === draft.dataset.unsaved) delete draft.dataset.unsaved;
});
addEventListener("beforeunload", (event) => { if (document.querySelector("[data-unsaved]")) event.preventDefault(); });

// ---- tabs ----
const select = (tab, focus) => {
  for (const other of tab.parentElement.querySelectorAll("[role=tab]")) {
    const on = other === tab;
    other.setAttribute("aria-selected", String(on));
    other.tabIndex = on ? 0 : -1;
    document.getElementById(other.getAttribute("aria-controls")).hidden = !on;
  }
  if (focus) tab.focus();
};
document.addEventListener("click", (event) => {
  const tab = event.target.closest("[data-editor] [role=tab]");
  if (tab) { event.preventDefault(); select(tab, true); }
});
document.addEventListener("keydown", (event) => {
  const tab = event.target.closest("[role=tab]");
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!tab || !by) return;
  const tabs = [...tab.parentElement.querySelectorAll("[role=tab]")];
  select(tabs[(tabs.indexOf(tab) + by + tabs.length) % tabs.length], true);
});

// ---- the tree ----
const pattern = (editor, selector) => editor.querySelector(`template${selector}`).content.firstElementChild.cloneNode(true);
const offer = (editor) => {
  for (const choice of editor.querySelectorAll("[data-add-leaf]")) {
    if (choice.options.length > 1) continue;
    // What looks at other events cannot stand in a tree inside another condition.
    const isInside = choice.closest('[data-kind="tree"]');
    for (const leaf of editor.querySelectorAll(`template[data-leaf]${isInside ? ":not([data-other-events])" : ""}`)) {
      choice.add(new Option(leaf.content.querySelector(".leaf-head > span").textContent, leaf.dataset.leaf));
    }
  }
};
const add = (editor, group, item) => {
  group.querySelector(":scope > [data-children]").append(item);
  offer(editor);
  edited(editor);
  (item.querySelector("input, select, button") || item).focus();
};
const move = (item, by) => {
  const other = by < 0 ? item.previousElementSibling : item.nextElementSibling;
  if (!other) return false;
  if (by < 0) other.before(item); else other.after(item);
  return true;
};

document.addEventListener("click", (event) => {
  const editor = editorOf(event.target);
  const button = event.target.closest("button");
  if (!button || button.matches(":disabled")) return;
  if ("addRow" in button.dataset) addRow(button.closest("[data-rows]"));
  else if ("removeRow" in button.dataset) removeRow(button.closest("[data-form-row]"));
  if (!editor) return;
  const item = button.closest("[data-node]");
  if (button.dataset.combine) {
    item.dataset.kind = button.dataset.combine;
    for (const other of button.parentElement.children) other.setAttribute("aria-pressed", String(other === button));
    edited(editor);
  } else if ("addGroup" in button.dataset) {
    add(editor, item, pattern(editor, "[data-group]"));
  } else if ("remove" in button.dataset) {
    const next = item.nextElementSibling || item.previousElementSibling || item.parentElement.closest("[data-node]");
    item.remove();
    edited(editor);
    next.querySelector("button, input, select")?.focus();
  } else if ("addRow" in button.dataset || "removeRow" in button.dataset) {
    edited(editor);
  }
});
const removeRow = (row) => {
  row.querySelector("[name$=-DELETE]").checked = true;
  row.hidden = true;
};
const addRow = (rows) => {
  const total = rows.querySelector("[name$=-TOTAL_FORMS]");
  const row = rows.querySelector("[data-row-pattern]").innerHTML.replaceAll("__prefix__", total.value);
  rows.querySelector("[data-rows-here]").insertAdjacentHTML("beforeend", row);
  total.value = String(Number(total.value) + 1);
  const added = rows.querySelector("[data-rows-here]").lastElementChild;
  showOptions(added);
  added.querySelector("input, select, textarea")?.focus();
};
// An option of a format is there to be filled in where that format is chosen.
const showOptions = (root) => {
  for (const select of root.querySelectorAll("[data-format]")) {
    for (const option of select.closest("[data-form-row]").querySelectorAll("[data-goes-with]")) {
      option.closest(".field").hidden = !option.dataset.goesWith.split(" ").includes(select.value);
    }
  }
};
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-format]")) showOptions(event.target.closest("[data-form-row]"));
});
document.addEventListener("input", (event) => {
  const editor = editorOf(event.target);
  if (editor && event.target.closest("#draft") && !event.target.matches("[data-add-leaf]")) edited(editor);
});
document.addEventListener("change", (event) => {
  const editor = editorOf(event.target);
  if (!editor || !event.target.matches("[data-add-leaf]") || !event.target.value) return;
  const leaf = pattern(editor, `[data-leaf="${CSS.escape(event.target.value)}"]`);
  event.target.value = "";
  add(editor, event.target.closest("[data-node]"), leaf);
});
document.addEventListener("keydown", (event) => {
  const editor = editorOf(event.target) || document.querySelector("dialog[open] [data-editor], main [data-editor]");
  if (!editor) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") { event.preventDefault(); edited(editor, "dct:save"); }
  const item = event.target.closest?.("[data-node]");
  const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (event.altKey && by && item) {
    event.preventDefault();
    if (move(item, by)) { edited(editor); event.target.focus(); }
  }
});

// ---- what the server said: marks of the sample, problems at their place ----
const data = (id) => JSON.parse(document.getElementById(id)?.textContent || "null");
const WORDS = { true: "Holds", false: "Does not hold", null: "Cannot tell", none: "No sample yet" };
const TONES = { true: "good", false: "off", null: "warn", none: "off" };

const showMark = (item, mark) => {
  const answer = mark ? String(mark.holds) : "none";
  const [box] = ownOf(item, "[data-mark]");
  box.className = `node-mark ${item.dataset.node === "group" ? "sq " : ""}tone-${TONES[answer]}`;
  box.title = WORDS[answer];
  box.querySelector("[data-mark-word]").textContent = WORDS[answer];
  for (const icon of box.querySelectorAll("[data-mark-icon]")) icon.hidden = icon.dataset.markIcon !== answer;
  ownOf(item, "[data-seen]")[0].textContent = mark ? mark.note || mark.actual : "";
};
const showProblem = (place, message) => {
  const [line] = ownOf(place, "[data-problem]");
  line.hidden = !message;
  line.textContent = message || "";
  place.querySelector(".leaf")?.classList.toggle("is-problem", Boolean(message));
};
// At its place a message needs no path: "conditions.all[1].config.value is required" reads "value is required" there.
const wordsAtPlace = ({ path, message }) =>
  message.startsWith(`${path} `) ? `${path.split(".").pop()} ${message.slice(path.length + 1)}` : message;
const isAt = ({ path }, place) => path === place || path.startsWith(`${place}.`) || path.startsWith(`${place}[`);
// An aria-invalid without a value says that it is right.
const markWrong = (field, wrong) => {
  field.classList.toggle("is-invalid", wrong);
  if (wrong) field.setAttribute("aria-invalid", "true"); else field.removeAttribute("aria-invalid");
};
// A problem of conditions.all[1].config.value[0] marks the field of that key.
const showWrongFields = (item, path, problems) => {
  for (const input of ownOf(item, "[data-config]:not([data-kind=tree])")) {
    const wrong = problems.some((problem) => isAt(problem, `${path}.config.${input.dataset.config}`));
    markWrong(input, wrong);
    const fold = input.closest("details");
    if (wrong && fold) fold.open = true;
  }
};
// general-name, limits-cooldown and deliverables-0-path as a form says it; name, limits.cooldown and deliverables[0].path
// as a problem does.
const pathOf = (name) => name.replace(/^general-/, "").replace(/-(min_size|max_size|pattern|forbidden_pattern|format|columns|sections|schema)$/, "-rules-$1").split("-").map((part, at) => (/^\d+$/.test(part) ? `[${part}]` : at ? `.${part}` : part)).join("");

const showAnswers = (editor) => {
  const root = rootOf(editor), problems = data("draft-problems") || [], marks = data("draft-marks") || {};
  const about = (path, item) => {
    // What is wrong in a tree inside it is told there.
    const inside = treesOf(item).map((tree) => `${path}.config.${tree.dataset.config}.`);
    const own = (problem) => problem.path === path || problem.path.startsWith(`${path}.config`) || problem.path.startsWith(`${path}.type`);
    return problems.filter((problem) => own(problem) && !inside.some((tree) => problem.path.startsWith(tree)));
  };
  if (root) {
    walk(root, (item, path, pointer) => {
      showMark(item, marks[pointer]);
      const own = item.dataset.node === "group" ? problems.filter((problem) => problem.path === `${path}.${item.dataset.kind}`) : [];
      showProblem(item, [...about(path, item), ...own].map(wordsAtPlace).join(" "));
      if (item.dataset.node === "leaf") showWrongFields(item, path, problems);
    });
  }
  for (const field of editor.querySelectorAll("#draft [name]")) {
    if (field.name !== "conditions") markWrong(field, problems.some((problem) => isAt(problem, pathOf(field.name))));
  }
  for (const tab of editor.querySelectorAll("[role=tab]")) {
    const warning = tab.querySelector("[data-tab-warning]");
    const panel = document.getElementById(tab.getAttribute("aria-controls"));
    if (warning) warning.hidden = !panel.querySelector(".is-problem, .is-invalid");
  }
};
// Where a problem is to be mended: the field that it names, else the nearest condition above.
const placeOf = (editor, path) => {
  const field = [...editor.querySelectorAll("#draft [name]")].find((one) => one.name !== "conditions" && isAt({ path }, pathOf(one.name)));
  if (field) return field;
  let nearest = null, length = 0;
  if (rootOf(editor)) {
    walk(rootOf(editor), (item, place) => {
      if (path.startsWith(place) && place.length > length) { nearest = item; length = place.length; }
    });
  }
  if (!nearest) return null;
  const key = path.slice(length).match(/^\.config\.([^.[]+)/)?.[1];
  const named = key && ownOf(nearest, `[data-config="${CSS.escape(key)}"]:not([data-kind=tree])`)[0];
  return named || ownOf(nearest, "[data-add-leaf], [data-config]:not([data-kind=tree]), button")[0];
};
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-go-to]");
  const editor = button && editorOf(button);
  const place = editor && placeOf(editor, button.dataset.goTo);
  if (!place) return;
  const panel = place.closest("[role=tabpanel]");
  if (panel) select(document.getElementById(panel.getAttribute("aria-labelledby")));
  const fold = place.closest("details");
  if (fold) fold.open = true;
  place.scrollIntoView({ block: "center" });
  place.focus();
});
const prepare = (scope) => {
  for (const editor of scope.querySelectorAll("[data-editor]")) { offer(editor); store(editor); showAnswers(editor); showOptions(editor); }
};
prepare(document);
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.elt.querySelector?.("[data-editor]")) prepare(event.detail.elt);
  const editor = document.getElementById("draft-state")?.closest("[data-editor]");
  if (editor) showAnswers(editor);
});

// ---- every form: filters send themselves, a sent instruction empties its field ----
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-autosubmit] select")) event.target.form.requestSubmit();
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful && event.detail.elt?.matches?.("form[data-reset]")) event.detail.elt.reset();
});
