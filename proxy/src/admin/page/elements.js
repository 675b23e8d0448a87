// Elements from values, and the page made to look like them while what the reader holds on to stays where it is.

const SVG = "http://www.w3.org/2000/svg";

// `e("p.empty", { id: "x" }, "text", [more])`; null, false and undefined children are none.
export function e(what, attributes = {}, ...children) {
  return make(document.createElement(tagOf(what)), what, attributes, children);
}

export function svg(what, attributes = {}, ...children) {
  return make(document.createElementNS(SVG, tagOf(what)), what, attributes, children);
}

function tagOf(what) {
  return what.split(".")[0];
}

function make(element, what, attributes, children) {
  const classes = what.split(".").slice(1);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") classes.push(value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  if (classes.length > 0) element.setAttribute("class", classes.join(" "));
  for (const child of children.flat(3)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child);
  }
  return element;
}

// Makes `parent`'s children look like `wanted`. Nodes that are alike stay, and with them focus, selection and what is open.
export function show(parent, ...wanted) {
  const nodes = wanted.flat(3).filter((node) => node !== null && node !== undefined && node !== false);
  morph(parent, nodes.map((node) => (typeof node === "string" ? document.createTextNode(node) : node)));
}

function morph(parent, wanted) {
  const keyed = new Map();
  for (const child of parent.children) {
    const key = child.getAttribute("data-key");
    if (key !== null) keyed.set(key, child);
  }
  let at = parent.firstChild;
  for (const node of wanted) {
    const key = node.nodeType === 1 ? node.getAttribute("data-key") : null;
    const same = key === null ? at : keyed.get(key);
    if (same && isAlike(same, node)) {
      // One more in front of it moves nothing but that one.
      if (same !== at) parent.insertBefore(same, at);
      else at = at.nextSibling;
      update(same, node);
    } else {
      parent.insertBefore(node, at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function isAlike(one, other) {
  if (one.nodeType !== other.nodeType || one.nodeName !== other.nodeName) return false;
  return one.nodeType !== 1 || one.getAttribute("data-key") === other.getAttribute("data-key");
}

function update(old, wanted) {
  if (old.nodeType !== 1) {
    if (old.data !== wanted.data) old.data = wanted.data;
    return;
  }
  for (const { name } of [...old.attributes]) {
    // What the reader opened stays open.
    if (!wanted.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  morph(old, [...wanted.childNodes]);
}
