// The condition tree in the page, read as JSON: {"all": [{"type", "version", "config"}, {"any": [...]}]}.
const split = (text) => text.split(",").map((piece) => piece.trim()).filter(Boolean);
const LISTED = ["in", "not_in", "between", "cidr"];

// A value without a type of its own: JSON where it is JSON, a list where the operator wants one, else the text itself.
const untyped = (text, operator) => {
  try { return JSON.parse(text); } catch { /* plain words */ }
  return LISTED.includes(operator) ? split(text) : text;
};

const fieldValue = (input, operator) => {
  const { kind } = input.dataset;
  if (kind === "bool") return input.checked || undefined;
  const text = input.value;
  if (text.trim() === "") return undefined;
  if (kind === "number") return Number(text);
  if (kind === "list") return split(text);
  return kind === "json" ? untyped(text, operator) : text;
};

const readLeaf = (item) => {
  const { type, version, kept } = item.dataset;
  if (kept) return { type, version: Number(version), config: JSON.parse(kept) };
  const operator = item.querySelector('[data-config="operator"]')?.value;
  const config = {};
  for (const input of item.querySelectorAll("[data-config]")) {
    const value = fieldValue(input, operator);
    if (value !== undefined) config[input.dataset.config] = value;
  }
  return { type, version: Number(version), config };
};

export const childrenOf = (item) => [...item.querySelector(":scope > [data-children]").children];

export const read = (item) =>
  item.dataset.node === "group" ? { [item.dataset.kind]: childrenOf(item).map(read) } : readLeaf(item);

// Calls back with each part, its path in messages (conditions.all[1]) and its JSON pointer (/all/1).
export const walk = (item, visit, path = "conditions", pointer = "") => {
  visit(item, path, pointer);
  if (item.dataset.node !== "group") return;
  const { kind } = item.dataset;
  childrenOf(item).forEach((child, at) => walk(child, visit, `${path}.${kind}[${at}]`, `${pointer}/${kind}/${at}`));
};
