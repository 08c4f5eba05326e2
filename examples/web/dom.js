/** An element; what is a function is told of its event, what is null is left out. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (typeof value === "function") made.addEventListener(key, value);
    else if (key in made && !key.startsWith("aria")) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

export const button = (text, click, more = {}) => element("button", { type: "button", click, ...more }, text);

/** A form with one field, whose value `submit` is given. */
export function form(label, field, action, submit) {
  const input = element("input", { required: true, ...field });
  const send = (event) => {
    event.preventDefault();
    submit(input.value.trim());
  };
  return element("form", { submit: send }, element("label", {}, label, input), element("button", { className: "first" }, action));
}

/** Shows a view, and leads whoever reads by ear or by keyboard to its heading. */
export function show(...children) {
  document.querySelector("main").replaceChildren(...children);
  const heading = document.querySelector("main h1");
  if (heading) {
    heading.tabIndex = -1;
    heading.focus();
  }
}

/** Says something that happened, also to whoever cannot see it. */
export function say(text) {
  document.querySelector("[role=status]").textContent = text;
}
