// Elements. Text goes in as text: nothing here, or anywhere in the panel, is
// made of markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element: `h("button", { type: "button", onclick: act }, "Save")`.
 * Properties that begin with `on` listen; `true` stands for an empty attribute,
 * `false`, `null` and `undefined` for none. Children that are none are left out.
 */
export function h(name, properties, ...children) {
  return fill(document.createElement(name), properties, children);
}

/** The same for a drawing. */
export function svg(name, properties, ...children) {
  return fill(document.createElementNS(SVG, name), properties, children);
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (name.startsWith("on")) {
      element.addEventListener(name.slice(2), value);
    } else if (value !== false && value != null) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

let nextId = 0;

/** An identifier that no other element has. */
export function id() {
  nextId += 1;
  return `e${nextId}`;
}

/** A label above what it names; `hint` and, later, an error below it. */
export function field(label, control, hint) {
  control.id ||= id();
  const described = hint && h("p", { class: "hint", id: id() }, hint);
  if (described) control.setAttribute("aria-describedby", described.id);
  return h("div", { class: "field" }, h("label", { for: control.id }, label), control, described);
}

/** One of several: `[[value, name], …]`. */
export function select(options, chosen, properties) {
  const list = options.map(([value, name]) => h("option", { value, selected: value === chosen }, name));
  return h("select", properties, list);
}

/** A path in a square of 24, drawn in the colour of the text beside it. */
export function icon(path) {
  return svg("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: path }));
}
