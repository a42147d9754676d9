// The condition tree in the page, read as JSON: {"all": [{"type", "version", "config"}, {"any": [...]}]}.
const split = (text) => text.split(",").map((piece) => piece.trim()).filter(Boolean);
const LISTED = ["in", "not_in", "between", "cidr"];
const ON_TEXT = ["prefix", "suffix", "glob", "matches"];
const asJson = (text) => { try { return JSON.parse(text); } catch { return undefined; } };

// A list is words with commas between them; as JSON where a word holds a comma itself: ["Hello, world"].
const listOf = (text) => {
  const found = text.trim().startsWith("[") ? asJson(text) : undefined;
  return Array.isArray(found) ? found : split(text);
};
// A value without a type of its own: JSON where it is JSON, a list where the operator wants one, else the text itself.
// "42" in quotes is text and 42 a number, but what looks into text is asked for text whatever it looks like: [0-9], 404.
const untyped = (text, operator) => {
  const found = asJson(text);
  if (found !== undefined && !(ON_TEXT.includes(operator) && typeof found !== "string")) return found;
  return LISTED.includes(operator) ? split(text) : text;
};

// Of what is below an item, what is its own and not that of a node inside it.
export const ownOf = (item, selector) =>
  [...item.querySelectorAll(selector)].filter((found) => found.closest("[data-node]") === item);
export const treesOf = (item) => ownOf(item, '[data-config][data-kind="tree"]');
const rootOf = (tree) => tree.querySelector(":scope > .tree > li");

const fieldValue = (input, operator) => {
  const { kind } = input.dataset;
  if (kind === "tree") return read(rootOf(input));
  if (kind === "bool") return input.checked || undefined;
  const text = input.value;
  if (text.trim() === "") return undefined;
  if (kind === "number") return Number(text);
  if (kind === "list") return listOf(text);
  return kind === "json" ? untyped(text, operator) : text;
};

const readLeaf = (item) => {
  const { type, version, kept } = item.dataset;
  if (kept) return { type, version: Number(version), config: JSON.parse(kept) };
  const operator = ownOf(item, '[data-config="operator"]')[0]?.value;
  const config = {};
  for (const input of ownOf(item, "[data-config]")) {
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
  for (const tree of item.dataset.node === "leaf" ? treesOf(item) : []) {
    const key = tree.dataset.config;
    walk(rootOf(tree), visit, `${path}.config.${key}`, `${pointer}/config/${key}`);
  }
  if (item.dataset.node !== "group") return;
  const { kind } = item.dataset;
  childrenOf(item).forEach((child, at) => walk(child, visit, `${path}.${kind}[${at}]`, `${pointer}/${kind}/${at}`));
};
