const code = document.querySelector(".code");
const button = document.querySelector("button");
const said = document.querySelector("[role=status]");
const { copy } = button.dataset;

/** Over plain HTTP there is no clipboard; then what is selected is copied. */
async function copied() {
  const selection = getSelection();
  selection.selectAllChildren(code);
  try {
    await navigator.clipboard.writeText(code.textContent);
    return true;
  } catch {
    return document.execCommand("copy");
  }
}

let back;
button.addEventListener("click", async () => {
  // Where nothing copies, the code is selected by now.
  if (!(await copied())) return;
  clearTimeout(back);
  button.textContent = said.textContent = button.dataset.copied;
  back = setTimeout(() => {
    button.textContent = copy;
    said.textContent = "";
  }, 2_000);
});
button.hidden = false;
