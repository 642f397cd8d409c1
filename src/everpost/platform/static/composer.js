// Writing an email without waiting for pages: the preview follows what is typed, buttons change the form in place, tags
// and markup go where the cursor is. Without this script each button loads the page anew, and all the same is possible.
// A form[data-composer] is sent and answered in place; a form[data-previewed] has the preview only.
const PAUSE = 500; // milliseconds without a key after which the preview is asked for
const composer = document.getElementById("composer");
const frames = document.getElementById("frames");
const views = document.querySelector(".views");
let field = null; // where the person wrote last
let waiting = 0;
let isUnsaved = false;

function form() {
  return composer.querySelector("form[data-composer], form[data-previewed]");
}

function say(text) {
  const state = document.getElementById("state");
  if (state) state.textContent = text;
}

function view() {
  return views.querySelector(":checked").value === "text" ? "text" : "html";
}

// A new frame is filled out of sight and then takes the old one's place: nothing flickers, and the browser's own way
// back leads to the page before this one, not to an older preview. It is scrolled to the block that is being written.
function preview() {
  const written = form();
  if (!written) return;
  const old = frames.querySelector(`iframe[data-view="${view()}"]:not(.coming)`);
  const next = old.cloneNode();
  const place = field?.closest(".block")?.dataset.place;
  frames.querySelectorAll(".coming").forEach((late) => late.remove());
  next.removeAttribute("src");
  next.removeAttribute("loading");
  next.classList.add("coming");
  next.name = `preview-${Date.now()}`;
  old.after(next);
  next.addEventListener("load", () => {
    if (!next.isConnected) return;
    next.classList.remove("coming");
    old.remove();
  });
  const { action, target } = written;
  written.action = `${frames.dataset.preview}?view=${view()}${place ? `#block-${place}` : ""}`;
  written.target = next.name;
  written.submit();
  written.action = action;
  written.target = target;
}

function soon() {
  clearTimeout(waiting);
  waiting = setTimeout(preview, PAUSE);
}

function touched() {
  isUnsaved = true;
  say("Not saved yet");
  soon();
}

// The page that the server answers with takes the place of the form; what was focused by name is focused again.
async function send(button) {
  if (composer.hasAttribute("aria-busy")) return; // pressed twice
  const written = form();
  const focused = button?.getAttribute("value");
  const body = new URLSearchParams(new FormData(written, button));
  say("Saving …");
  composer.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(written.action, { method: "POST", body });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("form[data-composer]");
    if (!fresh) throw new Error(`the answer ${answer.status} holds no form`);
    written.replaceWith(document.adoptNode(fresh));
    fresh.querySelectorAll(".notice.good").forEach((note) => note.remove());
    enhance();
    isUnsaved = fresh.hasAttribute("data-unsaved");
    say(isUnsaved ? "Not saved yet" : "Saved");
    goOn(new URL(answer.url).hash.slice(1), focused);
    preview();
  } catch {
    isUnsaved = true;
    say("Not saved: the server could not take it. What you wrote is still here; please try again.");
  } finally {
    composer.removeAttribute("aria-busy");
  }
}

// Keeps the keyboard where the person is: at what is wrong, at the block that was moved or made, at the same button.
function goOn(place, command) {
  const written = form();
  const wrong = written.querySelector("[aria-invalid], [role=alert] button");
  const made = isUnsaved ? [...written.querySelectorAll(".block[open]")].at(-1) : null;
  const block = made ?? (command === "save" ? null : document.getElementById(place));
  if (wrong) wrong.focus();
  else if (block) open(block);
  else [...written.querySelectorAll("button[name=do]")].find((each) => each.value === command)?.focus({ preventScroll: true });
}

function open(block) {
  const first = block.querySelector("input:not([type=hidden]), textarea, select") ?? block.querySelector("summary");
  first.focus({ preventScroll: true });
  block.scrollIntoView({ block: "nearest" });
  field = first;
}

// Puts text around what is selected, or in the place of it.
function insert(target, before, after = "") {
  const { selectionStart: start, selectionEnd: end, value } = target;
  target.setRangeText(before + value.slice(start, end) + after, start, end, "end");
  if (start === end && after) target.setSelectionRange(start + before.length, start + before.length);
  target.focus();
  touched();
}

const TOOLS = [
  ["Bold", (target) => insert(target, "**", "**")],
  ["Italic", (target) => insert(target, "*", "*")],
  ["Link", (target) => insert(target, "[", "](https://)")],
  ["List", (target) => insert(target, "\n- ")],
];

function tools(area) {
  const row = document.createElement("div");
  row.className = "block-tools";
  for (const [label, act] of TOOLS) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button quiet small";
    button.textContent = label;
    button.addEventListener("click", () => act(area));
    row.append(button);
  }
  area.before(row);
}

function enhance() {
  for (const button of composer.querySelectorAll("[data-insert]")) button.hidden = false;
  for (const button of composer.querySelectorAll("[data-without-script]")) button.remove();
  for (const area of composer.querySelectorAll('.block textarea[name$="-text"]')) tools(area);
}

composer.addEventListener("submit", (event) => {
  isUnsaved = false;
  if (!event.target.matches("[data-composer]")) return;
  event.preventDefault();
  send(event.submitter);
});
composer.addEventListener("input", (event) => {
  if (form()?.contains(event.target)) touched();
});
composer.addEventListener("focusin", (event) => {
  if (event.target.matches("input:not([type]), input[type=text], textarea")) field = event.target;
});
composer.addEventListener("click", (event) => {
  const button = event.target.closest("[data-insert]");
  if (button && field?.isConnected) insert(field, button.dataset.insert);
});
// Only one block of a row stands open: a long email stays in sight.
composer.addEventListener("toggle", (event) => {
  const block = event.target;
  if (!block.matches?.(".block") || !block.open) return;
  for (const other of block.parentElement.querySelectorAll(":scope > .block[open]")) other.open = other === block;
  form().querySelector("input[name=at]").value = block.dataset.place;
}, true);

// As wide as a screen, made smaller to fit beside the form.
new ResizeObserver(() => {
  frames.classList.add("fits");
  frames.style.setProperty("--scale", Math.min(1, frames.clientWidth / 700));
}).observe(frames);
views?.addEventListener("change", () => { if (isUnsaved) preview(); });
addEventListener("beforeunload", (event) => { if (isUnsaved) event.preventDefault(); });

// On a phone the email is best seen as on a phone.
if (innerWidth < 640) document.getElementById("view-phone").checked = true;
enhance();
isUnsaved = form()?.hasAttribute("data-unsaved") ?? false;
